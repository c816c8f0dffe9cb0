//! The commands of one scrape that show the state of modules, one after the other: what they cost, and what the log
//! says when one stops working. It does not know how they are asked nor what they mean.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::{Family, Header, Kind, Page, Template, Value};
use crate::mi::{self, Answerer, Call, Client, CommandError, Deadline};
use crate::processors::state::Parts;
use crate::processors::{Listing, PROCESSORS, Processor, StateMapping};
use crate::selection::Selection;

/// What each page says of the commands of a processor that the server has.
pub const COLLECTOR_FAMILIES: &[Family] = &[
    Family {
        name: "opensips_scrape_collector_success",
        kind: Kind::Gauge,
        help: "Whether the server's commands that show the state of a module were all read by this scrape (1) or not (0); the collector which, always 0, is there when the server does not tell what commands it has",
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

/// The value of the label for the list of all commands.
const WHICH: &str = "which";

/// How long after one line that a module fails there is no other one of it: strangers can make it fail by leaving it no
/// time.
const QUIET: Duration = Duration::from_secs(60);

/// Collects the states of the modules of one server.
pub struct Collectors {
    mapping: StateMapping,
    headers: Vec<Header>,
    series: Vec<Template>,
    /// The dialog profiles that the operator named.
    profiles: Arc<[String]>,
    /// What the log said of each module that failed.
    told: Mutex<BTreeMap<&'static str, Told>>,
    /// The modules that were too slow when they were asked last.
    slow: Mutex<BTreeSet<&'static str>>,
    /// Whether a scrape asks for states now, and what tells that none does any more.
    is_taken: Mutex<bool>,
    is_free: Condvar,
}

/// What the log said of a module that failed.
struct Told {
    /// When it said so.
    when: Instant,
    /// Whether it did not say since then that it works again.
    is_failing: bool,
}

/// What was collected in one scrape.
#[derive(Default)]
pub struct Collected {
    states: Page,
    collectors: Page,
    /// How the commands of each module went that the server has.
    pub outcomes: Vec<Outcome>,
    /// Whether the server does not tell what commands it has.
    pub is_without_list: bool,
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
    /// Its name, and what it was asked for.
    command: String,
    error: CommandError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.error)
    }
}

impl Collectors {
    /// Those of all processors. `profiles` are the dialog profiles whose size is asked for.
    pub fn new(profiles: Vec<String>) -> Self {
        let series = COLLECTOR_FAMILIES.iter();
        let series =
            series.map(|family| Template::given(family.name, COLLECTOR_LABELS.iter().copied()));
        Collectors {
            mapping: StateMapping::new(PROCESSORS),
            headers: Header::of(COLLECTOR_FAMILIES),
            series: series.collect(),
            profiles: profiles.into(),
            told: Mutex::default(),
            slow: Mutex::default(),
            is_taken: Mutex::default(),
            is_free: Condvar::new(),
        }
    }

    /// Asks the server that answered for the states that are selected.
    ///
    /// It does nothing else while it works on one command, so after one that is too slow no other is sent, and that
    /// one is the last in the next scrapes.
    pub fn collect(
        &self,
        client: &Client,
        answerer: &Answerer,
        selection: &Selection,
        deadline: Deadline,
    ) -> Collected {
        let mut collected = Collected::default();
        let processors = PROCESSORS.iter().filter(|processor| {
            !processor.listings.is_empty() && selection.has_group(processor.group)
        });
        let mut processors: Vec<&Processor> = processors.collect();
        if let Some(listed) = answerer.known_commands() {
            processors.retain(|processor| {
                let mut listings = processor.listings.iter();
                listings.any(|listing| listing.command.name_in(&listed).is_some())
            });
        }
        if processors.is_empty() {
            return collected;
        }
        // Else each would take the others' commands for slow ones.
        let _turn = self.wait_for_turn(deadline);
        let Some(listed) = client.commands(answerer, deadline) else {
            self.add(&mut collected, SUCCESS, WHICH, Value::Unsigned(0));
            collected.is_without_list = true;
            return collected;
        };
        {
            let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
            processors.sort_by_key(|processor| slow.contains(processor.group));
        }
        let mut run = Run {
            collectors: self,
            client,
            answerer,
            deadline,
            listed,
            is_busy: false,
        };
        for processor in processors {
            let began = Instant::now();
            let Some(result) = run.collect(processor, &mut collected.states) else {
                continue;
            };
            let module = processor.group;
            let success = Value::Unsigned(u64::from(result.is_ok()));
            self.add(&mut collected, SUCCESS, module, success);
            let duration = Value::Float(began.elapsed().as_secs_f64());
            self.add(&mut collected, DURATION, module, duration);
            let outcome = Outcome { module, result };
            self.note(&outcome);
            collected.outcomes.push(outcome);
        }
        collected
    }

    /// Waits until no other scrape asks for states, or the time of this one is over: then it asks for nothing.
    fn wait_for_turn(&self, deadline: Deadline) -> Turn<'_> {
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(left) = deadline.remaining().filter(|_| *is_taken) {
            let waited = self.is_free.wait_timeout(is_taken, left);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let is_ours = !*is_taken;
        *is_taken = true;
        Turn {
            collectors: self,
            is_ours,
        }
    }

    /// Prints what was collected at the end of `out`.
    pub fn write(&self, mut collected: Collected, out: &mut Vec<u8>) {
        collected.collectors.write(&self.headers, out);
        collected.states.write(self.mapping.headers(), out);
    }

