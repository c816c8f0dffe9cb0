//! The README's lists are those of the program. `make bless` rewrites them.

use std::fmt::Write;
use std::path::Path;

use crate::support::attack::THREADS_AT_REST;
use crate::support::compare_or_bless;
use opensips_exporter::config;
use opensips_exporter::gate::MAX_CONNECTIONS;
use opensips_exporter::gate::backend::ALL_DESCRIPTORS;
use opensips_exporter::gate::connection::{ANSWER_TIME, HEAD_TIME};
use opensips_exporter::gate::refusal::Refusal;
use opensips_exporter::gate::request::MAX_HEAD;
use opensips_exporter::modules::{COLLECTOR_FAMILIES, COLLECTOR_LABELS};
use opensips_exporter::processors::state::Parts;
use opensips_exporter::processors::{Metric, PROCESSORS, Processor, UNCLAIMED};
use opensips_exporter::scrape::FAMILIES;

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// HELP without the statistics at its end.
fn meaning(help: &str) -> &str {
    help.rsplit_once(" (").map_or(help, |(meaning, _)| meaning)
}

/// The statistics of a metric, each with the label values that it stands for.
fn statistics(group: &str, labels: &[&str], statistics: &[(&str, &[&str])]) -> String {
    let all: Vec<String> = statistics
        .iter()
        .map(|(statistic, values)| {
            let is_pattern = statistic.contains('{');
            if labels.is_empty() || is_pattern {
                format!("`{group}:{statistic}`")
            } else {
                format!("`{group}:{statistic}` → {}", values.join(", "))
            }
        })
        .collect();
    all.join(", ")
}

fn metrics() -> String {
    let mut table =
        String::from("| metric | type | labels | meaning | statistics |\n|---|---|---|---|---|\n");
    for family in FAMILIES {
        let (name, kind) = (family.name, family.kind.name());
        let _ = writeln!(table, "| `{name}` | {kind} | | {} | |", cell(family.help));
    }
    for processor in PROCESSORS {
        for metric in processor.metrics {
            let _ = writeln!(
                table,
                "| `{}` | {} | {} | {} | {} |",
                metric.family.name,
                metric.family.kind.name(),
                metric.labels.join(", "),
                cell(meaning(metric.family.help)),
                cell(&statistics(
                    processor.group,
                    metric.labels,
                    metric.statistics
                )),
            );
        }
    }
    let Metric { family, labels, .. } = UNCLAIMED;
    let _ = writeln!(
        table,
        "| `{}` | {} | {} | {} | every other one |",
        family.name,
        family.kind.name(),
        labels.join(", "),
        cell(family.help),
    );
    table
}

/// The modules whose commands are asked.
fn collectors() -> String {
    let mut table = String::from("| module | commands | by default |\n|---|---|---|\n");
    for processor in PROCESSORS
        .iter()
        .filter(|processor| !processor.listings.is_empty())
    {
        let commands = processor.listings.iter();
        let commands = commands.flat_map(|listing| listing.command.names);
        let commands: Vec<String> = commands.map(|name| format!("`{name}`")).collect();
        let parts = processor.listings.iter().map(|listing| listing.parts);
        let is_named = parts
            .clone()
            .any(|parts| matches!(parts, Parts::Profiles(_)));
        let default = match (processor.is_on_by_default, is_named) {
            (_, true) => "for the profiles that `--dialog-profiles` names",
            (true, false) => "on",
            (false, false) => "off",
        };
        let (group, commands) = (processor.group, commands.join(", "));
        let _ = writeln!(table, "| `{group}` | {commands} | {default} |");
    }
    table
}

fn states() -> String {
    let mut table =
        String::from("| metric | type | labels | meaning | command |\n|---|---|---|---|---|\n");
    for family in COLLECTOR_FAMILIES {
        let (name, kind) = (family.name, family.kind.name());
        let labels = COLLECTOR_LABELS.join(", ");
        let _ = writeln!(
            table,
            "| `{name}` | {kind} | {labels} | {} | |",
            cell(family.help)
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    let metrics = PROCESSORS.iter().flat_map(Processor::state_metrics);
    for metric in metrics.filter(|metric| seen.insert(metric.family.name)) {
        let help = metric.family.help;
        let command = help.rsplit_once(" (").map_or("", |(_, command)| command);
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} | `{}` |",
            metric.family.name,
            metric.family.kind.name(),
            metric.labels.join(", "),
            cell(meaning(help)),
            command.trim_end_matches(')'),
        );
    }
    table
}

