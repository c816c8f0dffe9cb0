//! The statistics of servers with many processes, and what a page has to show of them.

use std::collections::BTreeSet;

use super::stand_in::{Statistic, Version, read_captured};
use super::{Exporter, captured};

/// The groups of a server with so many processes: all that it has, and what each process brings.
pub fn statistics(version: Version, processes: usize) -> Vec<Statistic> {
    let mut all: Vec<Statistic> = read_captured(&captured())
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

/// Scrapes, and checks that every process is on the page.
pub fn assert_all(exporter: &Exporter, version: Version, processes: usize) {
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
