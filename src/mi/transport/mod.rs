//! How a request gets to a server and a reply back, under a deadline, whatever its [`Target`] is.
//! Nothing here knows what the bytes mean.
//!
//! A new transport is one file, one variant of [`Target`] and one of [`Exchange`].

mod fifo;
mod http;
mod login;
mod places;
mod reply_dir;
mod reply_fifo;
mod resolve;
mod sender;
mod target;
mod udp;
mod unix;

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::deadline::Deadline;
use super::error::Error;
use crate::telemetry::ForgedReplies;
pub use login::Login;
pub use places::Places;
pub use reply_dir::ReplyDirectory;
use sender::Forgeries;
pub use target::Target;

/// The way to a server.
#[derive(Debug)]
pub struct Endpoint {
    places: Places,
    /// The one of them where the server is, once it was found.
    target: Option<Target>,
    /// What completes the user and the password in the URL of `mi_http`.
    login: Login,
    replies: ReplyDirectory,
    forgeries: Forgeries,
}

/// What tells a server from the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Device and number of the file that its socket or FIFO is.
    pub file: (u64, u64),
    /// When the socket changed last or the FIFO was made, in seconds and nanoseconds since 1970.
    pub changed: (i64, i64),
}

/// A request that was sent.
pub enum Exchange<'e> {
    /// To a unix datagram socket.
    Unix(unix::Exchange<'e>),
    /// To a FIFO.
    Fifo(fifo::Exchange<'e>),
    /// To a UDP port.
    Udp(udp::Exchange),
    /// To `mi_http`.
    Http(http::Exchange),
}

impl Endpoint {
    /// The way to a server at one of `places`. Replies to a FIFO come by way of `replies`; those to
    /// a unix socket too if the operator has chosen that, else they go to an abstract address.
    /// Those that others than the server send there are counted by `forged`.
    pub fn new(places: Places, replies: ReplyDirectory, forged: ForgedReplies) -> Self {
        let target = match &places {
            Places::Given(targets) => targets.first().cloned(),
            Places::Usual => None,
        };
        let login = Login::default();
        Endpoint { places, target, login, replies, forgeries: Forgeries::new(forged) }
    }

    /// The same where a file holds `login`: the password for `mi_http`, and the user before it if
    /// none is in the URL.
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        Endpoint { login, ..self }
    }

    /// Where the server may be now.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Takes `target` for where the server is.
    pub fn go_to(&mut self, target: Option<Target>) {
        self.target = target;
    }

    /// The file that the server has, if it has one.
    fn path(&self) -> Option<&Path> {
        match &self.target {
            Some(Target::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// Sends `request`, the datagram that it is in the dialect of the server. Into a FIFO it is
    /// written only if that is the one with `identity`.
    ///
    /// # Errors
    ///
    /// Every [`Error`] that can come before there is a reply.
    pub fn ask(
        &self,
        request: &[u8],
        identity: Option<&Identity>,
        deadline: Deadline,
    ) -> Result<Exchange<'_>, Error> {
        match &self.target {
            None => Err(Error::Nowhere { places: self.places.describe() }),
            Some(Target::Path(path)) if fifo::is_at(path) => {
                fifo::ask(path, &self.replies, request, identity, deadline).map(Exchange::Fifo)
            }
            Some(Target::Path(path)) => {
                let replies = self.replies.for_sockets();
                unix::ask(path, replies, &self.forgeries, request, deadline).map(Exchange::Unix)
            }
            Some(Target::Udp(host)) => {
                udp::ask(host, self.to_string(), request, deadline).map(Exchange::Udp)
            }
            Some(Target::Http { host, path, login }) => {
                let login = login.header(&self.login);
                http::ask(host, path, &login, self.to_string(), request, deadline)
                    .map(Exchange::Http)
            }
        }
    }

    /// Sends what a server of any dialect has an answer to: `request`, or `for_fifo` where it has a
    /// FIFO, see `fifo::ask_unknown`.
    ///
    /// # Errors
    ///
    /// As those of [`ask`](Endpoint::ask).
    pub fn ask_unknown(
        &self,
        request: &[u8],
        for_fifo: &str,
        deadline: Deadline,
    ) -> Result<Exchange<'_>, Error> {
        match self.path() {
            Some(path) if fifo::is_at(path) => {
                fifo::ask_unknown(path, &self.replies, for_fifo, deadline).map(Exchange::Fifo)
            }
            _ => self.ask(request, None, deadline),
        }
    }

    /// Whether it is a FIFO now. Its replies have no limit.
    pub fn is_fifo(&self) -> bool {
        self.path().is_some_and(fifo::is_at)
    }

    /// Whether a reply has to fit into one datagram.
    pub fn is_datagram(&self) -> bool {
        !matches!(self.target, Some(Target::Http { .. })) && !self.is_fifo()
    }

    /// Bytes of a request that every server reads at once: 65,457 as a datagram (OpenSIPS 1.11 to
    /// 4.0), 1,024 over HTTP unless `receive_buf_size` of `httpd` is larger (3.0 to 4.0), and what
    /// fits into a FIFO in one piece.
    pub fn max_request(&self) -> usize {
        match &self.target {
            Some(Target::Http { .. }) => 1024,
            _ if self.is_fifo() => fifo::MAX_REQUEST,
            _ => 60_000,
        }
    }

    /// What is to be told of replies that others than the server sent: once, and again when there
    /// was none for an hour.
    pub fn take_warning(&self) -> Option<String> {
        self.forgeries.take_line()
    }

    /// What tells the server that is there now from others, if anything does.
    pub fn identity(&self) -> Option<Identity> {
        match self.path()? {
            path if fifo::is_at(path) => fifo::identity(path),
            path => unix::identity(path),
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
            Exchange::Unix(exchange) => exchange.reply(deadline),
            Exchange::Fifo(exchange) => exchange.reply(deadline),
            Exchange::Udp(exchange) => exchange.reply(deadline),
            Exchange::Http(exchange) => exchange.reply(deadline),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => target.fmt(f),
            None => f.write_str("the usual places"),
        }
    }
}

/// Whether a wait ended by its time limit or by a signal, so that the deadline decides.
fn is_wait_over(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
