//! Which dialect a server speaks and which program it is, by what it says of itself.

use super::dialect::Dialect;
use super::{Refused, json, line};
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
    /// What any server's reply to [`Dialect::version`] of [`Dialect::JsonRpc`] says; `None` if it answers
    /// another request.
    ///
    /// # Errors
    ///
    /// When the reply is that of no server.
    pub fn read(reply: &[u8], id: u32) -> Result<Option<Introduction>, Error> {
        let silent = |dialect| {
            Ok(Some(Introduction {
                dialect,
                version: None,
            }))
        };
        if !json::is_json(reply) {
            return match line::status(reply) {
                Some((500, b"Internal error")) => silent(Dialect::JsonRpc),
                Some(_) => silent(Dialect::Line),
                None => Err(line::unintelligible(reply)),
            };
        }
        match Dialect::JsonRpc.read_version(reply, id) {
            Ok(version) => Ok(Some(Introduction {
                dialect: Dialect::JsonRpc,
                version: Some(version),
            })),
            Err(Refused::NotOurs) => Ok(None),
            Err(Refused::Error(
                error @ (Error::Unintelligible { .. } | Error::Truncated { .. }),
            )) => Err(error),
            // Kamailio has the code 500 for what it does not know, OpenSIPS codes below zero.
            Err(_) => {
                let text = json::text(reply);
                let failure = json::parse(&text).ok().and_then(|reply| reply.error);
                silent(match failure {
                    Some(failure) if failure.code < 0 => Dialect::JsonRpc,
                    _ => Dialect::Kamailio,
                })
            }
        }
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
    /// Reads what servers say of themselves: `OpenSIPS (3.6.8 (x86_64/linux))`, `kamailio 5.6.3 (x86_64/linux)`.
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
            (
                "OpenSIPS (1.11.11-notls (x86_64/linux))",
                Some(("opensips", "1.11.11-notls")),
            ),
            (
                "OpenSIPS (4.0.1 (x86_64/linux))",
                Some(("opensips", "4.0.1")),
            ),
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
