//! The commands of one scrape that show the state of modules: for which parts each is asked, in
//! which order, and what they cost. It knows neither requests nor what replies mean.

use std::sync::Arc;
use std::time::Instant;

use crate::exposition::{Page, Value};
use crate::families::{Families, Own};
use crate::mi::{self, Call, Client, CommandError, Deadline, Dialect, Error};
use crate::processors::state::Parts;
use crate::processors::{Listing, PROCESSORS, Processor, StateMapping};
use crate::selection::Selection;

/// The value of the label for the list of all commands.
const WHICH: &str = "which";

/// The value of the label for the statistics of Kamailio, which it has by a module of that name.
const KEX: &str = "kex";

/// The name for all dialog profiles.
const ALL: &str = "all";

/// Asks one server for the states of its modules.
pub struct Modules {
    mapping: StateMapping,
    families: Families,
    /// The dialog profiles that the operator named.
    profiles: Arc<[String]>,
}

/// What was collected in one scrape.
#[derive(Default)]
pub struct Collected<'c> {
    states: Page<'c>,
    collectors: Page<'c>,
    /// How the commands of each module went that the server has.
    pub outcomes: Vec<Outcome>,
    /// Why the server does not tell what commands it has, if it does not.
    pub list_error: Option<CommandError>,
}

impl Collected<'_> {
    /// Whether all commands were read that the server has.
    pub fn is_whole(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        self.list_error.is_none() && outcomes.all(|outcome| outcome.result.is_ok())
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
    /// Its name, and what it was asked for.
    pub command: String,
    /// Why it failed.
    pub error: CommandError,
}

impl Modules {
    /// Those of all processors. `profiles` are the dialog profiles whose size is asked for.
    pub fn new(profiles: Vec<String>) -> Self {
        Modules {
            mapping: StateMapping::new(PROCESSORS),
            families: Families::default(),
            profiles: profiles.into(),
        }
    }

    /// Asks the server for the states that are selected.
    ///
    /// It does nothing else while it works on one command, so after one that is too slow no other
    /// is sent, and that one is the last in the next scrapes. If it `is_busy` already, none is.
    pub fn collect<'c>(
        &'c self,
        client: &mut Client,
        selection: &Selection,
        deadline: Deadline,
        is_busy: bool,
    ) -> Collected<'c> {
        let mut collected = Collected::default();
        let add = |page: &mut Page<'c>, family, collector: &str, value| {
            self.families.add(page, family, &[collector.as_bytes()], value);
        };
        let is_selected = |processor: &&Processor| {
            !processor.listings.is_empty() && selection.has_group(processor.group)
        };
        let processors: Vec<&Processor> = PROCESSORS.iter().filter(is_selected).collect();
        if processors.is_empty() {
            return collected;
        }
        let listed = match client.known_commands() {
            Some(listed) => Ok(listed),
            None if is_busy => Err(CommandError::NoTime),
            None => client.commands(deadline),
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                add(&mut collected.collectors, Own::CollectorSuccess, WHICH, Value::Unsigned(0));
                collected.list_error = Some(error);
                return collected;
            }
        };
        if client.lacks_statistics() {
            let command = Dialect::STATISTICS_OF_KAMAILIO.to_string();
            let result = Err(Failure { command, error: CommandError::NotLoaded(KEX) });
            add(&mut collected.collectors, Own::CollectorSuccess, KEX, Value::Unsigned(0));
            collected.outcomes.push(Outcome { module: KEX, result });
        }
        let (failed, others): (Vec<_>, Vec<_>) = processors.into_iter().partition(|processor| {
            let mut listings = processor.listings.iter();
            listings.any(|listing| client.has_failed(listing.command.names))
        });
        let mut run = Run { modules: self, client, deadline, listed, is_busy };
        for processor in others.into_iter().chain(failed) {
            let began = Instant::now();
            let Some(result) = run.collect(processor, &mut collected.states) else {
                continue;
            };
            let module = processor.group;
            let success = Value::Unsigned(u64::from(result.is_ok()));
            add(&mut collected.collectors, Own::CollectorSuccess, module, success);
            let duration = Value::Float(began.elapsed().as_secs_f64());
            add(&mut collected.collectors, Own::CollectorDuration, module, duration);
            collected.outcomes.push(Outcome { module, result });
        }
        collected
    }

    /// Prints what was collected at the end of `out`.
    pub fn write(&self, collected: Collected<'_>, out: &mut Vec<u8>) {
        collected.collectors.write(self.families.headers(), out);
        collected.states.write(self.mapping.headers(), out);
    }
}

/// One scrape.
struct Run<'c, 'r> {
    modules: &'c Modules,
    client: &'r mut Client,
    deadline: Deadline,
    /// The commands that the server has.
    listed: Arc<[String]>,
    /// Whether it may still work on a command that was too slow.
    is_busy: bool,
}

