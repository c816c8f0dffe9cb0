//! The exporter finds out what is behind the socket, and notices when that changes.

use std::time::{Duration, Instant};

use crate::support::page::Page;
use crate::support::stand_in::{
    Behaviour, KAMAILIO, StandIn, Statistic, V1_11, V2_4, V3_6, V4_0, VERSIONS, Version,
};
use crate::support::{Exporter, TempDir, assert_down, assert_is_down, wait_until};

fn statistics() -> Vec<Statistic> {
    [
        ("core", "rcv_requests", 370),
        ("shmem", "fragments", 5),
        ("sl", "1xx_replies", 7),
    ]
    .map(|(group, name, value)| (group.into(), name.into(), value))
    .into()
}

fn start(directory: &TempDir, version: Version) -> StandIn {
    StandIn::with_statistics(&directory.join("mi.sock"), version, statistics())
}

fn assert_reads(exporter: &Exporter, version: Version) {
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{}: {:#?}", version.name, exporter.log());
    assert_eq!(page.value("opensips_core_requests_total", &[]), Some("370"));
    assert_eq!(page.of_server().len(), 3);
    assert_is(&page, version);
}

fn assert_is(page: &Page, version: Version) {
    let info = page.family("opensips_info").expect("opensips_info");
    assert_eq!(info.samples.len(), 1);
    let (server, number) = match version.name.split_once('-') {
        Some(it) => it,
        None => ("opensips", version.name),
    };
    let labels = &info.samples[0].labels;
    assert_eq!(labels["server"], server);
    assert!(labels["version"].starts_with(number), "{labels:?}");
}

#[test]
fn each_version_is_found_out_once() {
    for &version in VERSIONS {
        let directory = TempDir::new();
        let server = start(&directory, version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        assert_reads(&exporter, version);
        let questions = server.questions();
        assert!(questions.len() <= 2, "{}: {questions:?}", version.name);
        assert_reads(&exporter, version);
        assert_reads(&exporter, version);
        assert_eq!(server.questions(), questions, "{}", version.name);
        assert_eq!(server.requests().len(), 3, "{}", version.name);
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.contains("all"))
        );
    }
}

#[test]
fn another_version_in_its_place_is_noticed_by_the_next_scrape() {
    for &was in VERSIONS {
        for &is in VERSIONS {
            let directory = TempDir::new();
            let server = start(&directory, was);
            let exporter = Exporter::start(&directory.join("mi.sock"), &["--timeout=20s"]);
            assert_reads(&exporter, was);
            server.stop();
            let server = start(&directory, is);
            let began = Instant::now();
            assert_reads(&exporter, is);
            assert!(server.questions().len() <= 2, "{:?}", server.questions());
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{} {}",
                was.name,
                is.name
            );
            assert!(exporter.logged("opensips_up is 0").is_empty());

            // Kamailio does not answer the line protocol at all. In truth it has another socket.
            let is_mute = was.speaks_like(KAMAILIO) && is.speaks_like(V2_4);
            if was.speaks_like(is) || is_mute {
                continue;
            }
            // And on the same socket, where only its answers tell.
            server.become_version(was);
            server.forget();
            assert_reads(&exporter, was);
            assert!(server.questions().len() <= 2, "{:?}", server.questions());
            assert!(
                exporter.logged("opensips_up is 0").is_empty(),
                "{} {}",
                was.name,
                is.name
            );
        }
    }
}

#[test]
fn a_server_may_come_back_as_another_one_after_an_outage() {
    for (was, is) in [(V2_4, V3_6), (V4_0, KAMAILIO), (KAMAILIO, V1_11)] {
        let directory = TempDir::new();
        let server = start(&directory, was);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        assert_reads(&exporter, was);
        server.stop();
        assert_down(&exporter);
        let _server = start(&directory, is);
        assert_reads(&exporter, is);
    }
}

#[test]
fn a_chosen_dialect_is_not_found_out() {
    for (dialect, right, wrong) in [
        ("line", V2_4, V3_6),
        ("line", V1_11, KAMAILIO),
        ("jsonrpc", V4_0, KAMAILIO),
        ("jsonrpc", V3_6, V2_4),
        ("kamailio", KAMAILIO, V4_0),
        ("kamailio", KAMAILIO, V2_4),
    ] {
        let directory = TempDir::new();
        let arguments = ["--dialect", dialect];
        let server = start(&directory, right);
        let exporter = Exporter::start(&directory.join("mi.sock"), &arguments);
        assert_reads(&exporter, right);
        assert_eq!(server.questions().len(), 1, "{:?}", server.questions());
        server.become_version(wrong);
        assert_is_down(&exporter.scrape_within(Duration::from_millis(500)));
        server.become_version(right);
        assert_reads(&exporter, right);
    }
}

