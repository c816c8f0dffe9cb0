//! The processes of the server, which the statistics of processes can be joined to.

use crate::support::many_processes::statistics;
use crate::support::page::{Page, Sample};
use crate::support::stand_in::{Behaviour, KAMAILIO, StandIn, V1_11, V2_4, V3_6, V4_0, Version};
use crate::support::{Exporter, TempDir, server_and_exporter, server_with, wait_until};

fn start(version: Version, processes: usize) -> (TempDir, StandIn, Exporter) {
    server_with(version, statistics(version, processes), &[])
}

/// How often the server was asked for its processes.
fn asked(server: &StandIn) -> usize {
    server.times("ps")
}

/// The processes on the page, by their index.
fn processes(page: &Page) -> Vec<usize> {
    let family = page.family("opensips_process_info");
    let samples = family.map_or(&[][..], |family| family.samples.as_slice());
    let index = |sample: &Sample| sample.labels["process"].parse().expect("an index");
    samples.iter().map(index).collect()
}

#[test]
fn each_version_tells_its_processes_once() {
    for (version, labels) in [
        (V1_11, ("4", "8359", "SIP receiver udp:127.0.0.1:5111")),
        (V2_4, ("8", "9755", "SIP receiver udp:127.0.0.1:5124")),
        (V3_6, ("7", "14778", "SIP receiver udp:127.0.0.1:5136")),
        (V4_0, ("2", "9821", "RTPP notification receiver")),
        (
            KAMAILIO,
            ("1", "32022", "udp receiver child=0 sock=127.0.0.1:21000"),
        ),
    ] {
        let (_directory, server, exporter) = start(version, 4);
        for _ in 0..3 {
            let labels = [("process", labels.0), ("pid", labels.1), ("type", labels.2)];
            let page = exporter.scrape();
            assert_eq!(
                page.value("opensips_process_info", &labels),
                Some("1"),
                "{}",
                version.name
            );
        }
        assert_eq!(asked(&server), 1, "{:?}", server.commands());
    }
}

#[test]
fn they_are_asked_for_again_when_there_are_others() {
    let (_directory, server, exporter) = start(V2_4, 100);
    for (processes_now, times) in [(100, 1), (120, 2), (120, 2), (90, 3), (90, 3)] {
        server.change(|all| *all = statistics(V2_4, processes_now));
        assert_eq!(processes(&exporter.scrape()).len(), processes_now);
        assert_eq!(asked(&server), times, "{:?}", server.commands());
        // Some of them are no others.
        exporter.scrape_with("/metrics?collect[]=load:");
        exporter.scrape_with("/metrics?collect[]=pkmem:");
        assert_eq!(asked(&server), times, "{:?}", server.commands());
    }
}

#[test]
fn they_are_on_the_pages_of_their_statistics() {
    let (_directory, server, exporter) = start(V3_6, 5);
    for (query, expected) in [
        ("collect[]=core:", false),
        ("collect[]=load:", true),
        ("collect[]=pkmem", true),
        ("collect[]=timestamp", false),
    ] {
        let page = exporter.scrape_with(&format!("/metrics?{query}"));
        assert_eq!(!processes(&page).is_empty(), expected, "{query}");
    }
    assert_eq!(asked(&server), 1);
}

/// Without them the page is what it was.
#[test]
fn a_server_that_does_not_tell_them_is_not_asked_again() {
    for version in [V2_4, V3_6] {
        // More than fit into its reply.
        let (_directory, server, exporter) =
            server_with(version, statistics(version, 1500), &["--timeout=20s"]);
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1");
            assert_eq!(processes(&page), Vec::<usize>::new());
        }
        exporter.scrape();
        assert_eq!(asked(&server), 1, "{:?}", server.commands());
    }
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=20s"]);
    server.behave(Behaviour::Raw(
        b"200 OK\nProcess::  ID=x PID=1 Type=y\ncore:a:: 1\n".into(),
    ));
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    assert_eq!(processes(&page), Vec::<usize>::new());
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) =
            server_with(version, statistics(version, 20), &["--timeout=20s"]);
        let before = processes(&exporter.scrape());
        server.change(|all| *all = statistics(version, 40));
        server.behave(Behaviour::Mute("ps"));
        // Those of before are better than none.
        assert_eq!(processes(&exporter.scrape()), before);
        server.behave(Behaviour::Proper);
        wait_until("the pause is over", || {
            processes(&exporter.scrape()).len() > before.len()
        });
    }
}

/// Whoever asks for a process by name as well.
#[test]
fn no_selection_makes_the_server_tell_them_again() {
    let (_directory, server, exporter) = start(V2_4, 5);
    for _ in 0..5 {
        exporter.scrape();
        exporter.scrape_with("/metrics?collect[]=pkmem:&collect[]=0-total_size");
    }
    assert_eq!(asked(&server), 1, "{:?}", server.commands());
}
