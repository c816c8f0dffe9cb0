//! The server's Management Interface (MI): a request in, statistics or an [`Error`] out.
//!
//! `datagram` moves bytes, `line` gives them meaning. This room does not know what the statistics
//! mean or how they are called in Prometheus.

mod datagram;
mod error;
pub mod line;

use std::path::Path;
use std::time::{Duration, Instant};

pub use datagram::{Datagram, ReplyDirectory};
pub use error::Error;

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

/// The moment up to which a scrape may wait, however many waits it consists of.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Deadline {
            start: Instant::now(),
            limit,
        }
    }

    /// How long the scrape may take in all.
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// What is left, never zero: `None` when the moment has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.limit
            .checked_sub(self.start.elapsed())
            .filter(|left| !left.is_zero())
    }
}

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    endpoint: Datagram,
}

impl Client {
    /// A client of the server behind `endpoint`. Nothing is opened or asked yet.
    pub fn new(endpoint: Datagram) -> Self {
        Client { endpoint }
    }

    /// The path of the server's socket.
    pub fn path(&self) -> &Path {
        self.endpoint.path()
    }

    /// Asks for statistics by `get_statistics`: each argument is `all`, a group with its colon
    /// (`core:`) or a plain name (`rcv_requests`). The server leaves out silently what it does not
    /// know, as long as it knows one of them.
    ///
    /// # Errors
    ///
    /// Everything that keeps the server's answer from being read, and every answer other than 200;
    /// see [`Error`].
    pub fn get_statistics(&self, arguments: &[String], deadline: Deadline) -> Result<Reply, Error> {
        let request = line::request("get_statistics", arguments);
        let datagram = self.endpoint.exchange(&request, deadline)?;
        line::check(&datagram)?;
        Ok(Reply { datagram })
    }
}

/// An answer with statistics.
#[derive(Debug)]
pub struct Reply {
    datagram: Vec<u8>,
}

impl Reply {
    /// The statistics in the server's order, and in their place what could not be parsed.
    pub fn statistics(&self) -> impl Iterator<Item = Result<Statistic<'_>, Unparsed<'_>>> {
        line::statistics(&self.datagram)
    }
}