/// Replaces what stands between the two marks of `part`.
fn with_part(readme: &str, part: &str, text: &str) -> String {
    let (start, end) = (
        format!("<!-- {part} -->\n"),
        format!("<!-- end of {part} -->\n"),
    );
    let (before, rest) = readme.split_once(&start).expect("the first mark");
    let (_, after) = rest.split_once(&end).expect("the second mark");
    format!("{before}{start}\n{text}\n{end}{after}")
}

#[test]
fn the_readme_lists_the_flags_and_metrics_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let flags = format!("```text\n{}```\n", config::help());
    let readme = with_part(&readme, "flags", &flags);
    let readme = with_part(&readme, "metrics", &metrics());
    let readme = with_part(&readme, "modules", &collectors());
    let readme = with_part(&readme, "states", &states());
    let readme = with_part(&readme, "refusals", &refusals());
    compare_or_bless(&path, &readme);
    check_limits(&readme);
}

fn refusals() -> String {
    let mut table = String::from("| reason | status | answer |\n|---|---|---|\n");
    for refusal in Refusal::ALL {
        let (label, text) = (refusal.label(), refusal.text());
        match refusal.status() {
            0 => table.push_str(&format!("| `{label}` | | {text} |\n")),
            status => table.push_str(&format!("| `{label}` | {status} | {text} |\n")),
        }
    }
    table
}

/// The limits that the README tells are those of the program.
fn check_limits(readme: &str) {
    for expected in [
        format!("| connections | {MAX_CONNECTIONS} |"),
        format!(
            "| request head | {} KiB, 100 lines, complete within {} s |",
            MAX_HEAD / 1024,
            HEAD_TIME.as_secs()
        ),
        format!("| reading an answer | {} s |", ANSWER_TIME.as_secs()),
        format!("{} threads at rest", THREADS_AT_REST),
        format!("{ALL_DESCRIPTORS} descriptors"),
    ] {
        assert!(readme.contains(&expected), "{expected}");
    }
}

/// Names that promtool accepts, HELP that says where the metric comes from, and entries that fit
/// their labels and patterns.
#[test]
fn the_tables_are_well_made() {
    let mut names = std::collections::BTreeSet::new();
    for processor in PROCESSORS {
        for metric in processor.metrics {
            let (name, help) = (metric.family.name, metric.family.help);
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("opensips_"), "{name}");
            let group = processor.group.replace('{', "<").replace('}', ">");
            assert!(
                help.ends_with(')') && help.contains(&format!("({group}:")),
                "{name}: {help}"
            );
            assert!(!metric.statistics.is_empty(), "{name}");
            for (statistic, values) in metric.statistics {
                assert_eq!(values.len(), metric.labels.len(), "{name}: {statistic}");
                for (_, others) in metric.statistics {
                    let mut pairs = values.iter().zip(*others);
                    let is_fixed = |value: &str| !value.starts_with('{');
                    assert!(
                        values == others
                            || pairs.any(|(one, other)| {
                                one != other && is_fixed(one) && is_fixed(other)
                            }),
                        "{name}: {values:?} and {others:?} may be one series"
                    );
                }
                for value in *values {
                    let names = format!("{}:{statistic}", processor.group);
                    assert!(
                        !value.contains('{') || names.contains(value),
                        "{name}: {statistic} has no {value}"
                    );
                }
                assert!(
                    !statistic.contains("}{"),
                    "{name}: {statistic} has no separator"
                );
                assert!(statistic.matches('{').count() <= 3, "{name}: {statistic}");
            }
        }
    }
}

/// The same for the metrics of commands. Commands of OpenSIPS and Kamailio may share one.
#[test]
fn the_tables_of_states_are_well_made() {
    let of_statistics = PROCESSORS.iter().flat_map(|processor| processor.metrics);
    let of_statistics: Vec<&str> = of_statistics.map(|metric| metric.family.name).collect();
    let mut seen = std::collections::BTreeMap::new();
    for processor in PROCESSORS {
        let commands = processor.listings.iter();
        let commands = commands.flat_map(|listing| listing.command.names);
        let commands: Vec<String> = commands.map(|name| format!("({name})")).collect();
        for metric in processor.state_metrics() {
            let (name, help) = (metric.family.name, metric.family.help);
            assert!(!of_statistics.contains(&name), "{name}");
            let start = format!("opensips_{}_", processor.group);
            let whole = format!("opensips_{}", processor.group);
            assert!(name.starts_with(&start) || name == whole, "{name}");
            assert!(
                commands.iter().any(|command| help.ends_with(command)),
                "{name}: {help}"
            );
            let known = seen.entry(name).or_insert((help, metric.labels.clone()));
            assert_eq!(*known, (help, metric.labels), "{name}");
        }
    }
}
