//! The fixed metrics: every row of `fixtures/METRICS-SEED.md`, which dashboards depend on.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::stand_in::V2_4;
use crate::support::{fixture, server_with};
use opensips_exporter::families::FAMILIES;
use opensips_exporter::processors::PROCESSORS;

struct Row {
    name: String,
    kind: String,
    labels: Vec<String>,
}

/// The table's metrics. A first cell may name several: `opensips_load_all, _all_1m`.
fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(fixture("METRICS-SEED.md")).expect("the table");
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| opensips_")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, names, kind, labels, ..] = cells[..] else {
            panic!("a row with fewer cells: {line}");
        };
        let group = names.split(['_', ',']).nth(1).expect("a group");
        for name in names.split(", ") {
            rows.push(Row {
                name: match name.strip_prefix('_') {
                    Some(rest) => format!("opensips_{group}_{rest}"),
                    None => name.to_string(),
                },
                kind: kind.to_string(),
                labels: labels
                    .split(", ")
                    .filter(|label| !label.is_empty())
                    .map(str::to_string)
                    .collect(),
            });
        }
    }
    rows
}

/// Each statistic and the series that it must become, written out from the table by hand.
fn series_by_statistic() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(fixture("seed_samples.tsv")).expect("the list");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let (statistic, series) = line.split_once('\t').expect("two columns");
        all.entry(statistic.to_string())
            .or_default()
            .insert(series.to_string());
    }
    all
}

#[test]
fn every_row_is_in_the_tables_with_its_kind_and_labels() {
    let rows = rows();
    assert_eq!(rows.len(), 66, "the names in the table");
    for row in rows {
        let of_processors = PROCESSORS.iter().flat_map(|processor| processor.metrics);
        let of_scrape = FAMILIES.iter().map(|row| (&row.0, row.1));
        let found: Vec<_> = of_processors
            .map(|metric| (&metric.family, metric.labels))
            .chain(of_scrape)
            .filter(|(family, _)| family.name == row.name)
            .collect();
        let [(family, labels)] = found[..] else {
            panic!("{} is there {} times", row.name, found.len());
        };
        assert_eq!(family.kind.name(), row.kind, "{}", row.name);
        assert_eq!(labels, row.labels, "{}", row.name);
    }
}

#[test]
fn every_statistic_becomes_its_series_and_no_other() {
    let expected = series_by_statistic();
    let named: BTreeSet<&str> = expected
        .values()
        .flatten()
        .map(|series| series.split('{').next().unwrap_or_default())
        .collect();
    for row in rows().iter().filter(|row| row.name != "opensips_up") {
        assert!(
            named.contains(row.name.as_str()),
            "{} is not in the list",
            row.name
        );
    }

    let (_directory, server, exporter) = server_with(V2_4, Vec::new(), &[]);
    for (statistic, series) in &expected {
        let (group, name) = statistic.split_once(':').expect("a group");
        server.change(|all| *all = vec![(group.into(), name.into(), 4711)]);
        let page = exporter.scrape();
        let found: BTreeSet<String> = page
            .of_server()
            .iter()
            .filter_map(|name| page.family(name))
            .flat_map(|family| {
                family.samples.iter().map(|sample| {
                    assert_eq!(sample.value, "4711", "{statistic}");
                    let labels: Vec<String> = sample
                        .labels
                        .iter()
                        .map(|(label, value)| format!("{label}=\"{value}\""))
                        .collect();
                    if labels.is_empty() {
                        family.name.clone()
                    } else {
                        format!("{}{{{}}}", family.name, labels.join(","))
                    }
                })
            })
            .collect();
        assert_eq!(&found, series, "{statistic}");
    }
}

/// A statistic that the server does not have is no sample, and not 0.
#[test]
fn what_the_server_does_not_have_is_absent() {
    let statistics = vec![(b"core".to_vec(), b"rcv_requests".to_vec(), 1)];
    let (_directory, _server, exporter) = server_with(V2_4, statistics, &[]);
    let page = exporter.scrape();
    assert_eq!(page.of_server(), ["opensips_core_requests_total"]);
}

/// What fell below zero is printed by the server near 2^64. From 3.0 on it has lost its digits.
#[test]
fn gauges_go_below_zero_and_counters_do_not() {
    let statistic = |group: &str, name: &str| (group.into(), name.into(), u64::MAX - 5);
    let statistics = vec![
        statistic("dialog", "early_dialogs"),
        statistic("usrloc", "location-users"),
        statistic("core", "rcv_requests"),
        statistic("dynamic", "mine"),
    ];
    let (_directory, _server, exporter) = server_with(V2_4, statistics, &[]);
    let page = exporter.scrape();
    let value = |name, labels| page.value(name, labels).map(str::to_string);
    let written = |text: &str| Some(text.to_string());
    assert_eq!(
        value("opensips_dialog_dialogs", &[("status", "early")]),
        written("-6")
    );
    assert_eq!(
        value("opensips_usrloc_users", &[("domain", "location")]),
        written("-6")
    );
    assert_eq!(value("opensips_core_requests_total", &[]), None);
    assert_eq!(value("opensips_exporter_unparsed_lines", &[]), written("1"));
    assert_eq!(
        value(
            "opensips_statistic",
            &[("group", "dynamic"), ("name", "mine")]
        ),
        written("-6")
    );
}