    fn add(&self, collected: &mut Collected, family: usize, collector: &str, value: Value) {
        if let Some(series) = self.series.get(family) {
            let page = &mut collected.collectors;
            page.add(family, series, &[collector.as_bytes()], value);
        }
    }

    /// Remembers which module was slow, and logs when one fails or works again.
    fn note(&self, outcome: &Outcome) {
        let Outcome { module, result } = outcome;
        let error = result.as_ref().err().map(|failure| &failure.error);
        if let Some(CommandError::NoTime | CommandError::Paused) = error {
            // That says nothing of the module.
            return;
        }
        {
            let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
            match error {
                Some(CommandError::TooSlow(_)) => slow.insert(module),
                _ => slow.remove(module),
            };
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match (result, told.get_mut(module)) {
            (Ok(()), Some(last)) if last.is_failing => {
                last.is_failing = false;
                drop(told);
                log::info!("{module} is complete on the page again");
            }
            (Err(failure), last) => {
                let is_told = |last: &Told| last.is_failing || last.when.elapsed() < QUIET;
                if last.is_some_and(|last| is_told(last)) {
                    return;
                }
                let now = Told {
                    when: Instant::now(),
                    is_failing: true,
                };
                told.insert(module, now);
                drop(told);
                log::warn!("{module} is not complete on the page, {failure}");
            }
            _ => {}
        }
    }
}

/// That a scrape asks for states, until this is dropped.
struct Turn<'c> {
    collectors: &'c Collectors,
    /// Whether it has the turn, or gave up waiting for it.
    is_ours: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_ours {
            let is_taken = self.collectors.is_taken.lock();
            *is_taken.unwrap_or_else(PoisonError::into_inner) = false;
            self.collectors.is_free.notify_one();
        }
    }
}

/// One scrape.
struct Run<'r> {
    collectors: &'r Collectors,
    client: &'r Client,
    answerer: &'r Answerer,
    deadline: Deadline,
    /// The commands that the server has.
    listed: Arc<HashSet<String>>,
    /// Whether it may still work on a command that was too slow.
    is_busy: bool,
}

impl Run<'_> {
    /// Adds the state of a module to `page`: `None` if the server has none of its commands, else whether all of
    /// them were read.
    fn collect(&mut self, processor: &Processor, page: &mut Page) -> Option<Result<(), Failure>> {
        let mut result = None;
        for listing in processor.listings {
            let is_wanted = match listing.parts {
                Parts::Profiles(_) => !self.collectors.profiles.is_empty(),
                _ => true,
            };
            if is_wanted && let Some(name) = listing.command.name_in(&self.listed) {
                let read = self.read(listing, name, page);
                result = Some(result.unwrap_or(Ok(())).and(read));
            }
        }
        result
    }

    /// Adds what a command shows, which the server has under that name.
    fn read(
        &mut self,
        listing: &Listing,
        name: &'static str,
        page: &mut Page,
    ) -> Result<(), Failure> {
        let (parameter, parts) = self.parts(&listing.parts)?;
        if parts.is_empty() {
            return self.read_part(listing, name, None, page);
        }
        let mut result = Ok(());
        for part in parts.iter() {
            result = result.and(self.read_part(listing, name, Some((parameter, part)), page));
        }
        result
    }

    fn read_part(
        &mut self,
        listing: &Listing,
        name: &'static str,
        parameter: Option<(&str, &str)>,
        page: &mut Page,
    ) -> Result<(), Failure> {
        let part = parameter.map_or("", |(_, value)| value);
        let call = Call {
            name,
            attributes: listing.command.attributes,
            parameter,
        };
        let mapping = &self.collectors.mapping;
        let add = |reply: &mi::Value<'_>| mapping.add(listing, reply, part, page);
        let result = if self.is_busy {
            Err(CommandError::NoTime)
        } else {
            self.client.call(self.answerer, call, self.deadline, add)
        };
        let error = match result {
            Ok(true) => return Ok(()),
            Ok(false) => CommandError::Unreadable,
            Err(error) => error,
        };
        self.is_busy |= matches!(error, CommandError::TooSlow(_));
        let command = match part {
            "" => name.to_string(),
            part => format!("{name} {part}"),
        };
        Err(Failure { command, error })
    }

    /// The parts that a command is asked for one by one, and the parameter that they are: none if it is asked for
    /// everything.
    fn parts(&mut self, parts: &Parts) -> Result<(&'static str, Arc<[String]>), Failure> {
        match *parts {
            Parts::Whole => Ok(("", Arc::default())),
            Parts::Profiles(parameter) => Ok((parameter, Arc::clone(&self.collectors.profiles))),
            Parts::Listed {
                parameter,
                least,
                command,
                given,
                nodes,
                field,
            } => {
                let call = command.name_in(&self.listed).map(|name| Call {
                    name,
                    attributes: command.attributes,
                    parameter: given,
                });
                let read = |reply: &mi::Value<'_>| Parts::read(nodes, field, reply);
                let listed = match call {
                    Some(call) if !self.is_busy => {
                        self.client
                            .call_once(self.answerer, call, self.deadline, read)
                    }
                    _ => Ok(Arc::default()),
                };
                let listed = match listed {
                    Err(error @ CommandError::TooSlow(_)) => {
                        self.is_busy = true;
                        let command = call.map_or("", |call| call.name).to_string();
                        return Err(Failure { command, error });
                    }
                    // Most servers have no parts, and the others say so when they are asked for everything.
                    listed => listed.unwrap_or_default(),
                };
                let is_in_parts = listed.len() >= least;
                Ok((parameter, if is_in_parts { listed } else { Arc::default() }))
            }
        }
    }
}
