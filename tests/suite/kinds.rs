//! Statistics that no table claims: the server says which of them are incremental, and keeps its word.

use std::time::Duration;

use crate::support::page::Family;
use crate::support::stand_in::{
    Behaviour, KAMAILIO, StandIn, Statistic, V1_11, V2_4, V3_6, V4_0, Version, read_captured,
};
use crate::support::{Exporter, TempDir, fixture};

fn script(name: &str, value: u64) -> Statistic {
    (b"script".into(), name.into(), value)
}

fn start(version: Version, statistics: Vec<Statistic>) -> (TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::with_statistics(&socket, version, statistics);
    let exporter = Exporter::start(&socket, &[]);
    (directory, server, exporter)
}

/// How often the server was asked for kinds.
fn asked(server: &StandIn) -> usize {
    let commands = server.commands();
    let lists = commands
        .iter()
        .filter(|command| command.contains("list_statistics"));
    lists.count()
}

/// The families of a variable of the script, with their kinds.
fn families(exporter: &Exporter, name: &str) -> Vec<(String, String)> {
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    let has = |family: &&Family| {
        let mut samples = family.samples.iter();
        samples.any(|sample| sample.labels.get("name").is_some_and(|label| label == name))
    };
    let families = page.families.iter().filter(has);
    families
        .map(|family| (family.name.clone(), family.kind.clone()))
        .collect()
}

fn family(name: &str, kind: &str) -> Vec<(String, String)> {
    vec![(name.to_string(), kind.to_string())]
}

#[test]
fn what_the_server_calls_incremental_is_a_counter() {
    for version in [V2_4, V3_6, V4_0] {
        let reply = std::fs::read(fixture(&format!(
            "{}/get_statistics_all.reply",
            version.name
        )));
        let (_directory, server, exporter) = start(version, read_captured(&reply.expect("it")));
        for _ in 0..3 {
            for (name, expected) in [
                (
                    "custom_requests",
                    family("opensips_statistic_total", "counter"),
                ),
                // Declared with /no_reset.
                ("custom_registers", family("opensips_statistic", "gauge")),
            ] {
                assert_eq!(families(&exporter, name), expected, "{}", version.name);
            }
        }
        assert_eq!(asked(&server), 1, "{:?}", server.commands());
    }
}

#[test]
fn of_a_server_that_cannot_say_they_are_untyped() {
    for version in [V1_11, KAMAILIO] {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        for _ in 0..3 {
            assert_eq!(
                families(&exporter, "x"),
                family("opensips_statistic", "untyped")
            );
        }
        assert_eq!(asked(&server), 0, "{:?}", server.commands());
    }
}

#[test]
fn new_names_are_asked_for_once() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        let counter = family("opensips_statistic_total", "counter");
        assert_eq!(families(&exporter, "x"), counter);
        server.change(|all| all.push(script("y", 2)));
        for _ in 0..3 {
            assert_eq!(families(&exporter, "y"), counter);
        }
        assert_eq!(asked(&server), 2, "{:?}", server.commands());
    }
}

/// The list is larger than the statistics, and one day too large. What was said stays said.
#[test]
fn a_series_keeps_its_name_when_the_list_does_not_fit_any_more() {
    for version in [V2_4, V3_6] {
        let name = |number: usize| format!("a variable of the script {number:05}");
        let (_directory, server, exporter) = start(version, vec![script(&name(0), 1)]);
        let first = families(&exporter, &name(0));
        assert_eq!(first, family("opensips_statistic_total", "counter"));
        server.change(|all| all.extend((1..1400).map(|number| script(&name(number), 1))));
        for scrape in 0..6 {
            assert_eq!(families(&exporter, &name(0)), first);
            let other = match scrape {
                0 => Vec::new(),
                _ => family("opensips_statistic", "gauge"),
            };
            assert_eq!(families(&exporter, &name(1)), other);
            // It may be a bad moment.
            if scrape == 0 {
                exporter.scrape();
            }
        }
        assert_eq!(asked(&server), 4, "{:?}", server.commands().len());
    }
}

