//! What the bytes of requests and replies mean: the line protocol, JSON-RPC, their dialects, and
//! which of them a server speaks. No I/O.

mod detect;
mod dialect;
pub mod json;
pub mod line;
mod tree;

use super::error::Error;
pub use detect::{Introduction, Product};
pub use dialect::Dialect;
pub use tree::{Content, Value};

/// One number that the server reports, borrowed from its reply.
///
/// Group and name together identify it: `total_size` or a script variable can exist in several
/// groups. Both may hold any bytes except a newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistic<'a> {
    /// The group, usually named after the module, without its colon.
    pub group: &'a [u8],
    /// The name within the group.
    pub name: &'a [u8],
    /// The value. Servers print an `unsigned long` (OpenSIPS 2.4, `statistics.c`), so a level that
    /// fell below zero arrives near 2^64.
    pub value: u64,
}

/// A part of a reply that should be a statistic and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unparsed<'a>(pub &'a [u8]);

/// Why a reply has no statistics.
#[derive(Debug)]
pub enum Refused {
    /// It answers another request: the right one may still come.
    NotOurs,
    /// The server speaks another dialect. What it said of itself, if it did.
    OtherDialect(Option<Introduction>),
    /// What was asked for does not fit into one reply.
    TooLarge,
    /// The request is too long for the server, and was not sent.
    TooLong,
    /// What was asked for is unknown to the server.
    Unknown,
    /// Something that an operator has to know.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Error(error)
    }
}

/// What takes the statistics of a reply, and what in it could not be parsed.
pub type Sink<'s> = dyn FnMut(Result<Statistic<'_>, Unparsed<'_>>) + 's;
