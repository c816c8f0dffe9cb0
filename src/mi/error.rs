//! Why there are no statistics: what happened, and to what. What to do about it is said where the
//! flags are known.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

/// Why the server's statistics could not be read. Its text says what happened, and to what.
#[derive(Debug)]
pub enum Error {
    /// There is no server where servers usually are.
    Nowhere {
        /// Where it was looked for.
        places: String,
    },
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
        /// Whether its group may, and is not that of root.
        is_of_group: bool,
    },
    /// The socket is there and nobody listens on it: the server died without removing it.
    NobodyListens {
        /// The socket.
        path: PathBuf,
    },
    /// What is at the path is neither a datagram socket nor a FIFO.
    OtherFile {
        /// The path.
        path: PathBuf,
        /// What is there, such as "a directory".
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
    /// The server read the request from its FIFO, and no reply came by way of a directory before
    /// the deadline.
    NoFifoReply {
        /// The server's FIFO.
        path: PathBuf,
        /// Where the reply was awaited.
        directory: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// There is another FIFO at the path than the one of which it is known what its server speaks.
    Replaced {
        /// The path.
        path: PathBuf,
    },
    /// Other scrapes asked the server until the deadline, so that nothing was sent.
    NoTurn {
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
    /// `mi_http` wants a user and a password, or others than these (OpenSIPS 4.1).
    Unauthorized {
        /// Where the server is.
        endpoint: String,
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
    /// The reply is larger than what is read of one, or holds more values than are kept. What of it
    /// is too much.
    ReplyTooLarge(&'static str),
    /// The reply says that all is well, and there is no statistic in it.
    Empty,
    /// Not even a single statistic fits into a reply.
    TooLarge,
    /// The server answers in another dialect than the one that it was found to speak, or that was
    /// chosen.
    OtherDialect,
    /// The socket for the reply could not be made.
    ReplySocket {
        /// The directory that was to hold it, or `None` for an abstract address.
        directory: Option<PathBuf>,
        /// What the system says.
        error: io::Error,
    },
    /// The FIFO for the reply could not be made.
    ReplyFifo {
        /// The directory that was to hold it.
        directory: PathBuf,
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

    /// Whether what answers now, if anything does, may not be the server that was known.
    pub(super) fn is_of_another_server(&self) -> bool {
        matches!(
            self,
            Error::OtherDialect
                | Error::Missing { .. }
                | Error::NobodyListens { .. }
                | Error::OtherFile { .. }
                | Error::Replaced { .. }
                | Error::NoFifoReply { .. }
                | Error::NotThere { .. }
        )
    }

    /// Whether there is nothing like a server.
    pub(super) fn is_of_nothing(&self) -> bool {
        matches!(self, Error::Missing { .. } | Error::OtherFile { .. } | Error::NotThere { .. })
    }

    /// Whether the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::NoReply { .. } | Error::NoFifoReply { .. } | Error::QueueFull { .. })
    }

    /// What is the same for errors that tell an operator the same. What differs from scrape to
    /// scrape while nothing changes is not in it.
    pub fn kind(&self) -> String {
        match self {
            Error::QueueFull { .. } => "queue full".to_string(),
            Error::NoReply { .. } | Error::NoFifoReply { .. } => "no reply".to_string(),
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
            Error::Nowhere { places } => write!(f, "no server at any of {places}"),
            Error::Missing { path } => write!(f, "{} does not exist", path.display()),
            Error::Denied { path, facts, .. } => {
                write!(f, "permission denied on {} ({facts})", path.display())
            }
            Error::NobodyListens { path } => write!(f, "nobody listens on {}", path.display()),
            Error::OtherFile { path, what } => write!(
                f,
                "{} is {what}, not the datagram socket of mi_datagram or jsonrpcs or the FIFO \
                 of mi_fifo",
                path.display()
            ),
            Error::QueueFull { path, waited } => write!(
                f,
                "{} took no request within {}",
                path.display(),
                humantime::format_duration(*waited)
            ),
            Error::NoReply { endpoint, waited } => {
                write!(f, "no reply from {endpoint} within {}", humantime::format_duration(*waited))
            }
            Error::NoFifoReply { path, directory, waited } => write!(
                f,
                "no reply from {} in {} within {}",
                path.display(),
                directory.display(),
                humantime::format_duration(*waited)
            ),
            Error::Replaced { path } => {
                write!(f, "{} was replaced while it was asked", path.display())
            }
            Error::NoTurn { waited } => write!(
                f,
                "other scrapes kept the server busy for {}",
                humantime::format_duration(*waited)
            ),
            Error::NotThere { endpoint, error } => {
                write!(f, "nobody answers at {endpoint} ({error})")
            }
            Error::Unresolved { endpoint, why } => {
                write!(f, "no address for the host in {endpoint} ({why})")
            }
            Error::Http { endpoint, what } => write!(f, "{endpoint} {what}"),
            Error::Unauthorized { endpoint } => {
                write!(f, "{endpoint} does not accept the user and the password (HTTP status 401)")
            }
            Error::Answered { code, reason } => {
                write!(f, "the server answered \"{code} {reason}\"")
            }
            Error::Truncated { bytes } => {
                write!(f, "the reply was cut off after {bytes} bytes")
            }
            Error::Unintelligible { start } => {
                write!(f, "cannot make sense of the reply, which starts with \"{start}\"")
            }
            Error::ReplyTooLarge(what) => write!(f, "the reply is too large to read ({what})"),
            Error::Empty => f.write_str("the reply holds no statistic"),
            Error::TooLarge => {
                f.write_str("the server cannot answer, its buffer is too small even for a part")
            }
            Error::OtherDialect => {
                f.write_str("the server answers neither as OpenSIPS nor as Kamailio")
            }
            Error::ReplySocket { directory: Some(directory), error } => {
                write!(f, "cannot make a reply socket in {}: {error}", directory.display())
            }
            Error::ReplySocket { directory: None, error } => {
                write!(f, "cannot make a reply socket: {error}")
            }
            Error::ReplyFifo { directory, error } => {
                write!(f, "cannot make a FIFO for the reply in {}: {error}", directory.display())
            }
            Error::Io { endpoint, error } => write!(f, "cannot talk to {endpoint}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// Why there is no answer to what the server is asked for beside its statistics.
#[derive(Debug)]
pub enum CommandError {
    /// The reply does not fit into what the server can send.
    TooLarge,
    /// It did not come in time.
    TooSlow {
        /// How long was waited.
        waited: Duration,
        /// Whether that was less than the operator grants, since the client is in a hurry.
        is_hurried: bool,
    },
    /// It was not sent: it failed before, and the pause after that is not over.
    Paused,
    /// It was not sent, since the scrape has no more time, or the server still works on another
    /// one.
    NoTime,
    /// The server knows nothing of it.
    Unknown,
    /// The server does not have it, since this module of it is not loaded.
    NotLoaded(&'static str),
    /// The reply is none that is known.
    Unreadable,
    /// Something else.
    Error(Error),
}

impl CommandError {
    /// Whether less may be answered: the reply is too large, or was before.
    pub fn is_of_size(&self) -> bool {
        matches!(self, CommandError::TooLarge | CommandError::Paused)
    }

    /// Whether it says something of the server, and not only of this scrape.
    pub fn says_something(&self) -> bool {
        !matches!(
            self,
            CommandError::Paused
                | CommandError::NoTime
                | CommandError::TooSlow { is_hurried: true, .. }
        )
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::TooLarge => f.write_str("the reply is larger than the server can send"),
            CommandError::TooSlow { waited, .. } => {
                let waited = waited.as_millis().try_into().unwrap_or(u64::MAX);
                let waited = humantime::format_duration(Duration::from_millis(waited));
                write!(f, "no reply within {waited}")
            }
            CommandError::Paused => f.write_str("not asked again yet, because there was no reply"),
            CommandError::NoTime => f.write_str("there was no time left for it"),
            CommandError::Unknown => f.write_str("the server has no data, or nothing of that name"),
            CommandError::NotLoaded(module) => {
                write!(f, "the server has no statistics without its module {module}")
            }
            CommandError::Unreadable => f.write_str("the reply has an unknown form"),
            CommandError::Error(error) => error.fmt(f),
        }
    }
}
