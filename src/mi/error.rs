//! Why there are no statistics, in the operator's words.

use std::fmt;
use std::io;
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
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
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
    /// The reply does not start with a status line.
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
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Error {
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
            Error::NoReply { path, waited } => write!(
                f,
                "no reply from {} within {}: OpenSIPS hangs, its reply is too large (see README), or it runs in another network namespace (then set -reply-dir)",
                path.display(),
                humantime::format_duration(*waited)
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
                "the reply starts with \"{start}\" and not with a status line: is -socket the mi_datagram of OpenSIPS?"
            ),
            Error::Empty => {
                f.write_str("the reply holds no statistic: is -socket the mi_datagram of OpenSIPS?")
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
            Error::Io { path, error } => {
                write!(
                    f,
                    "cannot talk to {}: {error}: see whether -socket is right",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for Error {}
