//! The dialects: how a command is asked in each, and what the replies mean.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::json::{self, Reader, Reply};
use super::line::{self, printable};
use super::tree::{self, Content, Tree, Value};
use super::{Introduction, Refused, Sink, Statistic, Unparsed};
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
const NAMES: &[(&str, Dialect)] =
    &[("line", Dialect::Line), ("jsonrpc", Dialect::JsonRpc), ("kamailio", Dialect::Kamailio)];

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
    /// The command for statistics of Kamailio, in its module kex.
    pub const STATISTICS_OF_KAMAILIO: &str = "stats.get_statistics";

    /// The request for statistics, see `Client::get_statistics` of [`crate::mi`].
    pub fn get_statistics(self, arguments: &[String], id: u32) -> Vec<u8> {
        match self {
            Dialect::Line => line::request("get_statistics", arguments),
            Dialect::JsonRpc => {
                let parameters = format!("[{}]", json::array(arguments));
                json::request("get_statistics", &parameters, id)
            }
            Dialect::Kamailio => {
                json::request(Dialect::STATISTICS_OF_KAMAILIO, &json::array(arguments), id)
            }
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

    /// Gives the statistics of a reply to `sink` as they are read, and none of a reply to another
    /// request. Those in front of an error in the JSON were given when it is found.
    ///
    /// # Errors
    ///
    /// Why they are none or not all, see [`Refused`].
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
        let text = self.text(reply)?;
        // Else it may be known only behind the result to which request that is.
        if !json::ends_with_id(&text, id) {
            read_result(reply, &text, id, Reader::Skip)?;
        }
        let mut give = |key: Option<&str>, value: Content<'_>| match (self, key, value) {
            (Dialect::JsonRpc, Some(key), value) => {
                let key = key.as_bytes();
                sink(statistic(key, &value).ok_or(Unparsed(key)));
            }
            (Dialect::Kamailio, None, Content::Text(line)) => {
                let line = line.as_bytes();
                sink(line::parse_statistic(line).ok_or(Unparsed(line)));
            }
            (Dialect::Kamailio, None, _) => sink(Err(Unparsed(b"an element that is no line"))),
            _ => {}
        };
        let result = read_result(reply, &text, id, Reader::Give(&mut give))?;
        match (self, result) {
            (Dialect::JsonRpc, Content::Members(_)) => Ok(()),
            (Dialect::Kamailio, Content::Elements(_)) => Ok(()),
            _ => Err(Refused::OtherDialect(None)),
        }
    }

    /// Gives the tree of a reply to `take`, in JSON its result. `attributes` are for the nodes of
    /// the line protocol.
    ///
    /// # Errors
    ///
    /// Why there is none, see [`Refused`].
    pub fn read_tree<T>(
        self,
        reply: &[u8],
        id: u32,
        attributes: &[&str],
        take: impl FnOnce(&Value<'_>) -> T,
    ) -> Result<T, Refused> {
        let text = self.text(reply)?;
        let mut tree = Tree::new(reply, &text);
        if self == Dialect::Line {
            check_lines(reply)?;
            line::add_nodes(&text, attributes, &mut tree);
        } else {
            let root = tree.push("".into());
            let result = read_result(reply, &text, id, Reader::Add(&mut tree))?;
            tree.set(root, Some(result));
        }
        Ok(take(&tree.root()?))
    }

    /// `reply` as text. Servers copy bytes into names and values that are not UTF-8 (seen on 1.11
    /// to 4.0); each becomes `\xHH`, in JSON with its backslash escaped.
    fn text(self, reply: &[u8]) -> Result<Cow<'_, str>, Error> {
        let is_json = self != Dialect::Line;
        tree::text(reply, if is_json { r"\\x" } else { r"\x" })
    }

    /// What a reply to [`Dialect::version`] says, as the server words it:
    /// `OpenSIPS (3.6.8 (x86_64/linux))`, `kamailio 5.6.3 (x86_64/linux)`.
    ///
    /// # Errors
    ///
    /// Why it does not say it, see [`Refused`].
    pub fn read_version(self, reply: &[u8], id: u32) -> Result<String, Refused> {
        let version = self.read_tree(reply, id, &[], |reply| {
            let version = reply.member("Server").unwrap_or(*reply).text()?;
            Some(printable(version.as_bytes()))
        })?;
        version.ok_or(Refused::OtherDialect(None))
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

/// What the result in a JSON reply is, whose `text` that is. What is in it goes where `reader`
/// leads.
fn read_result<'t>(
    reply: &[u8],
    text: &'t str,
    id: u32,
    reader: Reader<'_, 't>,
) -> Result<Content<'t>, Refused> {
    if !json::is_json(reply) {
        return Err(match line::status(reply) {
            Some((500, b"Internal error")) => Refused::TooLarge,
            Some(_) => Refused::OtherDialect(None),
            None => Refused::Error(line::unintelligible(reply)),
        });
    }
    let Reply { id: answered, result, error } =
        json::read(text, reader).map_err(|error| match error.is_eof() {
            true => Error::Truncated { bytes: reply.len() },
            false => line::unintelligible(reply),
        })?;
    // Some errors do not say to which request they are.
    let is_ours = match answered {
        Some(answered) => answered == u64::from(id),
        None => error.is_some(),
    };
    match (error, result) {
        _ if !is_ours => Err(Refused::NotOurs),
        (None, Some(result)) => Ok(result),
        (None, None) => Err(line::unintelligible(reply).into()),
        (Some((404, _)), _) => Err(Refused::Unknown),
        (Some((code, message)), _) => {
            if code == -32601 || (code, message.as_str()) == (500, "Method Not Found") {
                return Err(Refused::OtherDialect(Some(Introduction::of_code(code))));
            }
            let reason = printable(message.as_bytes());
            Err(Error::Answered { code, reason }.into())
        }
    }
}

/// The statistic in a member `"group:name": value`.
fn statistic<'k>(key: &'k [u8], value: &Content<'_>) -> Option<Statistic<'k>> {
    let value = match value {
        Content::Number(number) => *number,
        Content::Text(Cow::Borrowed(digits)) => line::parse_number(digits.as_bytes())?,
        _ => return None,
    };
    let (group, name) = line::parse_key(key)?;
    Some(Statistic { group, name, value })
}
