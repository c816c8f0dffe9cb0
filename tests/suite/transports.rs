//! The exporter beside servers that are asked by network.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::many_processes::{assert_all, statistics};
use crate::support::modules::success;
use crate::support::network::{Behaviour, Server};
use crate::support::stand_in::{KAMAILIO, Statistic, V1_11, V2_4, V3_6, V4_0};
use crate::support::{Exporter, assert_down, assert_is_down, assert_up, binary, wait_until};

fn exporter(target: &str, arguments: &[&str]) -> Exporter {
    let mut command = binary();
    command
        .args(["--addr=127.0.0.1:0", "--socket", target])
        .args(arguments);
    Exporter::run(command)
}

#[test]
fn mi_datagram_may_listen_on_udp() {
    for (host, version) in [
        ("127.0.0.1", V1_11),
        ("127.0.0.1", V2_4),
        ("127.0.0.1", V3_6),
        ("127.0.0.1", KAMAILIO),
        ("::1", V4_0),
        ("::1", V2_4),
    ] {
        let server = Server::udp(host, version);
        let exporter = exporter(&format!("udp:{}", server.address), &[]);
        assert_up(&exporter);
        assert_up(&exporter);
        // Three or four for the processes, one for the groups that do not grow.
        assert!(server.take_requests().len() <= 5);
        assert!(exporter.get("/").text().contains("<code>udp:"));
    }
    let server = Server::udp("127.0.0.1", V3_6);
    assert_up(&exporter(
        &format!("udp:localhost:{}", server.address.port()),
        &[],
    ));
}

#[test]
fn mi_http_is_asked_by_post() {
    // Kamailio does not say what it is to the question of OpenSIPS.
    for (version, questions) in [(V3_6, 1), (V4_0, 1), (KAMAILIO, 2)] {
        let server = Server::http(version);
        let url = format!("http://{}/mi", server.address);
        let exporter = exporter(&url, &[]);
        assert_up(&exporter);
        assert_up(&exporter);
        let requests = server.take_requests();
        assert!(
            requests
                .iter()
                .all(|request| request.starts_with("POST /mi HTTP/1."))
        );
        assert_eq!(requests.len(), questions + 2);
    }
}

