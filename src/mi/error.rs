//! Why there are no statistics, in the operator's words.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

/// Why the server's statistics could not be read. Its text is one line: what happened, to what, and
/// what to do.
#[derive(Debug)]
pub enum Error {
    /// There is no file at the path of the socket: the server is not running, was stopped in an
    /// orderly way, or has its socket elsewhere.
    Missing {
        /// The socket.
        path: PathBuf,
    },
    /// The file system does not let this process write to the socket.
    Denied {
        /// What it was kept from: the socket, or a directory above it.
        path: PathBuf,
        /// Mode and owner of that, and the user of this process.
        facts: String,
    },
    /// The socket is there and nobody listens on it: the server died without removing it.
    NobodyListens {
        /// The socket.
        path: PathBuf,
    },
    /// There is something at the path that takes no datagrams.
    NotDatagram {
        /// The path.
        path: PathBuf,
        /// What is there, such as "a FIFO".
        what: &'static str,
    },
    /// The queue of the server's socket stayed full until the deadline: the server is stopped, or
    /// its MI process is busy.
    QueueFull {
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The request was accepted, the reply did not come before the deadline.
    NoReply {
        /// Where the server is.
        endpoint: String,
        /// How long was waited.
        waited: Duration,
    },
    /// No program listens on that port of that host, or nothing leads there.
    NotThere {
        /// Where the server should be.
        endpoint: String,
        /// What the system says.
        error: io::Error,
    },
    /// The name of the host has no address.
    Unresolved {
        /// Where the server should be.
        endpoint: String,
        /// Why there is none.
        why: String,
    },
    /// What answers by HTTP is not `mi_http`, or not well.
    Http {
        /// Where the server should be.
        endpoint: String,
        /// What it did, such as "answered with HTTP status 404".
        what: String,
    },
    /// The server answered, with a code other than 200.
    Answered {
        /// The code, e.g. 500, or -32602 in JSON-RPC.
        code: i64,
        /// The server's text behind it.
        reason: String,
    },
    /// The reply ended in the middle of a line.
    Truncated {
        /// How much of it arrived.
        bytes: usize,
    },
    /// The reply is neither one of the line protocol nor JSON-RPC.
    Unintelligible {
        /// What it starts with.
        start: String,
    },
    /// The reply says that all is well, and there is no statistic in it.
    Empty,
    /// Not even a single statistic fits into a reply.
    TooLarge,
    /// The server answers in another dialect than the one that it was found to speak, or that was chosen.
    OtherDialect,
    /// The socket for the reply could not be made.
    ReplySocket {
        /// The directory that was to hold it, or `None` for an abstract address.
        directory: Option<PathBuf>,
        /// What the system says.
        error: io::Error,
    },
    /// The system refused to send or to receive, for a reason that has no words of its own here.
    Io {
        /// Where the server is.
        endpoint: String,
        /// What the system says.
        error: io::Error,
    },
}

impl Error {
    /// What an `error` of the network means.
    pub fn of_network(endpoint: String, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable => Error::NotThere { endpoint, error },
            _ => Error::Io { endpoint, error },
        }
    }

    /// What is the same for errors that tell an operator the same. What differs from scrape to scrape
    /// while nothing changes is not in it.
    pub fn kind(&self) -> String {
        match self {
            Error::QueueFull { .. } => "queue full".to_string(),
            Error::NoReply { .. } => "no reply".to_string(),
            Error::Answered { code, .. } => format!("answered {code}"),
            Error::Truncated { .. } => "truncated".to_string(),
            Error::Unintelligible { .. } => "unintelligible".to_string(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Missing { path } => write!(
                f,
                "{} does not exist: start OpenSIPS, or set -socket to the socket_name of its mi_datagram module",
                path.display()
            ),
            Error::Denied { path, facts } => write!(
                f,
                "permission denied on {} ({facts}): add that user to that group, or change the mode (of a socket by mi_datagram's unix_socket_mode and unix_socket_group)",
                path.display()
            ),
            Error::NobodyListens { path } => write!(
                f,
                "nobody listens on {}: OpenSIPS has died and left its socket behind, start it again",
                path.display()
            ),
            Error::NotDatagram { path, what } => write!(
                f,
                "{} is {what}, not the datagram socket of mi_datagram: set -socket to the socket_name of that module",
                path.display()
            ),
            Error::QueueFull { path, waited } => write!(
                f,
                "{} took no request within {}: the MI process of OpenSIPS is stopped or busy, look at it with ps and top",
                path.display(),
                humantime::format_duration(*waited)
            ),
            Error::NoReply { endpoint, waited } => write!(
                f,
                "no reply from {endpoint} within {}: OpenSIPS hangs, or it cannot reach this process (in another network namespace, set -reply-dir)",
                humantime::format_duration(*waited)
            ),
            Error::NotThere { endpoint, error } => write!(
                f,
                "nobody answers at {endpoint} ({error}): start OpenSIPS, or set -socket to where its mi_datagram or mi_http listens"
            ),
            Error::Unresolved { endpoint, why } => write!(
                f,
                "no address for the host in {endpoint} ({why}): correct -socket, or use an IP address"
            ),
            Error::Http { endpoint, what } => write!(
                f,
                "{endpoint} {what}: set -socket to the address and the root of mi_http, such as http://127.0.0.1:8888/mi"
            ),
            Error::Answered { code, reason } => {
                write!(f, "the server answered \"{code} {reason}\": ")?;
                f.write_str(match (code, reason.as_str()) {
                    (500, "command not available") => "it does not have the command get_statistics, is this the mi_datagram of OpenSIPS?",
                    _ => "look into the log of OpenSIPS",
                })
            }
            Error::Truncated { bytes } => write!(
                f,
                "the reply was cut off after {bytes} bytes: nothing of it is used, the next scrape asks again"
            ),
            Error::Unintelligible { start } => write!(
                f,
                "cannot make sense of the reply, which starts with \"{start}\": is -socket the mi_datagram of OpenSIPS?"
            ),
            Error::Empty => {
                f.write_str("the reply holds no statistic: is -socket the mi_datagram of OpenSIPS, and does --collect name groups that it has?")
            }
            Error::TooLarge => f.write_str(
                "the server cannot answer, its buffer is too small even for a part: look into the log of OpenSIPS",
            ),
            Error::OtherDialect => f.write_str(
                "the server answers neither as OpenSIPS nor as Kamailio: see whether -socket is right and -dialect is auto",
            ),
            Error::ReplySocket {
                directory: Some(directory),
                error,
            } => write!(
                f,
                "cannot make a reply socket in {}: {error}: set -reply-dir to a directory that this user may write to",
                directory.display()
            ),
            Error::ReplySocket {
                directory: None,
                error,
            } => write!(
                f,
                "cannot make a reply socket: {error}: raise the limits of this process, or set -reply-dir"
            ),
            Error::Io { endpoint, error } => write!(
                f,
                "cannot talk to {endpoint}: {error}: see whether -socket is right"
            ),
        }
    }
}

impl std::error::Error for Error {}
