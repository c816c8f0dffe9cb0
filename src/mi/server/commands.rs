//! The commands of a server that show the state of its modules. No I/O.

use std::sync::Arc;

use super::Topic;
use crate::mi::wire::{Dialect, Value, json, line};
use crate::sorted;

/// A command that changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its names in all versions. A server lists one of them, if it has the command.
    pub names: &'static [&'static str],
    /// The attributes of the nodes of its reply in the line protocol, in any order.
    pub attributes: &'static [&'static str],
}

/// A command as a server has it, and what of it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// One of the names of the command.
    pub name: &'static str,
    /// The attributes of its nodes, see [`Command`].
    pub attributes: &'static [&'static str],
    /// The parameters, each with its value.
    pub parameters: &'c [(&'c str, &'c str)],
}

/// What is known of the commands of one server.
#[derive(Debug, Default)]
pub struct Commands {
    /// The names of all in order, if it told them.
    pub listed: Option<Arc<[String]>>,
    /// What was read once for as long as the server runs.
    pub kept: Vec<(Topic, Arc<[String]>)>,
}

impl Command {
    /// The name by which the server has it, which listed these.
    pub fn name_in(&self, listed: &[String]) -> Option<&'static str> {
        let mut names = self.names.iter().copied();
        names.find(|name| sorted::has(name, listed))
    }
}

impl Call<'_> {
    /// What it asks for.
    pub fn topic(&self) -> Topic {
        Topic::Command(self.name, self.values().join("/"))
    }

    /// The request that it is in `dialect`.
    pub fn request(&self, dialect: Dialect, id: u32) -> Vec<u8> {
        match dialect {
            Dialect::Line => line::request(self.name, &self.values()),
            Dialect::JsonRpc | Dialect::Kamailio => {
                let parameters = self.parameters.iter().map(|(name, value)| match dialect {
                    Dialect::Kamailio => json::string(value),
                    _ => format!("\"{name}\":{}", json::string(value)),
                });
                let parameters = match (parameters.collect::<Vec<_>>().join(","), dialect) {
                    (none, _) if none.is_empty() => none,
                    (values, Dialect::Kamailio) => format!("[{values}]"),
                    (members, _) => format!("{{{members}}}"),
                };
                json::request(self.name, &parameters, id)
            }
        }
    }

    fn values(&self) -> Vec<String> {
        self.parameters.iter().map(|(_, value)| value.to_string()).collect()
    }
}

/// The names in the reply to `which` in order: nodes without values, or an array.
pub fn list_of_names(reply: &Value<'_>) -> Vec<String> {
    let mut list = Vec::new();
    let names = reply.values().filter_map(|value| match value.name() {
        "" => value.text(),
        name => Some(name.into()),
    });
    names.for_each(|name| sorted::add(name.into_owned(), &mut list));
    list
}