#[test]
fn a_connection_that_is_kept_is_not_waited_for() {
    let server = Server::http(V3_6);
    server.behave(Behaviour::Keeping);
    let url = format!("http://{}/mi", server.address);
    let exporter = exporter(&url, &["--timeout=20s"]);
    let began = Instant::now();
    assert_up(&exporter);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_lost_packet_teaches_nothing() {
    let server = Server::udp("127.0.0.1", V2_4);
    let exporter = exporter(&format!("udp:{}", server.address), &[]);
    assert_up(&exporter);
    server.take_requests();
    for _ in 0..4 {
        // Other questions in between.
        assert_eq!(exporter.get("/-/ready").status, 200);
        exporter.scrape_with("/metrics?collect[]=core:");
        server.behave(Behaviour::Losing);
        assert_up(&exporter);
        server.behave(Behaviour::Proper);
        // Nothing that the server would log.
        let requests = server.take_requests();
        assert!(
            requests.iter().all(|request| request.starts_with(':')),
            "{requests:?}"
        );
        assert_up(&exporter);
        assert_eq!(server.take_requests().len(), 1);
    }
}

/// A version of another dialect shows by its answers, one of the same only by its uptime.
#[test]
fn another_version_in_its_place_is_noticed() {
    let servers = [
        (Server::udp("127.0.0.1", V3_6), "udp:", ""),
        (Server::http(V3_6), "http://", "/mi"),
    ];
    for (server, scheme, path) in servers {
        let exporter = exporter(&format!("{scheme}{}{path}", server.address), &[]);
        let mut uptime = 5000;
        for version in [
            V3_6, V4_0, V3_6, V2_4, V1_11, KAMAILIO, V2_4, KAMAILIO, V3_6,
        ] {
            if scheme != "udp:" && version.speaks_like(V2_4) {
                continue;
            }
            uptime /= 2;
            let mut state = server.state();
            state.version = version;
            for (_, name, value) in &mut state.statistics {
                if name == b"timestamp" {
                    *value = uptime;
                }
            }
            state.requests.clear();
            drop(state);
            for _ in 0..2 {
                let page = exporter.scrape();
                assert_eq!(page.up(), "1", "{:#?}", exporter.log());
                let info = &page.family("opensips_info").expect("what it is").samples[0];
                let number = version.name.rsplit('-').next().expect("a number");
                assert!(info.labels["version"].starts_with(number), "{info:?}");
            }
            let requests = server.take_requests();
            let extra = requests
                .iter()
                .filter(|request| !request.contains("get_statistics"));
            assert!(extra.count() <= 3, "{requests:?}");
        }
        assert!(exporter.logged("opensips_up is 0").is_empty());
    }
}

#[test]
fn what_does_not_fit_into_one_reply_is_split() {
    const PROCESSES: usize = 500;
    let servers = [
        (Server::udp("127.0.0.1", V1_11), "udp:", ""),
        (Server::udp("127.0.0.1", V3_6), "udp:", ""),
        (Server::http(V3_6), "http://", "/mi"),
    ];
    for (server, scheme, path) in servers {
        let mut version = server.state().version;
        if scheme == "http://" {
            // A quarter of the private memory, and requests have no room for names.
            version = version.with_limit(130_000);
            server.state().version = version;
        }
        server.state().statistics = statistics(version, PROCESSES);
        let target = format!("{scheme}{}{path}", server.address);
        let exporter = exporter(&target, &["--timeout=20s"]);
        assert_all(&exporter, version, PROCESSES);
        server.take_requests();
        assert_all(&exporter, version, PROCESSES);
        // Three or four for the processes, one for the groups that do not grow.
        assert!(server.take_requests().len() <= 5);
    }
}

#[test]
fn a_packet_with_another_id_is_not_ours() {
    let server = Server::udp("127.0.0.1", V3_6);
    let exporter = exporter(&format!("udp:{}", server.address), &[]);
    let late = br#"{"jsonrpc":"2.0","result":{"core:rcv_requests":1},"id":99999}"#;
    server.behave(Behaviour::Before(late.to_vec()));
    assert_up(&exporter);
    assert_up(&exporter);
}

#[test]
fn the_flags_of_the_original_are_understood() {
    let server = Server::http(V3_6);
    let url = format!("http://{}/mi/", server.address);
    let mut command = binary();
    command.args([
        "-addr=127.0.0.1:0",
        "-protocol",
        "mi_http",
        "-http_address",
        &url,
    ]);
    assert_up(&Exporter::run(command));
    assert!(server.take_requests()[0].starts_with("POST /mi/ HTTP/1."));
}

#[test]
fn sick_servers_by_network_cost_no_more_than_the_timeout() {
    let udp = Server::udp("127.0.0.1", V3_6);
    let http = Server::http(V3_6);
    let of_udp = exporter(&format!("udp:{}", udp.address), &["--timeout=20s"]);
    let of_http = exporter(&format!("http://{}/mi", http.address), &["--timeout=20s"]);
    let ok = |body: &str| Behaviour::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes());
    for (server, exporter, behaviour, advice) in [
        (&udp, &of_udp, Behaviour::Silent, "no reply from udp:"),
        (
            &udp,
            &of_udp,
            Behaviour::Raw(Vec::new()),
            "cannot make sense of",
        ),
        (
            &udp,
            &of_udp,
            Behaviour::Raw(b"{\"resu".to_vec()),
            "was cut off",
        ),
        (&http, &of_http, Behaviour::Silent, "no reply from http:"),
        (&http, &of_http, Behaviour::Dripping, "no reply from http:"),
        (&http, &of_http, Behaviour::Endless, "http://"),
        (
            &http,
            &of_http,
            Behaviour::Raw(Vec::new()),
            "without an answer",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"hello\r\n\r\n".to_vec()),
            "not HTTP",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()),
            "HTTP status 404",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
            "after 1 bytes",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec()),
            "its buffer is too small",
        ),
        (
            &http,
            &of_http,
            ok("{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":99999}"),
            "the id of another request",
        ),
        (&http, &of_http, ok("{\"result\":{"), "was cut off"),
        (&http, &of_http, ok(""), "cannot make sense of"),
    ] {
        assert_up(exporter);
        server.behave(behaviour.clone());
        let began = Instant::now();
        assert_is_down(&exporter.scrape_within(Duration::from_millis(500)));
        assert!(began.elapsed() < Duration::from_secs(5), "{behaviour:?}");
        exporter.wait_for_log(advice);
        server.behave(Behaviour::Proper);
    }
    assert_up(&of_udp);
    assert_up(&of_http);
}