#[test]
fn a_reply_with_another_id_is_not_ours() {
    for version in [V3_6, V4_0, KAMAILIO] {
        let directory = TempDir::new();
        let server = start(&directory, version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        let late: &[u8] = match version.name {
            "kamailio-5.6" => br#"{"jsonrpc":"2.0","result":["core:rcv_requests = 1"],"id":99999}"#,
            _ => br#"{"jsonrpc":"2.0","result":{"core:rcv_requests":1},"id":99999}"#,
        };
        server.behave(Behaviour::Before(late.to_vec()));
        assert_reads(&exporter, version);
        assert_reads(&exporter, version);
    }
}

#[test]
fn a_selection_that_matches_nothing_is_no_error() {
    for &version in VERSIONS {
        let directory = TempDir::new();
        let _server = start(&directory, version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        let page = exporter.scrape_with("/metrics?collect[]=nosuch:");
        assert_eq!(page.up(), "1", "{}", version.name);
        assert_eq!(page.of_server(), Vec::<&str>::new(), "{}", version.name);
        let page = exporter.scrape_with("/metrics?collect[]=core:&collect[]=a%5Cb");
        assert_eq!(
            page.of_server(),
            ["opensips_core_requests_total"],
            "{}",
            version.name
        );
    }
}

#[test]
fn sick_json_is_no_value() {
    let directory = TempDir::new();
    let server = start(&directory, V3_6);
    let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
    for (reply, advice) in [
        (
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params"}}"#,
            "-32602 Invalid params",
        ),
        (
            r#"{"jsonrpc":"2.0","result":{"core:rcv_requests":37"#,
            "was cut off",
        ),
        (
            r#"{"jsonrpc":"2.0","result":{"core:rcv_requests":}}"#,
            "cannot make sense of",
        ),
        ("{", "was cut off"),
        ("[]", "cannot make sense of"),
        ("500 Internal error", "cannot answer"),
    ] {
        assert_reads(&exporter, V3_6);
        server.behave(Behaviour::Raw(reply.into()));
        let before = exporter.log().len();
        assert_down(&exporter);
        server.behave(Behaviour::Proper);
        wait_until(advice, || {
            let log = exporter.log().split_off(before);
            log.iter().any(|line| line.contains(advice))
        });
    }
}

#[test]
fn a_server_that_would_not_say_its_version_is_asked_again() {
    for version in [V3_6, V4_0] {
        let directory = TempDir::new();
        let server = start(&directory, version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        server.behave(Behaviour::Raw(b"500 Internal error".to_vec()));
        assert_down(&exporter);
        server.behave(Behaviour::Proper);
        assert_eq!(exporter.scrape().up(), "1");
        assert_reads(&exporter, version);
    }
}

/// Each of them logs what it does not understand.
#[test]
fn a_slow_server_is_asked_nothing_but_what_it_knows() {
    for version in [V1_11, V2_4] {
        let directory = TempDir::new();
        let server = start(&directory, version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &["--timeout=20s"]);
        assert_reads(&exporter, version);
        server.forget();
        server.behave(Behaviour::Slow(Duration::from_millis(600)));
        assert_reads(&exporter, version);
        let questions = server.questions();
        assert!(
            questions.iter().all(|asked| asked == ":version:\n"),
            "{questions:?}"
        );
    }
}

#[test]
fn a_socket_that_is_named_after_kamailio_is_asked_in_its_way() {
    let directory = TempDir::new();
    let socket = directory.join("kamailio_rpc.sock");
    let server = StandIn::with_statistics(&socket, KAMAILIO, statistics());
    let exporter = Exporter::start(&socket, &[]);
    assert_reads(&exporter, KAMAILIO);
    let questions = server.questions();
    assert_eq!(questions.len(), 1, "{questions:?}");
    assert!(questions[0].contains("\"core.version\""), "{questions:?}");
    server.stop();

    // Whatever is called so.
    let _server = StandIn::with_statistics(&socket, V3_6, statistics());
    assert_reads(&exporter, V3_6);
}

/// It answers from its socket, by the name that this has itself.
#[test]
fn a_link_to_the_socket_of_kamailio_will_do() {
    let directory = TempDir::new();
    let (socket, link) = (
        directory.join("kamailio_rpc.sock"),
        directory.join("mi.sock"),
    );
    let _server = StandIn::with_statistics(&socket, KAMAILIO, statistics());
    std::os::unix::fs::symlink(&socket, &link).expect("a link");
    assert_reads(&Exporter::start(&link, &["--timeout=2s"]), KAMAILIO);
}
