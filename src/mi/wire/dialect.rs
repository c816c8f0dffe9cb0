//! The dialects: how a command is asked in each, and what the replies mean.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::json::{self, Reply, Value};
use super::line::{self, printable};
use super::{Refused, Sink, Statistic, Unparsed};
use crate::mi::error::Error;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The line protocol of OpenSIPS 1.x and 2.x, and of Kamailio up to 4.x.
    Line,
    /// JSON-RPC of OpenSIPS 3.0 and later.
    JsonRpc,
    /// JSON-RPC of Kamailio, by its module jsonrpcs.
    Kamailio,
}

/// The names of the dialects.
const NAMES: &[(&str, Dialect)] = &[
    ("line", Dialect::Line),
    ("jsonrpc", Dialect::JsonRpc),
    ("kamailio", Dialect::Kamailio),
];

impl FromStr for Dialect {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, dialect)| *dialect).ok_or(())
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, dialect)| dialect == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl Dialect {
    /// The request for statistics, see `Client::get_statistics` of [`crate::mi`].
    pub fn get_statistics(self, arguments: &[String], id: u32) -> Vec<u8> {
        match self {
            Dialect::Line => line::request("get_statistics", arguments),
            Dialect::JsonRpc => {
                let parameters = format!("[{}]", json::array(arguments));
                json::request("get_statistics", &parameters, id)
            }
            Dialect::Kamailio => json::request("stats.get_statistics", &json::array(arguments), id),
        }
    }

    /// The request for the version of the server.
    pub fn version(self, id: u32) -> Vec<u8> {
        self.call("version", "core.version", id)
    }

    /// The request that calls a command without parameters: `opensips`, or `kamailio` of that.
    pub fn call(self, opensips: &str, kamailio: &str, id: u32) -> Vec<u8> {
        match self {
            Dialect::Line => line::request(opensips, &[]),
            Dialect::JsonRpc => json::request(opensips, "", id),
            Dialect::Kamailio => json::request(kamailio, "", id),
        }
    }

    /// Gives the statistics of a reply to `sink`: all of them, or none in case of an error.
    ///
    /// # Errors
    ///
    /// Why there are none, see [`Refused`].
    pub fn read_statistics(
        self,
        reply: &[u8],
        id: u32,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refused> {
        if self == Dialect::Line {
            check_lines(reply)?;
            line::statistics(reply).for_each(sink);
            return Ok(());
        }
        let text = json::text(reply);
        match (self, result(reply, &text, id)?) {
            (Dialect::JsonRpc, Value::Members(members)) => {
                for (key, value) in members {
                    sink(member(key.as_bytes(), &value).ok_or(Unparsed(key.as_bytes())));
                }
                Ok(())
            }
            (Dialect::Kamailio, Value::Elements(lines)) => {
                for line in lines {
                    let line = match &line {
                        Value::Text(line) => line.as_bytes(),
                        _ => b"an element that is no line",
                    };
                    sink(line::parse_statistic(line).ok_or(Unparsed(line)));
                }
                Ok(())
            }
            _ => Err(Refused::OtherDialect(None)),
        }
    }

    /// What a reply to [`Dialect::version`] says, as the server words it: `OpenSIPS (3.6.8 (x86_64/linux))`,
    /// `kamailio 5.6.3 (x86_64/linux)`.
    ///
    /// # Errors
    ///
    /// Why it does not say it, see [`Refused`].
    pub fn read_version(self, reply: &[u8], id: u32) -> Result<String, Refused> {
        if self == Dialect::Line {
            check_lines(reply)?;
            let value = reply
                .split(|&byte| byte == b'\n')
                .find_map(|line| line.strip_prefix(b"Server:: "));
            return Ok(printable(value.unwrap_or_default()));
        }
        let text = json::text(reply);
        let outcome = result(reply, &text, id)?;
        let version = match &outcome {
            Value::Members(_) => outcome.member("Server"),
            _ => Some(&outcome),
        };
        match version {
            Some(Value::Text(version)) => Ok(printable(version.trim().as_bytes())),
            _ => Err(Refused::OtherDialect(None)),
        }
    }
}

/// Checks that `reply` is a whole one of the line protocol and says 200.
pub fn check_lines(reply: &[u8]) -> Result<(), Refused> {
    if json::is_json(reply) {
        return Err(Refused::OtherDialect(None));
    }
    line::check(reply).map_err(|error| match &error {
        Error::Answered { code: 404, .. } => Refused::Unknown,
        // The words of OpenSIPS 3.0 and later (`modules/mi_datagram`), in this case of letters.
        Error::Answered { reason, .. } if reason == "Parse_error" || reason == "Internal error" => {
            Refused::OtherDialect(None)
        }
        _ => Refused::Error(error),
    })
}

/// The result in a JSON reply, whose `text` that is.
pub fn result<'t>(reply: &[u8], text: &'t str, id: u32) -> Result<Value<'t>, Refused> {
    if !json::is_json(reply) {
        return Err(match line::status(reply) {
            Some((500, b"Internal error")) => Refused::TooLarge,
            Some(_) => Refused::OtherDialect(None),
            None => Refused::Error(line::unintelligible(reply)),
        });
    }
    let Reply {
        id: answered,
        result,
        error,
    } = json::parse(text).map_err(|error| {
        if error.is_eof() {
            Error::Truncated { bytes: reply.len() }
        } else {
            line::unintelligible(reply)
        }
    })?;
    if answered != Some(u64::from(id)) && (answered.is_some() || error.is_none()) {
        return Err(Refused::NotOurs);
    }
    match (error, result) {
        (Some(failure), _) => Err(match (failure.code, failure.message.as_str()) {
            (404, _) => Refused::Unknown,
            (-32601, _) | (500, "Method Not Found") => Refused::OtherDialect(None),
            (code, message) => Refused::Error(Error::Answered {
                code,
                reason: printable(message.as_bytes()),
            }),
        }),
        (None, Some(result)) => Ok(result),
        (None, None) => Err(Refused::Error(line::unintelligible(reply))),
    }
}

/// The statistic in a member `"group:name": value`.
fn member<'k>(key: &'k [u8], value: &Value<'_>) -> Option<Statistic<'k>> {
    let value = match value {
        Value::Number(number) => *number,
        Value::Text(Cow::Borrowed(digits)) => line::parse_number(digits.as_bytes())?,
        _ => return None,
    };
    let (group, name) = line::parse_key(key)?;
    Some(Statistic { group, name, value })
}
