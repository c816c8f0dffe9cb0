//! The server's Management Interface (MI): a request in, statistics or an [`Error`] out.
//!
//! An [`Endpoint`] moves bytes, a [`Dialect`] gives them meaning, and the [`Client`] finds out which one
//! and splits what is too large for one reply. This room does not know what the statistics mean or how
//! they are called in Prometheus.

mod backoff;
mod census;
mod client;
mod commands;
mod datagram;
mod dialect;
pub mod endpoint;
mod error;
mod http;
pub mod json;
pub mod layout;
pub mod line;
mod meeting;
mod patience;
mod per_process;
mod piece;
mod processes;
mod questions;
mod resolve;
mod server;
pub mod target;
mod tree;
mod udp;

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

pub use census::Replies;
pub use client::{Answerer, Client, Wanted};
pub use commands::{Call, Command, CommandError};
pub use datagram::ReplyDirectory;
pub use dialect::{Dialect, Product, Refused, Sink};
pub use endpoint::Endpoint;
pub use error::Error;
pub use json::Value;
pub use processes::Process;
pub use target::Target;

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

    /// The moment `limit` from now, if that comes earlier.
    pub fn at_most(self, limit: Duration) -> Self {
        let left = self.remaining().unwrap_or(Duration::ZERO);
        Deadline::after(limit.min(left))
    }

    /// What is left, never zero: `None` when the moment has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.limit
            .checked_sub(self.start.elapsed())
            .filter(|left| !left.is_zero())
    }
}

/// Whether a wait ended by its time limit or by a signal, so that the deadline has the say.
fn is_wait_over(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
