//! Servers that are asked by their FIFO, as stock configurations have it.

use std::fs;

use crate::golden_pages::steady;
use crate::support::fifo::{FifoServer, Place};
use crate::support::many_processes::{assert_all, statistics};
use crate::support::stand_in::{V1_11, V2_4, V3_6, V4_0, Version, read_captured};
use crate::support::{assert_down, assert_up, fixture};

const VERSIONS: [Version; 4] = [V1_11, V2_4, V3_6, V4_0];

/// What a server takes of a request, and what no other client's request can get into.
const LIMIT: usize = 4096;

/// How many of `requests` ask for this.
fn count(requests: &[String], text: &str) -> usize {
    requests
        .iter()
        .filter(|request| request.contains(text))
        .count()
}

#[test]
fn the_page_is_that_of_a_datagram() {
    for version in VERSIONS {
        let place = Place::new();
        let captured = fixture(&format!("{}/get_statistics_all.reply", version.name));
        let all = read_captured(&fs::read(captured).expect("the captured reply"));
        let server = place.server_with(version, all);
        server.load_modules();
        let exporter = place.exporter(&[
            "--collect=all,tcp_connections,call_center_queue,rtp_relay,dialog_states",
            "--dialog-profiles=caller,inbound",
        ]);
        let page = fs::read_to_string(fixture(&format!("{}/page.txt", version.name)));
        let page = page.expect("the page of a datagram");
        let by_fifo = steady(&exporter.get("/metrics").text());
        assert_eq!(by_fifo, page, "{}", version.name);
        let first = server.take_requests();
        // What it speaks is found out first, and nothing is asked twice.
        assert!(first[0].contains("{\"opensips_exporter-"), "{first:?}");
        for once in ["get_statistics", "which", "{\"opensips_exporter-"] {
            assert_eq!(count(&first, once), 1, "{}: {once}", version.name);
        }
        assert_eq!(exporter.scrape().up(), "1");
        let second = server.take_requests();
        assert_eq!(count(&second, "version"), 0, "{second:?}");
        assert_eq!(count(&second, "get_statistics"), 1, "{second:?}");
        assert_eq!(place.replies.files(), Vec::<String>::new());
    }
}

#[test]
fn every_statistic_of_two_thousand_processes_arrives_in_one_request() {
    const PROCESSES: usize = 2000;
    for version in VERSIONS {
        let place = Place::new();
        let all = statistics(version, PROCESSES);
        let server = place.server_with(version, all);
        let exporter = place.exporter(&["--timeout=20s"]);
        for _ in 0..2 {
            assert_all(&exporter, version, PROCESSES);
            let requests = server.take_requests();
            assert_eq!(count(&requests, "get_statistics"), 1, "{}", version.name);
        }
        // Room for all of it, so that the server never waits for the client.
        let rooms = server.take_replies();
        assert!(rooms.iter().all(|reply| reply.room >= 1 << 20), "{rooms:?}");
    }
}

#[test]
fn names_that_do_not_fit_into_one_request_are_asked_for_in_several() {
    for version in VERSIONS {
        let place = Place::new();
        let all = statistics(version, 230);
        let server = place.server_with(version, all.clone());
        let exporter = place.exporter(&[]);
        assert_up(&exporter);
        server.take_requests();
        let names = (0..230).map(|process| format!("collect[]={process}-real_used_size"));
        let names = names.collect::<Vec<_>>().join("&");
        let page = exporter.scrape_with(&format!("/metrics?{names}"));
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        let family = page
            .family("opensips_pkmem_real_used_size")
            .expect("samples");
        let has_name = |(_, name, _): &&(_, Vec<u8>, _)| name.ends_with(b"-real_used_size");
        assert_eq!(family.samples.len(), all.iter().filter(has_name).count());
        let requests = server.take_requests();
        let asked = requests.len();
        assert!((2..=5).contains(&asked), "{}: {asked}", version.name);
        assert!(requests.iter().all(|request| request.len() <= LIMIT));

        // Names twice as long in JSON.
        let names = (0..40).map(|name| format!("collect[]={name}{}", "%5C".repeat(50)));
        let names = names.collect::<Vec<_>>().join("&");
        let page = exporter.scrape_with(&format!("/metrics?{names}&collect[]=core:"));
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        assert!(page.family("opensips_core_requests_total").is_some());
        let requests = server.take_requests();
        assert!(requests.iter().all(|request| request.len() <= LIMIT));
    }
}

#[test]
fn each_version_is_found_out_also_in_the_place_of_another() {
    let place = Place::new();
    let exporter = place.exporter(&[]);
    for version in [V3_6, V2_4, V4_0, V1_11, V3_6, V3_6, V2_4, V2_4] {
        let server = place.server(version);
        for _ in 0..2 {
            assert_up(&exporter);
        }
        let page = exporter.scrape();
        let info = &page.family("opensips_info").expect("what it is").samples[0];
        assert!(info.labels["version"].starts_with(version.name), "{info:?}");
        // Of its kind, and at once.
        let asked = server.take_requests();
        assert_eq!(count(&asked, "{\"opensips_exporter-"), 1, "{asked:?}");
        server.stop();
    }
    assert!(exporter.logged("opensips_up is 0").is_empty());
}

/// A dialect that the operator names is no reason to spoil the FIFO of a server that speaks the
/// other.
#[test]
fn a_wrong_dialect_is_not_spoken() {
    for (version, right, wrong) in [
        (V3_6, "jsonrpc", "line"),
        (V3_6, "jsonrpc", "kamailio"),
        (V2_4, "line", "jsonrpc"),
    ] {
        let place = Place::new();
        let server = place.server(version);
        let exporter = place.exporter(&["--dialect", wrong]);
        assert_down(&exporter);
        let line = exporter.wait_for_log("opensips_up is 0");
        assert!(line.contains("--dialect is auto"), "{line}");
        assert_eq!(count(&server.take_requests(), "get_statistics"), 0);
        assert_up(&place.exporter(&["--dialect", right]));
    }
}

/// Between two requests of one scrape.
#[test]
fn a_server_that_is_replaced_in_the_middle_is_not_spoken_to_in_the_old_way() {
    for (before, after) in [(V2_4, V3_6), (V3_6, V2_4), (V1_11, V4_0)] {
        for moment in ["version", "get_statistics", "which"] {
            let place = Place::new();
            let server = place.server(before);
            let exporter = place.exporter(&["--timeout=2s"]);
            let (replacing, replaced) = std::sync::mpsc::channel();
            let (path, replies) = (place.fifo(), place.replies.path().to_path_buf());
            server.before_answers(move |request| {
                // Not the question for the dialect, which comes first.
                if request.contains(moment) && !request.contains("opensips_exporter-\"") {
                    let _ = replacing.send(FifoServer::start(&path, &replies, after));
                }
            });
            exporter.scrape();
            let _after = replaced.try_recv().expect("it was replaced");
            server.before_answers(|_| {});
            exporter.scrape();
            assert_up(&exporter);
        }
    }
}
