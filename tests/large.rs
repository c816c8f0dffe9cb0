//! Servers with so many processes that their statistics do not fit into one reply.

mod support;

use std::collections::BTreeSet;

use support::stand_in::{Behaviour, StandIn, Statistic, V1_11, V2_4, V3_6, V4_0, Version};
use support::{Exporter, TempDir, captured};

/// The groups of a server with so many processes: all that it has, and what each process brings.
fn statistics(version: Version, processes: usize) -> Vec<Statistic> {
    let mut all: Vec<Statistic> = support::stand_in::read_captured(&captured())
        .into_iter()
        .filter(|(group, ..)| group != b"pkmem" && group != b"load")
        .collect();
    for process in 0..processes {
        // Numbers have gaps where processes ended.
        if version.name == "3.6" && process % 7 == 6 {
            continue;
        }
        for (name, value) in [
            ("total_size", 16_777_216),
            ("used_size", 1_000_000 + process as u64),
            ("real_used_size", 1_100_000),
            ("max_used_size", 1_200_000),
            ("free_size", 15_677_216),
            ("fragments", 1157),
        ] {
            all.push((
                b"pkmem".into(),
                format!("{process}-{name}").into_bytes(),
                value,
            ));
        }
    }
    if version.name == "1.11" {
        all.push((b"load".into(), b"udp:127.0.0.1:5060-load".into(), 3));
        return all;
    }
    for name in [
        "load",
        "load1m",
        "load10m",
        "load-all",
        "load1m-all",
        "load10m-all",
    ] {
        all.push((b"load".into(), name.into(), 1));
    }
    for process in 0..processes {
        for name in ["load-proc", "load1m-proc", "load10m-proc"] {
            all.push((b"load".into(), format!("{name}-{process}").into_bytes(), 2));
        }
    }
    all
}

fn size(statistics: &[Statistic]) -> usize {
    let sizes = statistics
        .iter()
        .map(|(group, name, value)| group.len() + name.len() + value.to_string().len() + 5);
    sizes.sum()
}

fn start(version: Version, processes: usize) -> (TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::with_statistics(&socket, version, statistics(version, processes));
    let exporter = Exporter::start(&socket, &["--timeout=20s"]);
    (directory, server, exporter)
}

/// Scrapes, and checks that every process is on the page.
fn assert_all(exporter: &Exporter, version: Version, processes: usize) {
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    let pids = |name: &str, label: &str| -> BTreeSet<usize> {
        let family = page.family(name).unwrap_or_else(|| panic!("no {name}"));
        let labels = family.samples.iter().map(|sample| &sample.labels[label]);
        labels
            .map(|label| label.parse().expect("a number"))
            .collect()
    };
    let expected: BTreeSet<usize> = (0..processes)
        .filter(|process| version.name != "3.6" || process % 7 != 6)
        .collect();
    for name in [
        "total_size",
        "used_size",
        "real_used_size",
        "max_used_size",
        "free_size",
        "fragments",
    ] {
        assert_eq!(
            pids(&format!("opensips_pkmem_{name}"), "pid"),
            expected,
            "{name}"
        );
    }
    if version.name != "1.11" {
        for name in [
            "opensips_load_process",
            "opensips_load_1m",
            "opensips_load_10m",
        ] {
            assert_eq!(pids(name, "process").len(), processes, "{name}");
        }
        assert_eq!(page.value("opensips_load_core", &[]), Some("1"));
    }
    assert_eq!(page.value("opensips_core_requests_total", &[]), Some("370"));
    assert_eq!(
        page.value("opensips_exporter_unparsed_lines", &[]),
        Some("0")
    );
}

#[test]
fn every_statistic_of_two_thousand_processes_arrives_in_few_requests() {
    const PROCESSES: usize = 2000;
    for version in [V1_11, V2_4, V3_6, V4_0] {
        let (_directory, server, exporter) = start(version, PROCESSES);
        assert_all(&exporter, version, PROCESSES);
        println!(
            "{}: {} requests at first",
            version.name,
            server.requests().len()
        );
        server.forget();
        assert_all(&exporter, version, PROCESSES);
        let requests = server.requests().len();
        let fewest = size(&statistics(version, PROCESSES)).div_ceil(version.limit());
        println!(
            "{}: {requests} requests then, at least {fewest} are needed",
            version.name
        );
        // One more at most, for the frames of the replies and the room for larger numbers.
        assert!(
            requests <= fewest + 1,
            "{}: {requests}, {fewest}",
            version.name
        );
        assert_eq!(server.questions(), Vec::<String>::new());
        assert!(exporter.logged("left out").is_empty());
    }
}

#[test]
fn a_server_may_grow_and_shrink() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, 100);
        for processes in [
            100, 230, 240, 260, 270, 700, 701, 720, 1200, 400, 1000, 50, 10,
        ] {
            server.change(|all| *all = statistics(version, processes));
            assert_all(&exporter, version, processes);
        }
        server.forget();
        assert_all(&exporter, version, 10);
        assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
    }
}

