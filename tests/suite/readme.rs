//! The documents say what the program says. `make bless` rewrites their lists.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::servers::{SERVERS, TRANSPORTS};
use crate::support::attack::{MOST_THREADS, THREADS_AT_REST};
use crate::support::{binary, compare_or_bless};
use opensips_exporter::gate::MAX_CONNECTIONS;
use opensips_exporter::gate::backend::ALL_DESCRIPTORS;
use opensips_exporter::gate::connection::{ANSWER_TIME, HEAD_TIME};
use opensips_exporter::gate::refusal::Refusal;
use opensips_exporter::gate::request::MAX_HEAD;
use opensips_exporter::processors::{Metric, PROCESSORS};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the program prints for these arguments.
fn printed(arguments: &[&str]) -> String {
    let output = binary().args(arguments).output().expect("the program");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The flags of `--help`, each with the first sentence of what it says.
fn flags() -> String {
    let help = printed(&["--help"]);
    let mut table = String::from("| flag | default | what it is |\n|---|---|---|\n");
    for entry in help.split("\n\n  ").filter(|entry| entry.starts_with("--")) {
        let (flag, text) = entry.split_once('\n').expect("a text");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let default = text.split_once("Default: ").map_or("", |(_, rest)| rest);
        let default = default.split(' ').next().unwrap_or_default();
        let sentence = text
            .split_once(". ")
            .map_or(text.as_str(), |(first, _)| first);
        let sentence = sentence
            .split(" [")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        let default = Some(format!("`{default}`")).filter(|default| default != "``");
        let default = default.unwrap_or_default();
        let _ = writeln!(
            table,
            "| `{}` | {default} | {sentence} |",
            flag.replace('|', "\\|")
        );
    }
    table
}

fn servers() -> String {
    let headings: Vec<&str> = TRANSPORTS.iter().map(|(_, heading)| *heading).collect();
    let mut table = format!(
        "| | {} |\n|---{}|\n",
        headings.join(" | "),
        "|:-:".repeat(4)
    );
    for (_, name, ways) in SERVERS {
        let cells = TRANSPORTS.iter().map(|(way, _)| ways.contains(way));
        let cells: Vec<&str> = cells
            .map(|is_there| if is_there { "yes" } else { "" })
            .collect();
        let _ = writeln!(table, "| {name} | {} |", cells.join(" | "));
    }
    table
}

fn refusals() -> String {
    let mut table = String::from("| reason | status | answer |\n|---|---|---|\n");
    for refusal in Refusal::ALL {
        let (label, text) = (refusal.label(), refusal.text());
        let status = Some(refusal.status().to_string()).filter(|status| status != "0");
        let _ = writeln!(
            table,
            "| `{label}` | {} | {text} |",
            status.unwrap_or_default()
        );
    }
    table
}

/// Replaces what stands between the two marks of `part`.
fn with_part(document: &str, part: &str, text: &str) -> String {
    let (start, end) = (
        format!("<!-- {part} -->\n"),
        format!("<!-- end of {part} -->"),
    );
    let (before, rest) = document.split_once(&start).expect("the first mark");
    let (_, after) = rest.split_once(&end).expect("the second mark");
    format!("{before}{start}\n{text}\n{end}{after}")
}

#[test]
fn the_readme_lists_the_servers_and_flags_of_the_program() {
    let readme = with_part(&read("README.md"), "flags", &flags());
    let readme = with_part(&readme, "servers", &servers());
    compare_or_bless(&path("README.md"), &readme);
    let words = readme.split_whitespace().count();
    assert!(words < 2500, "{words} words are more than anybody reads");
}

#[test]
fn the_list_of_metrics_is_that_of_the_program() {
    compare_or_bless(
        &path("src/processors/METRICS.md"),
        &printed(&["print", "metrics"]),
    );
}

#[test]
fn the_list_of_refusals_is_that_of_the_program() {
    let document = with_part(&read("src/README.md"), "refusals", &refusals());
    compare_or_bless(&path("src/README.md"), &document);
}

#[test]
fn the_limits_in_the_readme_are_those_of_the_program() {
    let readme = read("README.md").replace('\n', " ");
    for expected in [
        format!("| connections | {MAX_CONNECTIONS} |"),
        format!(
            "| request head | {} KiB, 100 lines, complete within {} s |",
            MAX_HEAD / 1024,
            HEAD_TIME.as_secs()
        ),
        format!("| reading an answer | {} s |", ANSWER_TIME.as_secs()),
        format!("{THREADS_AT_REST} threads, 22 descriptors"),
        format!("at most {MOST_THREADS} threads, {ALL_DESCRIPTORS} descriptors"),
    ] {
        assert!(readme.contains(&expected), "{expected}");
    }
}

/// Each link leads to a file or a heading that is there.
#[test]
fn links_in_the_documents_lead_somewhere() {
    for name in ["README.md", "src/README.md", "tests/bench/README.md"] {
        let document = read(name);
        let headings = document.lines().filter(|line| line.starts_with('#'));
        let anchors: Vec<String> = headings
            .map(|heading| {
                let heading = heading.trim_start_matches(['#', ' ']).to_lowercase();
                let kept = heading
                    .chars()
                    .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                kept.map(|c| if c == ' ' { '-' } else { c }).collect()
            })
            .collect();
        let links = document.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            match link.strip_prefix('#') {
                Some(anchor) => assert!(anchors.iter().any(|known| known == anchor), "{link}"),
                None => {
                    let from = path(name);
                    let target = from.parent().expect("a directory").join(link);
                    assert!(target.exists(), "{name}: {link}");
                }
            }
        }
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

/// The same for the metrics of commands. OpenSIPS and Kamailio may share one, also if one of them
/// has it by a statistic.
#[test]
fn the_tables_of_states_are_well_made() {
    let of_statistics = PROCESSORS.iter().flat_map(|processor| processor.metrics);
    let mut seen: std::collections::BTreeMap<_, _> = of_statistics
        .map(|Metric { family, .. }| (family.name, (family.kind, family.help)))
        .collect();
    let mut merges = std::collections::BTreeMap::new();
    let listings = PROCESSORS.iter().flat_map(|processor| processor.listings);
    let commands = listings.flat_map(|listing| listing.command.names);
    let commands: Vec<String> = commands.map(|name| format!("{name})")).collect();
    for processor in PROCESSORS {
        for metric in processor.state_metrics() {
            let (name, help) = (metric.family.name, metric.family.help);
            let start = format!("opensips_{}_", processor.group);
            let whole = format!("opensips_{}", processor.group);
            // More states of what another group shows.
            let of_other = start.strip_suffix("states_");
            let is_of_other = of_other.is_some_and(|start| name.starts_with(start));
            assert!(
                name.starts_with(&start) || is_of_other || name == whole,
                "{name}"
            );
            assert!(
                commands.iter().any(|command| help.ends_with(command)),
                "{name}: {help}"
            );
            let labels: std::collections::BTreeSet<_> = metric.labels.iter().collect();
            assert_eq!(labels.len(), metric.labels.len(), "{name}");
            let known = seen.entry(name).or_insert((metric.family.kind, help));
            assert_eq!(*known, (metric.family.kind, help), "{name}");
            assert_eq!(*merges.entry(name).or_insert(metric.merge), metric.merge);
        }
    }
}
