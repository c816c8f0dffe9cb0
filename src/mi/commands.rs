//! Commands that show the state of modules: which of them a server has, and what they reply.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::client::{Answerer, Client};
use super::dialect::{Dialect, Refused};
use super::json::{self, Value};
use super::questions::question_time;
use super::{Deadline, Error, line, tree};

/// The time for an answer from which on it is news that there was none.
const FAIR_TIME: Duration = Duration::from_millis(200);

/// The key of the list of all commands among them.
const LIST: &str = "which";

/// A command that changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its names in all versions. A server lists one of them, if it has the command.
    pub names: &'static [&'static str],
    /// The attributes of the nodes of its reply in the line protocol, in the order in which they are printed.
    pub attributes: &'static [&'static str],
}

/// Why a command has no reply that can be read.
#[derive(Debug)]
pub enum CommandError {
    /// The reply does not fit into what the server can send.
    TooLarge,
    /// It did not come in time.
    TooSlow(Duration),
    /// It was not sent, since it was not answered before: it is after a pause.
    Paused,
    /// It was not sent, since the scrape has no more time, or the server still works on another one.
    NoTime,
    /// The server knows nothing of it.
    Unknown,
    /// The reply is none that is known.
    Unreadable,
    /// Something else.
    Error(Error),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::TooLarge => f.write_str(
                "the reply is too large for mi_datagram: raise its socket_buf_size (OpenSIPS 4.0), or use mi_http",
            ),
            CommandError::TooSlow(waited) => write!(
                f,
                "no reply within {}: raise -timeout, or leave it to -exclude",
                humantime::format_duration(Duration::from_millis(
                    waited.as_millis().try_into().unwrap_or(u64::MAX)
                ))
            ),
            CommandError::Paused => {
                f.write_str("not asked for now, since there was no reply: it is after a pause")
            }
            CommandError::NoTime => {
                f.write_str("there was no time left for it: raise -timeout, or leave it to -exclude")
            }
            CommandError::Unknown => f.write_str(
                "the server has no data, or nothing of that name: see whether the module has loaded them",
            ),
            CommandError::Unreadable => f.write_str(
                "the reply has a form that is not known: please report it, with the version of the server",
            ),
            CommandError::Error(Error::Answered { code, reason }) => write!(
                f,
                "the server answered \"{code} {reason}\": look into the log of OpenSIPS"
            ),
            CommandError::Error(error) => error.fmt(f),
        }
    }
}

/// A command as a server has it, and what of it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// One of the names of the command.
    pub name: &'static str,
    /// The attributes of its nodes, see [`Command`].
    pub attributes: &'static [&'static str],
    /// A parameter and its value, if there is one.
    pub parameter: Option<(&'c str, &'c str)>,
}

/// What is known of the commands of one server.
#[derive(Debug, Default)]
pub struct Commands {
    /// The names of all.
    listed: Option<Arc<HashSet<String>>>,
    /// Whether the log said that the server does not list them.
    is_told: bool,
    /// What came of each one, by its name and the value of its parameter.
    backoffs: BTreeMap<(&'static str, String), Backoff>,
    /// What was read once for as long as the server runs, by the command and the value of its parameter.
    kept: BTreeMap<(&'static str, String), Arc<[String]>>,
}

impl Command {
    /// The name by which the server has it, which listed these.
    pub fn name_in(&self, listed: &HashSet<String>) -> Option<&'static str> {
        let mut names = self.names.iter().copied();
        names.find(|name| listed.contains(*name))
    }
}

impl Answerer {
    /// The names of all commands of the server, if it told them already.
    pub fn known_commands(&self) -> Option<Arc<HashSet<String>>> {
        self.server.commands().listed.clone()
    }
}

impl Client {
    /// The names of all commands of the server. It is asked for them once, and now and then if it does not answer.
    pub fn commands(
        &self,
        answerer: &Answerer,
        deadline: Deadline,
    ) -> Option<Arc<HashSet<String>>> {
        let server = &answerer.server;
        if let Some(listed) = answerer.known_commands() {
            return Some(listed);
        }
        let key = (LIST, String::new());
        let time = question_time(deadline);
        let may_ask = |backoff: &Backoff| backoff.may_ask(Instant::now(), time);
        if !server.commands().backoffs.get(&key).is_none_or(may_ask)
            || deadline.remaining().is_none_or(|left| left < time)
        {
            return None;
        }
        let dialect = server.dialect;
        let told = self.question(
            dialect,
            |id| dialect.call("which", "system.listMethods", id),
            |reply, id| tree::of(dialect, reply, id, &[], names),
            deadline,
        );
        let mut commands = server.commands();
        match told {
            Ok(names) => {
                commands.listed = Some(Arc::new(names));
                if std::mem::take(&mut commands.is_told) {
                    log::info!("the server lists its commands again");
                }
            }
            Err(_) => {
                let backoff = commands.backoffs.entry(key).or_default();
                backoff.note_silence(Instant::now(), time);
                // In less time there is no answer from a server that is well.
                if time >= FAIR_TIME && !std::mem::replace(&mut commands.is_told, true) {
                    log::warn!(
                        "the server does not list its commands, so there is nothing on the page of the state of its modules: look into the log of OpenSIPS"
                    );
                }
            }
        }
        commands.listed.clone()
    }