/// The configuration's own groups, which a server that is too large does not tell any more.
#[test]
fn groups_that_were_seen_are_asked_for_also_after_a_restart() {
    let own = |processes| {
        let mut all = statistics(V2_4, processes);
        all.push((b"method".into(), b"INVITE".into(), 103));
        all
    };
    let (directory, server, exporter) = start(V2_4, 8);
    server.change(|all| *all = own(8));
    assert_all(&exporter, V2_4, 8);
    server.stop();
    support::assert_down(&exporter);
    let socket = directory.join("mi.sock");
    let _server = StandIn::with_statistics(&socket, V2_4, own(500));
    for _ in 0..2 {
        assert_all(&exporter, V2_4, 500);
        let page = exporter.scrape();
        let labels = [("group", "method"), ("name", "INVITE")];
        assert_eq!(page.value("opensips_statistic", &labels), Some("103"));
    }
}

#[test]
fn a_selection_may_be_too_large_as_well() {
    for version in [V1_11, V2_4, V3_6] {
        let (_directory, _server, exporter) = start(version, 500);
        for _ in 0..2 {
            let page = exporter.scrape_with("/metrics?collect[]=pkmem:");
            assert_eq!(page.up(), "1");
            let samples = &page
                .family("opensips_pkmem_used_size")
                .expect("samples")
                .samples;
            let expected = statistics(version, 500);
            let expected = expected
                .iter()
                .filter(|(_, name, _)| name.ends_with(b"-used_size"));
            assert_eq!(samples.len(), expected.count());
            assert!(page.family("opensips_core_requests_total").is_none());
        }
        assert_all(&exporter, version, 500);
    }
}

#[test]
fn a_group_that_is_too_large_by_itself_is_named_and_costs_no_other() {
    let (_directory, server, exporter) = start(V2_4, 10);
    server.change(|all| {
        for number in 0..3000 {
            all.push((
                b"script".into(),
                format!("a variable of the script {number}").into_bytes(),
                1,
            ));
        }
    });
    assert_all(&exporter, V2_4, 10);
    assert_all(&exporter, V2_4, 10);
    server.forget();
    for _ in 0..20 {
        assert_all(&exporter, V2_4, 10);
        exporter.scrape_with("/metrics?collect[]=core:");
    }
    assert_eq!(server.requests().len(), 40);
    assert_eq!(server.questions(), Vec::<String>::new());
    let page = exporter.scrape_with("/metrics?collect[]=nosuch:");
    assert_eq!(page.up(), "1");
    let lines = exporter.logged("left out of the page");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("script:"), "{lines:?}");
}

#[test]
fn names_that_cannot_be_foreseen_are_named() {
    let (_directory, server, exporter) = start(V1_11, 10);
    server.change(|all| {
        for socket in 0..1200 {
            all.push((
                b"load".into(),
                format!("udp:127.0.0.1:{}-load", 10_000 + socket).into_bytes(),
                1,
            ));
        }
    });
    assert_all(&exporter, V1_11, 10);
    assert_all(&exporter, V1_11, 10);
    let lines = exporter.logged("left out of the page");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("load:"), "{lines:?}");
}

#[test]
fn numbers_of_processes_may_have_wide_gaps() {
    let (_directory, server, exporter) = start(V3_6, 800);
    let is_in_gap = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        let digits = name.trim_matches(|c: char| !c.is_ascii_digit());
        let number = digits.rsplit(|c: char| !c.is_ascii_digit()).next();
        number
            .and_then(|number| number.parse().ok())
            .is_some_and(|number| (300..560).contains(&number))
    };
    server.change(|all| {
        all.retain(|(group, name, _)| !(group == b"pkmem" || group == b"load") || !is_in_gap(name))
    });
    let expected = statistics(V3_6, 800)
        .iter()
        .filter(|(group, name, _)| {
            group == b"pkmem" && name.ends_with(b"-used_size") && !is_in_gap(name)
        })
        .count();
    for _ in 0..3 {
        let page = exporter.scrape();
        assert_eq!(
            page.family("opensips_pkmem_used_size")
                .expect("samples")
                .samples
                .len(),
            expected
        );
    }
}

/// Large replies are silence in the line protocol: it must not be taken for death, and death not for
/// largeness.
#[test]
fn silence_is_told_apart() {
    let (directory, server, exporter) = start(V2_4, 300);
    assert_all(&exporter, V2_4, 300);
    server.behave(Behaviour::Silent);
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--timeout=1s"]);
    let page = exporter.get("/metrics").text();
    assert!(page.contains("\nopensips_up 0\n"), "{page}");
    server.behave(Behaviour::Proper);
    assert_all(&exporter, V2_4, 300);
    assert!(
        exporter.logged("no reply from").len() == 1,
        "{:?}",
        exporter.log()
    );
}
