//! Commands that show the state of modules: which of them a server has, and what they reply.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Answerer, Client};
use super::dialect::{Dialect, Refused, check_lines, result};
use super::json::{self, Value};
use super::patience::Patience;
use super::{Deadline, Error, line, tree};

/// How long a server must have had for an answer, before it counts that there was none: strangers who announce a
/// short scrape timeout shall not keep others from the answer.
const FAIR_TIME: Duration = Duration::from_millis(200);

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
    /// The server knows nothing of it.
    Unknown,
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
            CommandError::Unknown => {
                f.write_str("the server has no data: see whether the module has loaded them")
            }
            CommandError::Error(Error::Answered { code, reason }) => write!(
                f,
                "the server answered \"{code} {reason}\": look into the log of OpenSIPS"
            ),
            CommandError::Error(error) => error.fmt(f),
        }
    }
}

/// What is known of the commands of one server.
#[derive(Debug, Default)]
pub struct Commands {
    /// The names of all.
    listed: Option<Arc<HashSet<String>>>,
    patience: Patience,
    /// With each that was asked for.
    with_each: BTreeMap<&'static str, Patience>,
    /// What was read once for as long as the server runs, by the command.
    kept: BTreeMap<&'static str, Arc<[String]>>,
}

impl Client {
    /// The name under which the server has `command`, if it has it. It is asked once what it has.
    pub fn name_of(
        &self,
        answerer: &Answerer,
        command: &Command,
        deadline: Deadline,
    ) -> Option<&'static str> {
        let listed = self.list_commands(answerer, deadline)?;
        let mut names = command.names.iter().copied();
        names.find(|name| listed.contains(*name))
    }

    fn list_commands(
        &self,
        answerer: &Answerer,
        deadline: Deadline,
    ) -> Option<Arc<HashSet<String>>> {
        let server = &answerer.server;
        if let Some(listed) = &server.commands().listed {
            return Some(Arc::clone(listed));
        }
        if !server.commands().patience.may_ask() {
            return None;
        }
        let dialect = server.dialect;
        let told = self.question(
            dialect,
            |id| match dialect {
                Dialect::Line => line::request("which", &[]),
                Dialect::JsonRpc => json::request("which", "", id),
                Dialect::Kamailio => json::request("system.listMethods", "", id),
            },
            |reply, id| {
                read(dialect, reply, id, &[], |value| {
                    let names = |text: &Value<'_>| text.text().map(|name| name.into_owned());
                    match value {
                        Value::Members(nodes) => {
                            nodes.iter().map(|(name, _)| name.to_string()).collect()
                        }
                        list => list.elements().iter().filter_map(names).collect(),
                    }
                })
            },
            deadline,
        );
        let mut commands = server.commands();
        match told {
            Ok(names) => commands.listed = Some(Arc::new(names)),
            Err(_) if deadline.limit() / 4 >= FAIR_TIME && commands.patience.note_silence() => {
                log::warn!(
                    "the server does not list its commands, so there is nothing on the page of the state of its modules: look into the log of OpenSIPS"
                )
            }
            Err(_) => {}
        }
        commands.listed.clone()
    }

    /// Asks for `name`, one of the names of `command`, in a part of the time of a scrape, with a parameter and
    /// its value if there is one. What `read` makes of the reply is returned.
    ///
    /// # Errors
    ///
    /// Why there is no reply. One that does not come in some scrapes is not asked for again for long: the server
    /// does nothing else meanwhile.
    pub fn call<T>(
        &self,
        answerer: &Answerer,
        command: &Command,
        name: &'static str,
        parameter: Option<(&str, &str)>,
        deadline: Deadline,
        mut read: impl FnMut(&Value<'_>) -> T,
    ) -> Result<T, CommandError> {
        let server = &answerer.server;
        let time = deadline.limit() / 4;
        if !server.commands().with(name).may_ask() {
            return Err(CommandError::TooSlow(time));
        }
        let dialect = server.dialect;
        let is_fair = deadline.remaining().is_some_and(|left| left >= time) && time >= FAIR_TIME;
        let result = self.ask(
            dialect,
            |id| request(dialect, name, parameter, id),
            |reply, id| self::read(dialect, reply, id, command.attributes, &mut read),
            deadline.at_most(time),
        );
        let error = match result {
            Ok(value) => {
                server.commands().with(name).note_answer();
                return Ok(value);
            }
            Err(Refused::TooLarge) => CommandError::TooLarge,
            Err(Refused::Error(Error::NoReply { .. })) => CommandError::TooSlow(time),
            Err(Refused::Error(error)) => CommandError::Error(error),
            Err(Refused::Unknown) => CommandError::Unknown,
            Err(Refused::OtherDialect(_) | Refused::NotOurs) => {
                CommandError::Error(Error::OtherDialect)
            }
        };
        if is_fair && matches!(error, CommandError::TooLarge | CommandError::TooSlow(_)) {
            server.commands().with(name).note_silence();
        }
        Err(error)
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
        command: &Command,
        name: &'static str,
        parameter: Option<(&str, &str)>,
        deadline: Deadline,
        read: impl FnMut(&Value<'_>) -> Vec<String>,
    ) -> Result<Arc<[String]>, CommandError> {
        if let Some(kept) = answerer.server.commands().kept.get(name) {
            return Ok(Arc::clone(kept));
        }
        let texts = self.call(answerer, command, name, parameter, deadline, read)?;
        let texts = Arc::from(texts);
        let mut commands = answerer.server.commands();
        commands.kept.insert(name, Arc::clone(&texts));
        Ok(texts)
    }
}

impl Commands {
    fn with(&mut self, name: &'static str) -> &mut Patience {
        self.with_each.entry(name).or_default()
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

/// Gives the tree of a reply to `read`.
fn read<T>(
    dialect: Dialect,
    reply: &[u8],
    id: u32,
    attributes: &[&'static str],
    read: impl FnOnce(&Value<'_>) -> T,
) -> Result<T, Refused> {
    if dialect == Dialect::Line {
        check_lines(reply)?;
        let text = json::utf8(reply, "\\x");
        return Ok(read(&tree::read(&text, attributes)));
    }
    let text = json::text(reply);
    Ok(read(&result(reply, &text, id)?))
}
