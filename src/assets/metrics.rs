//! The list of all metrics, as the tables of the program have them.

use std::fmt::Write;

use crate::exposition::Family;
use crate::families::{FAMILIES, Row};
use crate::processors::state::Parts;
use crate::processors::{Described, PROCESSORS, Processor, Statistics, UNCLAIMED};

const HEAD: &str = "# Metrics

A metric is absent when the server does not have its statistic. Counters start again at 0 when the
server does.

## Statistics

| metric | type | labels | meaning | statistics |
|---|---|---|---|---|
";

const MODULES: &str = "
## Modules that show a state

Only commands that the server lists are sent. Their names are those of OpenSIPS up to 3.6, of
OpenSIPS 4.0 and of Kamailio.

| module | by default | commands |
|---|---|---|
";

const STATES: &str = "
## States

`_up` is 1 or 0. `_state` has a series for each state, and that of the current one is 1. Things with
the same labels share a series: counts and states are added up, of other numbers the largest is shown.

| metric | type | labels | meaning | command |
|---|---|---|---|---|
";

/// The list, in Markdown.
pub fn markdown() -> String {
    let mut text = HEAD.to_string();
    for Row(family, labels) in FAMILIES {
        add(&mut text, family, labels, "");
    }
    let statistics = PROCESSORS.iter().flat_map(|processor| {
        processor.metrics.iter().map(move |metric| (processor.group, metric))
    });
    for (group, metric) in statistics {
        let from = statistics_of(group, metric.labels, metric.statistics);
        add(&mut text, &metric.family, metric.labels, &from);
    }
    add(&mut text, &UNCLAIMED.family, UNCLAIMED.labels, "every other one");
    text.push_str(MODULES);
    for processor in PROCESSORS.iter().filter(|processor| !processor.listings.is_empty()) {
        let mut listings = processor.listings.iter();
        let commands = listings.clone().flat_map(|listing| listing.command.names);
        let default = if listings.any(|listing| matches!(listing.parts, Parts::Profiles(..))) {
            "for the profiles that `--dialog-profiles` names"
        } else if processor.is_on_by_default {
            "on"
        } else {
            "off"
        };
        let commands = joined(commands.map(|name| format!("`{name}`")));
        // A write to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {default} | {commands} |", processor.group);
    }
    text.push_str(STATES);
    let metrics: Vec<_> = PROCESSORS.iter().flat_map(Processor::state_metrics).collect();
    let mut known = Vec::new();
    for Described { family, .. } in &metrics {
        if known.contains(&family.name) {
            continue;
        }
        known.push(family.name);
        // Servers may have other labels.
        let same = metrics.iter().filter(|other| other.family.name == family.name);
        let mut labels: Vec<&str> = Vec::new();
        for label in same.flat_map(|metric| &metric.labels) {
            if !labels.contains(label) {
                labels.push(label);
            }
        }
        let from = family.help.rsplit_once(" (").map_or("", |(_, command)| command);
        add(&mut text, family, &labels, &format!("`{}`", from.trim_end_matches(')')));
    }
    text
}

/// Adds a row. Its meaning is HELP without where it comes `from`.
fn add(text: &mut String, family: &Family, labels: &[&str], from: &str) {
    let Family { name, kind, help } = *family;
    let meaning = match help.rsplit_once(" (") {
        Some((meaning, _)) if !from.is_empty() => meaning,
        _ => help,
    };
    let (kind, labels) = (kind.name(), labels.join(", "));
    let row = format!("| `{name}` | {kind} | {labels} | {meaning} | {from} |\n");
    text.push_str(&row.replace('<', "&lt;"));
}

/// The statistics of a metric, each with the label values that it stands for.
fn statistics_of(group: &str, labels: &[&str], statistics: Statistics) -> String {
    joined(statistics.iter().map(|(statistic, values)| match labels {
        _ if statistic.contains('{') => format!("`{group}:{statistic}`"),
        [] => format!("`{group}:{statistic}`"),
        _ => format!("`{group}:{statistic}` → {}", values.join(", ")),
    }))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
