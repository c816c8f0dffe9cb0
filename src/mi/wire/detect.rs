//! Which dialect a server speaks and which program it is, by what it says of itself.

use super::dialect::Dialect;
use super::{Refused, json};
use crate::mi::error::Error;

/// What a server says of itself.
#[derive(Debug)]
pub struct Introduction {
    /// What it speaks.
    pub dialect: Dialect,
    /// Its version, as it words it, if it said so on the same occasion.
    pub version: Option<String>,
}

impl Introduction {
    /// The request that every server of OpenSIPS answers over its FIFO, where it may be read as
    /// JSON and be taken for the name of a reply (`transport::fifo`): without a dot, so that it
    /// lacks the version that JSON-RPC wants, and with a `name` that makes it one of its kind.
    /// Servers take no name of more than 127 bytes with its directory.
    ///
    /// From 3.0 on it is called invalid, in 1.x and 2.x it belongs to a command that is not
    /// available (seen on 1.11 to 4.0). Without a string `method` 4.0 would die of it, without an
    /// id it would say nothing.
    pub fn fifo_request(name: &str, id: u32) -> String {
        format!("{{\"{name}\":1,\"method\":\"version\",\"id\":{id}}}")
    }

    /// What any server's reply to [`Dialect::version`] of [`Dialect::JsonRpc`] says, or to
    /// [`Introduction::fifo_request`]; `None` if it answers another request.
    ///
    /// # Errors
    ///
    /// When the reply is that of no server.
    pub fn read(reply: &[u8], id: u32) -> Result<Option<Introduction>, Error> {
        Ok(Some(match Dialect::JsonRpc.read_version(reply, id) {
            Ok(version) => Introduction { dialect: Dialect::JsonRpc, version: Some(version) },
            Err(Refused::NotOurs) => return Ok(None),
            Err(Refused::OtherDialect(Some(introduction))) => introduction,
            Err(Refused::TooLarge) => Dialect::JsonRpc.into(),
            Err(Refused::Error(Error::Answered { code, .. })) => Introduction::of_code(code),
            Err(Refused::Error(error)) => return Err(error),
            Err(_) if !json::is_json(reply) => Dialect::Line.into(),
            Err(_) => Dialect::Kamailio.into(),
        }))
    }

    /// What the server is that answers with an error of this `code`: Kamailio has 500 for what it
    /// does not know, OpenSIPS codes below zero.
    pub fn of_code(code: i64) -> Introduction {
        match code < 0 {
            true => Dialect::JsonRpc.into(),
            false => Dialect::Kamailio.into(),
        }
    }
}

impl From<Dialect> for Introduction {
    fn from(dialect: Dialect) -> Self {
        let version = None;
        Introduction { dialect, version }
    }
}

/// Which program the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name in lower case, `opensips` or `kamailio`.
    pub name: String,
    /// Its version, such as `3.6.8`.
    pub version: String,
}

impl Product {
    /// Reads what servers say of themselves: `OpenSIPS (3.6.8 (x86_64/linux))`,
    /// `kamailio 5.6.3 (x86_64/linux)`.
    pub fn parse(text: &str) -> Option<Product> {
        let mut words = text.split([' ', '(', ')']).filter(|word| !word.is_empty());
        Some(Product {
            name: words.next()?.to_ascii_lowercase(),
            version: words.next()?.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_what_they_are() {
        for (text, expected) in [
            ("OpenSIPS (1.11.11-notls (x86_64/linux))", Some(("opensips", "1.11.11-notls"))),
            ("OpenSIPS (4.0.1 (x86_64/linux))", Some(("opensips", "4.0.1"))),
            ("kamailio 5.6.3 (x86_64/linux)", Some(("kamailio", "5.6.3"))),
            ("OpenSIPS", None),
            ("", None),
        ] {
            let expected = expected.map(|(name, version)| Product {
                name: name.to_string(),
                version: version.to_string(),
            });
            assert_eq!(Product::parse(text), expected, "{text}");
        }
    }
}