#[test]
fn a_reply_of_any_depth_is_no_end() {
    let lines = |level: usize| format!("{}x:: 1\n", "\t".repeat(level));
    let lines: String = (0..5000).map(lines).collect();
    let arrays = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let objects = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    let array = "[\"ds_list\"]";
    for (version, dialect, which, reply) in [
        (V2_4, "line", "ds_list\n", lines),
        (V3_6, "auto", array, arrays),
        (V4_0, "auto", array, objects),
    ] {
        let server = Server::http(version.with_limit(usize::MAX));
        server.teach("which", which);
        server.teach("ds_list", &reply);
        let url = format!("http://{}/mi", server.address);
        let mut exporter = exporter(&url, &["--timeout=20s", "--dialect", dialect]);
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1", "{:#?}", exporter.log());
            assert_eq!(success(&page, "dispatcher").as_deref(), Some("0"));
        }
        assert!(exporter.is_running());
    }
}

#[test]
fn a_reply_has_16_mib_at_most() {
    let server = Server::http(V3_6);
    let url = format!("http://{}/mi", server.address);
    let exporter = exporter(&url, &["--timeout=20s"]);
    let answer = |length: usize, header: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n");
        let body = vec![b' '; length];
        Behaviour::Raw([head.as_bytes(), &body].concat())
    };
    const MOST: usize = 16 << 20;
    let announced = format!("Content-Length: {}\r\n", MOST + 1);
    for (behaviour, what) in [
        // Nothing is waited for that would be refused.
        (answer(1, &announced), "the reply is too large to read"),
        (answer(MOST + 1, ""), "the reply is too large to read"),
        (answer(MOST, ""), "cannot make sense of the reply"),
    ] {
        assert_up(&exporter);
        let before = exporter.logged(what).len();
        server.behave(behaviour);
        assert_down(&exporter);
        wait_until(what, || exporter.logged(what).len() > before);
        server.behave(Behaviour::Proper);
    }
    assert_up(&exporter);
}

#[test]
fn a_server_by_network_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = address.expect("a port");
    for (target, advice) in [
        (format!("udp:{address}"), "nobody answers at udp:127.0.0.1:"),
        (
            format!("http://{address}/mi"),
            "nobody answers at http://127.0.0.1:",
        ),
        (
            "udp:no-such-host.invalid:8080".to_string(),
            "no address for the host in udp:no-such-host.invalid:8080",
        ),
        (
            "http://no-such-host.invalid/mi".to_string(),
            "no address for the host in http://no-such-host.invalid:80/mi",
        ),
    ] {
        let exporter = exporter(&target, &["--timeout=2s"]);
        assert_down(&exporter);
        exporter.wait_for_log(advice);
    }
}

/// httpd takes no more than 1,024 bytes of a request by default.
#[test]
fn what_does_not_fit_into_one_request_is_split() {
    let server = Server::http(V3_6);
    server.state().statistics = statistics(V3_6, 60);
    let exporter = exporter(&format!("http://{}/mi", server.address), &[]);
    let names = (0..60).map(|process| format!("collect[]={process}-real_used_size"));
    let query: Vec<String> = names.collect();
    let page = exporter.scrape_with(&format!("/metrics?{}", query.join("&")));
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    let family = page
        .family("opensips_pkmem_real_used_size")
        .expect("samples");
    let all = statistics(V3_6, 60);
    let has_name = |(_, name, _): &&Statistic| name.ends_with(b"-real_used_size");
    assert_eq!(family.samples.len(), all.iter().filter(has_name).count());
    assert!(server.take_requests().len() <= 8);
}