    /// Asks the server in a part of the time of a scrape, and returns what `read` makes of the reply.
    ///
    /// # Errors
    ///
    /// Why there is no reply. One that does not come is not asked for again for some time.
    pub fn call<T>(
        &self,
        answerer: &Answerer,
        call: Call<'_>,
        deadline: Deadline,
        mut read: impl FnMut(&Value<'_>) -> T,
    ) -> Result<T, CommandError> {
        let server = &answerer.server;
        let time = deadline.limit() / 4;
        let key = call.key();
        let commands = server.commands();
        let backoff = commands.backoffs.get(&key);
        if backoff.is_some_and(|backoff| !backoff.may_ask(Instant::now(), time)) {
            return Err(CommandError::Paused);
        }
        drop(commands);
        // Less would say nothing of the command.
        if deadline.remaining().is_none_or(|left| left < time) {
            return Err(CommandError::NoTime);
        }
        let dialect = server.dialect;
        let result = self.ask(
            dialect,
            |id| request(dialect, call.name, call.parameter, id),
            |reply, id| tree::of(dialect, reply, id, call.attributes, &mut read),
            deadline.at_most(time),
        );
        let result = result.map_err(|refused| match refused {
            Refused::TooLarge => CommandError::TooLarge,
            Refused::Error(Error::NoReply { .. } | Error::QueueFull { .. }) => {
                CommandError::TooSlow(time)
            }
            Refused::Error(error) => CommandError::Error(error),
            Refused::Unknown => CommandError::Unknown,
            Refused::OtherDialect(_) | Refused::NotOurs => CommandError::Error(Error::OtherDialect),
        });
        let mut commands = server.commands();
        match &result {
            Err(CommandError::TooLarge | CommandError::TooSlow(_)) => {
                let backoff = commands.backoffs.entry(key).or_default();
                backoff.note_silence(Instant::now(), time);
            }
            _ => {
                commands.backoffs.remove(&key);
            }
        }
        result
    }

    /// The texts that `read` finds in the reply to a command whose reply stays the same as long as the server
    /// runs, see [`Client::call`].
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub fn call_once(
        &self,
        answerer: &Answerer,
        call: Call<'_>,
        deadline: Deadline,
        read: impl FnMut(&Value<'_>) -> Vec<String>,
    ) -> Result<Arc<[String]>, CommandError> {
        if let Some(kept) = answerer.server.commands().kept.get(&call.key()) {
            return Ok(Arc::clone(kept));
        }
        let texts = Arc::from(self.call(answerer, call, deadline, read)?);
        let mut commands = answerer.server.commands();
        commands.kept.insert(call.key(), Arc::clone(&texts));
        Ok(texts)
    }
}

impl Call<'_> {
    fn key(&self) -> (&'static str, String) {
        let value = self.parameter.map_or("", |(_, value)| value);
        (self.name, value.to_string())
    }
}

/// The names in the reply to `which`: nodes without values, or an array.
fn names(reply: &Value<'_>) -> HashSet<String> {
    match reply {
        Value::Members(nodes) => nodes.iter().map(|(name, _)| name.to_string()).collect(),
        list => {
            let names = list.elements().iter().filter_map(Value::text);
            names.map(|name| name.into_owned()).collect()
        }
    }
}

fn request(dialect: Dialect, name: &str, parameter: Option<(&str, &str)>, id: u32) -> Vec<u8> {
    match dialect {
        Dialect::Line => {
            let values = parameter.map(|(_, value)| value.to_string());
            line::request(name, values.as_slice())
        }
        Dialect::JsonRpc | Dialect::Kamailio => {
            let parameters = parameter
                .map(|(parameter, value)| format!("{{\"{parameter}\":{}}}", json::string(value)));
            json::request(name, parameters.as_deref().unwrap_or_default(), id)
        }
    }
}
