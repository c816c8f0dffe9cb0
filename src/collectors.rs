//! The commands of one scrape that show the state of modules, one after the other: what they cost, and what the log
//! says when one stops working. It does not know how they are asked nor what they mean.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::exposition::{Family, Header, Kind, LabelValue, Page, Template, Value};
use crate::mi::{self, Answerer, Client, CommandError, Deadline};
use crate::processors::state::Parts;
use crate::processors::{Listing, PROCESSORS, Processor, StateMapping};
use crate::selection::Selection;

/// What each page says of the commands of a processor that the server has.
pub const COLLECTOR_FAMILIES: &[Family] = &[
    Family {
        name: "opensips_scrape_collector_success",
        kind: Kind::Gauge,
        help: "Whether the server's commands that show the state of a module were all read by this scrape (1) or not (0)",
    },
    Family {
        name: "opensips_scrape_collector_duration_seconds",
        kind: Kind::Gauge,
        help: "Time that these commands took",
    },
];

/// Where they stand in [`COLLECTOR_FAMILIES`].
const SUCCESS: usize = 0;
const DURATION: usize = 1;

/// Their only label.
pub const COLLECTOR_LABELS: &[&str] = &["collector"];

/// Collects the states of the modules of one server.
pub struct Collectors {
    mapping: StateMapping,
    headers: Vec<Header>,
    series: Vec<Template>,
    /// The dialog profiles that the operator named.
    profiles: Arc<[String]>,
    /// The processors of which the log said that they fail.
    failing: Mutex<BTreeSet<&'static str>>,
}

impl Collectors {
    /// Those of all processors. `profiles` are the dialog profiles whose size is asked for.
    pub fn new(profiles: Vec<String>) -> Self {
        let series = COLLECTOR_FAMILIES.iter().map(|family| {
            let given = (0..).map(LabelValue::Given);
            Template::new(family.name, COLLECTOR_LABELS.iter().copied().zip(given))
        });
        Collectors {
            mapping: StateMapping::new(PROCESSORS),
            headers: Header::of(COLLECTOR_FAMILIES),
            series: series.collect(),
            profiles: profiles.into(),
            failing: Mutex::default(),
        }
    }

    /// Asks the server that answered for the states that are selected, and prints them at the end of `out`.
    /// Returns how each module went that the server has.
    pub fn collect(
        &self,
        client: &Client,
        answerer: &Answerer,
        selection: &Selection,
        deadline: Deadline,
        out: &mut Vec<u8>,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut states = Page::default();
        let mut collectors = Page::default();
        let processors = PROCESSORS.iter().filter(|processor| {
            !processor.listings.is_empty() && selection.has_group(processor.group)
        });
        for processor in processors {
            let began = Instant::now();
            let run = Run {
                collectors: self,
                client,
                answerer,
                deadline,
            };
            let Some(result) = run.collect(processor, &mut states) else {
                continue;
            };
            let values = [processor.group.as_bytes()];
            let mut add = |family, value| {
                if let Some(series) = self.series.get(family) {
                    collectors.add(family, series, &values, value);
                }
            };
            add(SUCCESS, Value::Unsigned(u64::from(result.is_ok())));
            add(DURATION, Value::Float(began.elapsed().as_secs_f64()));
            let outcome = Outcome {
                module: processor.group,
                result,
            };
            self.tell(&outcome);
            outcomes.push(outcome);
        }
        collectors.write(&self.headers, out);
        states.write(self.mapping.headers(), out);
        outcomes
    }

    /// Logs when a processor fails, and when it works again.
    fn tell(&self, outcome: &Outcome) {
        let group = outcome.module;
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let was_failing = failing.contains(group);
        match &outcome.result {
            Err(failure) if !was_failing => {
                failing.insert(group);
                drop(failing);
                log::warn!("{group} is not complete on the page, {failure}");
            }
            Ok(()) if was_failing => {
                failing.remove(group);
                drop(failing);
                log::info!("{group} is complete on the page again");
            }
            _ => {}
        }
    }
}

/// How the commands of a module went.
#[derive(Debug)]
pub struct Outcome {
    /// The module.
    pub module: &'static str,
    /// The first one that failed, if one did.
    pub result: Result<(), Failure>,
}

/// A command that failed.
#[derive(Debug)]
pub struct Failure {
    command: &'static str,
    error: CommandError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.error)
    }
}

/// One scrape.
struct Run<'r> {
    collectors: &'r Collectors,
    client: &'r Client,
    answerer: &'r Answerer,
    deadline: Deadline,
}

impl Run<'_> {
    /// Adds the state of a module to `page`: `None` if the server has none of its commands, else whether all of
    /// them were read.
    fn collect(&self, processor: &Processor, page: &mut Page) -> Option<Result<(), Failure>> {
        let mut result = None;
        for listing in processor.listings {
            let is_wanted = match listing.parts {
                Parts::Profiles(_) => !self.collectors.profiles.is_empty(),
                _ => true,
            };
            if is_wanted
                && let Some(name) =
                    self.client
                        .name_of(self.answerer, &listing.command, self.deadline)
            {
                let read = self.read(listing, name, page);
                let read = read.map_err(|error| Failure {
                    command: name,
                    error,
                });
                result = Some(result.unwrap_or(Ok(())).and(read));
            }
        }
        result
    }

    /// Adds what a command shows, which the server has under that name.
    fn read(
        &self,
        listing: &Listing,
        name: &'static str,
        page: &mut Page,
    ) -> Result<(), CommandError> {
        let (parameter, parts) = self.parts(&listing.parts)?;
        if parts.is_empty() {
            return self.call(listing, name, None, page);
        }
        let mut result = Ok(());
        for part in parts.iter() {
            result = result.and(self.call(listing, name, Some((parameter, part)), page));
        }
        result
    }

    fn call(
        &self,
        listing: &Listing,
        name: &'static str,
        part: Option<(&str, &str)>,
        page: &mut Page,
    ) -> Result<(), CommandError> {
        let value = part.map_or("", |(_, value)| value);
        let mapping = &self.collectors.mapping;
        let add = |reply: &mi::Value<'_>| mapping.add(listing, reply, value, page);
        let command = &listing.command;
        self.client
            .call(self.answerer, command, name, part, self.deadline, add)
    }

    /// The parts that a command is asked for one by one, and the parameter that they are: none if it is asked for
    /// everything.
    fn parts(&self, parts: &Parts) -> Result<(&'static str, Arc<[String]>), CommandError> {
        match *parts {
            Parts::Whole => Ok(("", Arc::default())),
            Parts::Profiles(parameter) => Ok((parameter, Arc::clone(&self.collectors.profiles))),
            Parts::Listed {
                parameter,
                command,
                given,
                nodes,
                field,
            } => {
                let Some(name) = self.client.name_of(self.answerer, &command, self.deadline) else {
                    return Ok((parameter, Arc::default()));
                };
                let read = |reply: &mi::Value<'_>| Parts::read(nodes, field, reply);
                let parts = self.client.call_once(
                    self.answerer,
                    &command,
                    name,
                    given,
                    self.deadline,
                    read,
                )?;
                Ok((parameter, parts))
            }
        }
    }
}
