//! `check`: asks the server once and tells in the operator's words what it is, what it answers, and
//! what is wrong.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::config::advice;
use crate::mi::{Client, Deadline, Error, Places, Reading, Statistic, Unparsed};
use crate::modules::Modules;
use crate::processors::processor_of;
use crate::selection::{Scope, Selection};

/// The part of a server's buffer from which on a reply is near the limit.
const NEAR: f64 = 0.8;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is told, each with its heading.
    facts: Vec<(&'static str, String)>,
    /// What is wrong, a line each.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there is nothing wrong.
    pub fn is_well(&self) -> bool {
        self.problems.is_empty()
    }

    fn tell(&mut self, heading: &'static str, fact: impl Into<String>) {
        self.facts.push((heading, fact.into()));
    }

    fn tell_statistics(&mut self, groups: &[(String, usize)]) {
        let count: usize = groups.iter().map(|(_, count)| count).sum();
        let colon = if count > 0 { ":" } else { "" };
        let mut statistics = format!("{count} in {} groups{colon}", groups.len());
        for (group, count) in groups {
            // A write to a String cannot fail.
            let _ = write!(statistics, " {group} {count}");
        }
        self.tell("statistics", statistics);
    }

    /// The replies, and how near they are to what the server can send.
    fn tell_replies(&mut self, client: &Client, reading: &Reading) {
        let replies = reading.replies;
        let endpoint = client.endpoint();
        let is_datagram = endpoint.is_datagram();
        let mut told = format!(
            "{} in {:.1} ms, the largest {} bytes",
            replies.count,
            replies.took.as_secs_f64() * 1000.0,
            replies.largest
        );
        let part = replies.largest as f64 / client.capacity().unwrap_or(usize::MAX) as f64;
        // One that is larger than usual shows no limit.
        let is_known = is_datagram && part < 1.0;
        if is_known {
            let _ = write!(told, ", {:.0} % of what the server can send", part * 100.0);
        }
        self.tell("replies", told);
        if replies.count > 1 && !endpoint.is_fifo() {
            let room = advice::on_room(client);
            self.tell(
                "",
                format!("not all fits into one reply, so it is asked for in parts: {room}"),
            );
        } else if is_known && part > NEAR {
            self.tell("", "what does not fit any more will be asked for in parts");
        }
    }

    /// The groups that `scope` names and nothing was found of.
    fn tell_scope(&mut self, scope: &Scope, client: &Client, is_found: impl Fn(&str) -> bool) {
        for group in scope.named().filter(|group| !is_found(group)) {
            self.problems.push(format!(
                "the server has nothing of {group}: correct --collect, or load the module"
            ));
        }
        let excluded = scope.excluded.iter().map(String::as_str);
        let is_unknown =
            |group: &&str| processor_of(group.as_bytes()).is_none() && !client.knows_group(group);
        let unknown: Vec<&str> = excluded.filter(is_unknown).collect();
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            self.tell("excluded", format!("{unknown}: unknown, check the spelling"));
        }
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
pub fn check(client: &mut Client, modules: &Modules, scope: Scope, limit: Duration) -> Report {
    let mut report = ask(client, modules, scope, limit);
    report.problems.extend(client.endpoint().take_warning());
    report
}

fn ask(client: &mut Client, modules: &Modules, scope: Scope, limit: Duration) -> Report {
    let selection = Selection::of(scope.clone());
    let mut report = Report::default();
    report.tell("asked", client.endpoint().to_string());
    let deadline = Deadline::after(limit);
    let mut groups: Vec<(String, usize)> = Vec::new();
    let mut unparsed = 0;
    let mut count = |statistic: Result<Statistic<'_>, Unparsed<'_>>| match statistic {
        Ok(statistic) if selection.contains(statistic.group, statistic.name) => {
            let group = statistic.group.escape_ascii().to_string();
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, count)) => *count += 1,
                None => groups.push((group, 1)),
            }
        }
        Ok(_) => {}
        Err(_) => unparsed += 1,
    };
    let reading = match client.get_statistics(&selection.wanted(), deadline, &mut count) {
        Ok(reading) => reading,
        Err(error) => {
            report.problems.push(advice::on_error(&error));
            return report;
        }
    };
    if client.endpoint().places() == &Places::Usual {
        report.tell("found at", client.endpoint().to_string());
    }
    let product = match client.product() {
        Some(product) => format!("{} {}", product.name, product.version),
        None => "it does not say which".to_string(),
    };
    let dialect = client.dialect().map(|dialect| format!(", dialect {dialect}"));
    report.tell("server", product + &dialect.unwrap_or_default());
    report.tell_statistics(&groups);
    report.tell_replies(client, &reading);
    if groups.is_empty() && selection.needs_statistics() && !client.lacks_statistics() {
        report.problems.push(advice::on_error(&Error::Empty));
    }
    if !reading.left_out.is_empty() {
        report.problems.push(advice::on_left_out(&reading.left_out, client));
    }
    if reading.may_lack_groups {
        report.problems.push(advice::ON_UNKNOWN_GROUPS.to_string());
    }
    if unparsed > 0 {
        let lines = if unparsed == 1 { "line" } else { "lines" };
        report.problems.push(format!(
            "{unparsed} {lines} could not be parsed: dump --log.level=debug shows them"
        ));
    }

    let collected = modules.collect(client, &selection, deadline, reading.is_busy);
    if collected.list_error.is_some() {
        report.problems.push(advice::ON_NO_COMMANDS.to_string());
    }
    let outcomes = &collected.outcomes;
    let modules: Vec<&str> = outcomes.iter().map(|outcome| outcome.module).collect();
    report.tell(
        "modules",
        match modules.as_slice() {
            [] => "none".to_string(),
            modules => modules.join(", "),
        },
    );
    report.tell_scope(&scope, client, |group| {
        let escaped = group.as_bytes().escape_ascii().to_string();
        let has_commands = || {
            let processor = processor_of(group.as_bytes());
            processor.is_some_and(|processor| !processor.listings.is_empty())
        };
        let found = groups.iter().map(|(group, _)| group.as_str());
        found
            .chain(modules.iter().copied())
            .any(|found| found.eq_ignore_ascii_case(&escaped))
            // These have a problem of their own.
            || reading.left_out.contains(&format!("{}:", group.to_ascii_lowercase()))
            || collected.list_error.is_some() && has_commands()
    });
    for outcome in outcomes {
        if let Err(failure) = &outcome.result {
            report.problems.push(format!(
                "{}, {}: {}",
                outcome.module,
                failure.command,
                advice::on_command(&failure.error, client)
            ));
        }
    }
    report
}
