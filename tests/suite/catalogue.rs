//! Every statistic of OpenSIPS 1.11 to 4.0 has its metric: `fixtures/catalogue.tsv` lists them, as
//! they stand in the sources of the server, with `<...>` for what varies.

use crate::support::fixture;
use opensips_exporter::exposition::Kind;
use opensips_exporter::mi;
use opensips_exporter::processors::{Collection, Mapping, Metric, PROCESSORS, Processor};

/// Fixed families that hold counters and levels together, or two times the same.
const FIXED_AS_GAUGE: &[&str] = &["processed_dialogs", "expired_dialogs", "failed_dialogs"];
const FIXED_TWICE: &[(&str, &str)] = &[
    ("opensips_core_requests", "opensips_core_request"),
    (
        "opensips_usrloc_registered_users_total",
        "opensips_userloc_registered_users_total",
    ),
];

struct Row {
    group: String,
    name: String,
    kind: String,
}

/// The rows, with an example for each part that varies.
fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(fixture("catalogue.tsv")).expect("the catalogue");
    let example = |text: &str| {
        let text = text.replace("<socket>", "udp:[2001:DB8:0:0:0:0:0:1]:5060");
        let text = text.replace("<process>", "12");
        match text.split_once('<') {
            Some((start, rest)) => {
                let (_, end) = rest.split_once('>').expect("its end");
                format!("{start}an-example{end}")
            }
            None => text,
        }
    };
    let rows = text.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        Row {
            group: example(columns[0]),
            name: example(columns[1]),
            kind: columns[2].to_string(),
        }
    });
    rows.collect()
}

/// All metrics, each by itself.
fn mappings() -> Vec<(&'static Metric, Mapping)> {
    let mut all = Vec::new();
    for processor in PROCESSORS {
        for metric in processor.metrics {
            let alone = Processor {
                group: processor.group,
                metrics: std::slice::from_ref(metric),
                ..Processor::NONE
            };
            let alone: &'static [Processor] = Box::leak(Box::new([alone]));
            all.push((metric, Mapping::new(alone)));
        }
    }
    all
}

/// Whether the metric claims the statistic, and whether by its exact name.
fn claims(metric: &Metric, mapping: &Mapping, row: &Row) -> Option<bool> {
    let mut collection = Collection::new(mapping);
    let statistic = mi::Statistic {
        group: row.group.as_bytes(),
        name: row.name.as_bytes(),
        value: 1,
    };
    collection.add(&statistic);
    let mut page = Vec::new();
    collection.write(&mut page);
    let is_claimed = page.starts_with(format!("# HELP {} ", metric.family.name).as_bytes());
    let mut statistics = metric.statistics.iter();
    is_claimed.then(|| statistics.any(|(name, _)| *name == row.name))
}

#[test]
fn every_statistic_has_one_metric_of_its_kind() {
    let mappings = mappings();
    let rows = rows();
    assert_eq!(rows.len(), 278);
    let mut problems = Vec::new();
    for row in &rows {
        // Those that the script makes have no name that could be known.
        if ["script", "dynamic", "an-example"].contains(&row.group.as_str()) {
            let claimed = mappings
                .iter()
                .any(|(metric, mapping)| claims(metric, mapping, row).is_some());
            assert!(!claimed, "{}:{}", row.group, row.name);
            continue;
        }
        let mut found: Vec<(&Metric, bool)> = mappings
            .iter()
            .filter_map(|(metric, mapping)| Some((*metric, claims(metric, mapping, row)?)))
            .collect();
        if found.iter().any(|(_, is_exact)| *is_exact) {
            found.retain(|(_, is_exact)| *is_exact);
        }
        let names: Vec<&str> = found.iter().map(|(metric, _)| metric.family.name).collect();
        let is_one = match names[..] {
            [_] => true,
            [first, second] => FIXED_TWICE.contains(&(first, second)),
            _ => false,
        };
        let right = match row.kind.as_str() {
            "counter" if !FIXED_AS_GAUGE.contains(&row.name.as_str()) => Kind::Counter,
            _ => Kind::Gauge,
        };
        if !is_one || found.iter().any(|(metric, _)| metric.family.kind != right) {
            problems.push(format!("{}:{}: {names:?}", row.group, row.name));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