#[test]
fn five_thousand_variables_of_a_script_arrive() {
    let version = V4_0.with_limit(400_000);
    let name = |number: usize| format!("variable {number}");
    let statistics = (0..5000u64).map(|number| script(&name(number as usize), number));
    let (_directory, server, exporter) = start(version, statistics.collect());
    for _ in 0..2 {
        let page = exporter.scrape();
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        let family = page.family("opensips_statistic_total").expect("a family");
        assert_eq!(family.samples.len(), 5000);
        for number in [0, 1, 4999] {
            let labels = [("group", "script"), ("name", &name(number))];
            let value = page.value("opensips_statistic_total", &labels);
            assert_eq!(value, Some(number.to_string().as_str()));
        }
    }
    assert_eq!(server.requests().len(), 2);
    assert_eq!(asked(&server), 1);
}

/// An answer that comes late, or not at all, is no answer: the series wait for it.
#[test]
fn a_server_that_does_not_answer_is_asked_again() {
    for version in [V2_4, V3_6] {
        let directory = TempDir::new();
        let socket = directory.join("mi.sock");
        let server = StandIn::with_statistics(&socket, version, vec![script("x", 1)]);
        let exporter = Exporter::start(&socket, &["--timeout=1s"]);
        server.behave(Behaviour::Mute("list_statistics"));
        assert_eq!(families(&exporter, "x"), []);
        assert_eq!(families(&exporter, "x"), []);
        server.behave(Behaviour::Proper);
        let counter = family("opensips_statistic_total", "counter");
        assert_eq!(families(&exporter, "x"), counter, "{}", version.name);
    }
}

#[test]
fn scrapes_at_once_agree() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        server.behave(Behaviour::Slow(Duration::from_millis(35)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| exporter.get("/metrics"));
            }
        });
        server.behave(Behaviour::Proper);
        let counter = family("opensips_statistic_total", "counter");
        assert_eq!(families(&exporter, "x"), counter, "{}", version.name);
    }
}

/// Nothing is lost by a server that never does.
#[test]
fn a_server_that_never_answers_costs_two_scrapes() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        server.behave(Behaviour::Mute("list_statistics"));
        exporter.scrape();
        exporter.scrape();
        for _ in 0..3 {
            let untyped = family("opensips_statistic", "untyped");
            assert_eq!(families(&exporter, "x"), untyped, "{}", version.name);
        }
        assert_eq!(asked(&server), 3);
    }
}

/// Whatever is asked for first.
#[test]
fn groups_are_listed_by_themselves_when_all_do_not_fit() {
    for version in [V2_4, V3_6] {
        let groups = (0..4).flat_map(|group| {
            (0..450).map(move |number| {
                let name = format!("a variable {number:03}");
                (format!("mine{group}").into_bytes(), name.into_bytes(), 1)
            })
        });
        let statistics: Vec<Statistic> = groups.collect();
        for first in ["/metrics", "/metrics?collect[]=mine2:"] {
            let (_directory, _server, exporter) = start(version, statistics.clone());
            exporter.scrape_with(first);
            let page = exporter.scrape();
            assert_eq!(page.up(), "1");
            let family = page.family("opensips_statistic_total").expect("a family");
            assert_eq!(family.samples.len(), 4 * 450, "{} {first}", version.name);
        }
    }
}

/// The server is the same as before, and so are the names.
#[test]
fn odd_replies_change_no_name() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        let counter = family("opensips_statistic_total", "counter");
        assert_eq!(families(&exporter, "x"), counter);
        for odd in [Behaviour::Raw(b"garbage".to_vec()), Behaviour::Truncated(1)] {
            server.behave(odd);
            exporter.scrape();
            server.behave(Behaviour::Proper);
            assert_eq!(families(&exporter, "x"), counter);
        }
        assert_eq!(asked(&server), 1, "{:?}", server.commands());
    }
}
