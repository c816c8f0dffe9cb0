//! Statistics that no table claims come out under the names of the server, on the first page
//! already.

use crate::support::stand_in::{
    KAMAILIO, KAMAILIO_6_1, StandIn, Statistic, V4_0, VERSIONS, Version, read_captured,
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

#[test]
fn the_first_page_has_them_and_no_request_is_spent_on_them() {
    for &version in VERSIONS {
        let (_directory, server, exporter) = start(version, vec![script("x", 1)]);
        let page = exporter.scrape();
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        let family = page.family("opensips_statistic").expect("a family");
        assert_eq!(family.kind, "untyped", "{}", version.name);
        server.change(|all| all.push(script("y", 2)));
        let page = exporter.scrape();
        for (name, value) in [("x", "1"), ("y", "2")] {
            let labels = [("group", "script"), ("name", name)];
            assert_eq!(page.value("opensips_statistic", &labels), Some(value));
        }
        let commands = server.commands();
        let mut commands = commands.iter();
        assert!(!commands.any(|command| command.contains("list_statistics")));
    }
}

/// Kamailio has them from the script, and one that it decrements below zero.
#[test]
fn few_statistics_of_kamailio_have_no_metric() {
    for version in [KAMAILIO, KAMAILIO_6_1] {
        let reply = fixture(&format!("{}/get_statistics_all.reply", version.name));
        let reply = std::fs::read(reply).expect("the captured reply");
        let (_directory, _server, exporter) = start(version, read_captured(&reply));
        let page = exporter.scrape();
        let family = page.family("opensips_statistic").expect("a family");
        let names = family.samples.iter();
        let names = names.map(|it| format!("{}:{}", it.labels["group"], it.labels["name"]));
        let expected = [
            "mygrp:cnt",
            "script:cntcalls",
            "script:script_calls",
            "script:script_fails",
            "uac:regactive",
        ];
        assert_eq!(names.collect::<Vec<_>>(), expected, "{}", version.name);
    }
}

#[test]
fn five_thousand_variables_of_a_script_arrive() {
    let version = V4_0.with_limit(400_000);
    let name = |number: usize| format!("variable {number}");
    let statistics = (0..5000u64).map(|number| script(&name(number as usize), number));
    let (_directory, server, exporter) = start(version, statistics.collect());
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    let family = page.family("opensips_statistic").expect("a family");
    assert_eq!(family.samples.len(), 5000);
    for number in [0, 1, 4999] {
        let labels = [("group", "script"), ("name", &name(number))];
        let value = page.value("opensips_statistic", &labels);
        assert_eq!(value, Some(number.to_string().as_str()));
    }
    assert_eq!(server.requests().len(), 1);
}
