//! Where a server listens, and how a request gets there and a reply back.

use std::fmt;

use super::datagram::{self, Datagram};
use super::{Deadline, Error};

/// Where a server listens.
#[derive(Debug)]
pub enum Endpoint {
    /// The unix socket of `mi_datagram`, or of Kamailio's jsonrpcs.
    Datagram(Datagram),
}

/// What tells a server from the one that takes its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Device and number of the file that its socket is.
    pub file: (u64, u64),
    /// When that changed last, in seconds and nanoseconds since 1970.
    pub changed: (i64, i64),
}

/// A request that was sent.
pub enum Exchange<'e> {
    /// To a unix socket.
    Datagram(datagram::Exchange<'e>),
}

impl Endpoint {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// Every [`Error`] that can come before there is a reply.
    pub fn ask(&self, request: &[u8], deadline: Deadline) -> Result<Exchange<'_>, Error> {
        match self {
            Endpoint::Datagram(datagram) => datagram.ask(request, deadline).map(Exchange::Datagram),
        }
    }

    /// What tells the server that is there now from others, if anything does.
    pub fn identity(&self) -> Option<Identity> {
        match self {
            Endpoint::Datagram(datagram) => datagram.identity(),
        }
    }
}

impl Exchange<'_> {
    /// The next reply to the request.
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when there is none in time, and what else keeps it from being read.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        match self {
            Exchange::Datagram(exchange) => exchange.reply(deadline),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Datagram(datagram) => write!(f, "{}", datagram.path().display()),
        }
    }
}