impl<'c> Run<'c, '_> {
    /// Adds the state of a module to `page`: `None` if the server has none of its commands, else
    /// whether all of them were read.
    fn collect(
        &mut self,
        processor: &Processor,
        page: &mut Page<'c>,
    ) -> Option<Result<(), Failure>> {
        let mut result = None;
        for listing in processor.listings {
            let is_wanted = match listing.parts {
                Parts::Profiles(..) => !self.modules.profiles.is_empty(),
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
        page: &mut Page<'c>,
    ) -> Result<(), Failure> {
        let parts = self.parts(&listing.parts, false)?;
        let is_whole = parts.1.is_empty();
        let result = self.read_parts(listing, name, parts, page);
        let is_of_size = |failure: &Failure| failure.error.is_of_size();
        if is_whole && result.as_ref().is_err_and(is_of_size) {
            let parts = self.parts(&listing.parts, true)?;
            if !parts.1.is_empty() {
                return self.read_parts(listing, name, parts, page);
            }
        }
        result
    }

    /// The same for some parts of that, or for the whole if there are none.
    fn read_parts(
        &mut self,
        listing: &Listing,
        name: &'static str,
        (parameter, parts): (&str, Arc<[String]>),
        page: &mut Page<'c>,
    ) -> Result<(), Failure> {
        if parts.is_empty() && !matches!(listing.parts, Parts::Profiles(..)) {
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
        page: &mut Page<'c>,
    ) -> Result<(), Failure> {
        let part = parameter.map_or("", |(_, value)| value);
        let parameters = match (listing.parts, parameter) {
            (Parts::Profiles(_, of_value), Some((parameter, part))) => match part.split_once('/') {
                Some((profile, value)) => vec![(parameter, profile), (of_value, value)],
                None => vec![(parameter, part)],
            },
            (_, parameter) => parameter.into_iter().collect(),
        };
        let attributes = listing.command.attributes;
        let call = Call { name, attributes, parameters: &parameters };
        let mapping = &self.modules.mapping;
        let add = |reply: &mi::Value<'_>| mapping.add(listing, reply, part, page);
        let result = if self.is_busy {
            Err(CommandError::NoTime)
        } else {
            self.client.call(call, self.deadline, add)
        };
        let error = match result {
            Ok(true) => return Ok(()),
            Ok(false) => CommandError::Unreadable,
            Err(CommandError::Error(Error::Answered { reason, .. }))
                if Some(reason.as_str()) == listing.nothing =>
            {
                return Ok(());
            }
            Err(error) => error,
        };
        self.is_busy |= matches!(error, CommandError::TooSlow { .. });
        let command = match part {
            "" => name.to_string(),
            part => format!("{name} {part}"),
        };
        Err(Failure { command, error })
    }

    /// The parts that a command is asked for one by one, and the parameter that they are: none if
    /// it is asked for everything. Everything may be `too_large`.
    fn parts(
        &mut self,
        parts: &Parts,
        too_large: bool,
    ) -> Result<(&'static str, Arc<[String]>), Failure> {
        match *parts {
            Parts::OrLess(value) if too_large => Ok(("", Arc::from([value.to_string()]))),
            Parts::Whole | Parts::OrLess(_) => Ok(("", Arc::default())),
            Parts::Given(value) => Ok(("", Arc::from([value.to_string()]))),
            Parts::Profiles(parameter, _) => {
                let profiles = &self.modules.profiles;
                let (all, named): (Vec<_>, Vec<_>) =
                    profiles.iter().cloned().partition(|name| name == ALL);
                let listed = match all.as_slice() {
                    [] => Arc::default(),
                    _ => self.parts(&Parts::ALL_PROFILES, false)?.1,
                };
                let others = named.into_iter().filter(|name| !listed.contains(name));
                Ok((parameter, listed.iter().cloned().chain(others).collect()))
            }
            Parts::Listed { least: usize::MAX, .. } if !too_large => Ok(("", Arc::default())),
            Parts::Listed { parameter, least, without, command, given, nodes, field } => {
                let least = if too_large { least.min(2) } else { least };
                let call = command.name_in(&self.listed).map(|name| Call {
                    name,
                    attributes: command.attributes,
                    parameters: given.as_slice(),
                });
                let read = |reply: &mi::Value<'_>| Parts::read(nodes, field, without, reply);
                let listed = match call {
                    None => Ok(Arc::default()),
                    Some(_) if self.is_busy => Err(CommandError::NoTime),
                    Some(call) => self.client.call_once(call, self.deadline, read),
                };
                let listed = match listed {
                    Ok(listed) => listed,
                    // Most servers have no parts, and the others say so when they are asked for
                    // everything, if they can be.
                    Err(error) if least > 0 && !matches!(error, CommandError::TooSlow { .. }) => {
                        Arc::default()
                    }
                    Err(error) => {
                        self.is_busy |= matches!(error, CommandError::TooSlow { .. });
                        let command = call.map_or("", |call| call.name).to_string();
                        return Err(Failure { command, error });
                    }
                };
                let is_in_parts = listed.len() >= least;
                Ok((parameter, if is_in_parts { listed } else { Arc::default() }))
            }
        }
    }
}
