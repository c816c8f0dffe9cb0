//! The README's lists are those of the program. `make bless` rewrites them.

mod support;

use std::fmt::Write;
use std::path::Path;

use opensips_exporter::config;
use opensips_exporter::gate::MAX_CONNECTIONS;
use opensips_exporter::gate::lanes::ALL_DESCRIPTORS;
use opensips_exporter::gate::place::{ANSWER_TIME, HEAD_TIME};
use opensips_exporter::gate::refusal::Refusal;
use opensips_exporter::gate::request::MAX_HEAD;
use opensips_exporter::processors::{PROCESSORS, UNCLAIMED};
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
    for family in UNCLAIMED {
        let (name, kind) = (family.name, family.kind.name());
        let help = cell(family.help);
        let _ = writeln!(
            table,
            "| `{name}` | {kind} | group, name | {help} | every other one |"
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
    let readme = with_part(&readme, "refusals", &refusals());
    support::compare_or_bless(&path, &readme);
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
        format!("{} threads at rest", support::siege::THREADS_AT_REST),
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
                assert!(statistic.matches('{').count() <= 4, "{name}: {statistic}");
            }
        }
    }
}
