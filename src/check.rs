//! `check`: asks the server once and tells in the operator's words what it is, what it answers, and what is wrong.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::{Duration, Instant};

use crate::collectors::Collectors;
use crate::mi::{Client, Deadline, Error};
use crate::processors::processor_of;
use crate::scope::Scope;
use crate::selection::Selection;

/// The part of a server's buffer from which on a reply is near the limit.
const NEAR: f64 = 0.8;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is told, each with its heading.
    facts: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

impl Report {
    /// Whether there is nothing wrong.
    pub fn is_well(&self) -> bool {
        self.problems.is_empty()
    }

    fn tell(&mut self, heading: &'static str, fact: String) {
        self.facts.push((heading, fact));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, fact) in &self.facts {
            writeln!(f, "{heading:<12} {fact}")?;
        }
        for problem in &self.problems {
            writeln!(f, "{:<12} {problem}", "PROBLEM")?;
        }
        let result = match self.problems.len() {
            0 => "all is well".to_string(),
            1 => "1 problem".to_string(),
            count => format!("{count} problems"),
        };
        writeln!(f, "{:<12} {result}", "result")
    }
}

/// Asks the server for everything in `scope`, and gives up after `limit`.
pub fn check(client: &Client, collectors: &Collectors, scope: Scope, limit: Duration) -> Report {
    let selection = Selection::of(scope.clone());
    let mut report = Report::default();
    report.tell("asked", client.endpoint().to_string());
    let deadline = Deadline::after(limit);
    let began = Instant::now();
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let mut unparsed = 0;
    let result =
        client.get_statistics(
            &selection.wanted(),
            deadline,
            &mut |statistic| match statistic {
                Ok(statistic) if selection.contains(statistic.group, statistic.name) => {
                    let group = statistic.group.escape_ascii().to_string();
                    *groups.entry(group).or_default() += 1;
                }
                Ok(_) => {}
                Err(_) => unparsed += 1,
            },
        );
    let took = began.elapsed();
    let answerer = match result {
        Ok(answerer) => answerer,
        Err(error) => {
            report.problems.push(error.to_string());
            return report;
        }
    };
    let product = match answerer.product() {
        Some(product) => format!("{} {}", product.name, product.version),
        None => "it does not say which".to_string(),
    };
    report.tell(
        "server",
        format!("{product}, dialect {}", answerer.dialect()),
    );
    let count: usize = groups.values().sum();
    let colon = if count > 0 { ":" } else { "" };
    let mut statistics = format!("{count} in {} groups{colon}", groups.len());
    for (group, count) in &groups {
        // A write to a String cannot fail.
        let _ = write!(statistics, " {group} {count}");
    }
    report.tell("statistics", statistics);
    let replies = answerer.replies();
    let mut told = format!(
        "{} in {:.1} ms, the largest {} bytes",
        replies.count,
        took.as_secs_f64() * 1000.0,
        replies.largest
    );
    let part = replies.largest as f64 / answerer.capacity() as f64;
    let is_datagram = client.endpoint().is_datagram();
    if is_datagram {
        let _ = write!(told, ", {:.0} % of what the server can send", part * 100.0);
    }
    report.tell("replies", told);
    if replies.count > 1 {
        let setting = if is_datagram {
            "socket_buf_size of mi_datagram raises that (OpenSIPS 4.0)"
        } else {
            "buf_size of httpd raises that"
        };
        report.tell(
            "",
            format!("not all fits into one reply, so it is asked for in parts; {setting}"),
        );
    } else if is_datagram && part > NEAR {
        report.tell(
            "",
            "what does not fit any more will be asked for in parts".to_string(),
        );
    }
    if count == 0 && scope.named().next().is_none() {
        report.problems.push(Error::Empty.to_string());
    }
    let left_out = answerer.left_out();
    if !left_out.is_empty() {
        report.problems.push(left_out.to_string());
    }
    if unparsed > 0 {
        report.problems.push(format!(
            "{unparsed} lines could not be parsed: dump --log.level=debug shows them"
        ));
    }
    let collected = collectors.collect(client, &answerer, &selection, deadline);
    if collected.is_without_list {
        report.problems.push(
            "the server does not list its commands (which), so there is nothing of the state of its modules: look into the log of OpenSIPS".to_string(),
        );
    }
    let outcomes = collected.outcomes;
    let modules: Vec<&str> = outcomes.iter().map(|outcome| outcome.module).collect();
    let has = |group: &str| {
        let mut found = groups
            .keys()
            .map(String::as_str)
            .chain(modules.iter().copied());
        found.any(|found| found.eq_ignore_ascii_case(group))
    };
    for group in scope.named().filter(|group| !has(group)) {
        report.problems.push(format!(
            "the server has nothing of {group}: correct --collect, or load the module"
        ));
    }
    let excluded = scope.excluded.iter().map(String::as_str);
    let is_unknown = |group: &&str| processor_of(group.as_bytes()).is_none();
    let unknown: Vec<&str> = excluded.filter(is_unknown).collect();
    if !unknown.is_empty() {
        report.tell(
            "excluded",
            format!(
                "{}: no group that is known, so only right if the configuration of the server makes it",
                unknown.join(", ")
            ),
        );
    }
    let modules = if modules.is_empty() {
        "none".to_string()
    } else {
        modules.join(", ")
    };
    report.tell("modules", modules);
    for outcome in outcomes {
        if let Err(failure) = outcome.result {
            report
                .problems
                .push(format!("{}, {failure}", outcome.module));
        }
    }
    report
}
