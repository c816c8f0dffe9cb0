//! Private ways to tiny_http: connected unix streams that nobody else can get at, as many as the limits of
//! the system allow.
//!
//! tiny_http takes connections only from a listener. Here that is an abstract address, which takes no file
//! and no permission, and which is shut again before tiny_http sees the first connection.

use std::fmt;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Resource, getrlimit};

use super::MAX_CONNECTIONS;
use crate::names;

/// Lanes of one tiny_http server: the threads that it begins with. Handed more connections at once, it
/// leaves some of them without a thread for ever (tiny_http 0.12, `util/task_pool.rs`).
pub const GROUP: usize = 4;

/// Descriptors that a connection takes: its own, three of its lane, and two while it is answered.
const DESCRIPTORS: usize = 6;

/// Descriptors that are there without connections, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// Descriptors that are needed for all connections.
pub const ALL_DESCRIPTORS: usize = OTHER_DESCRIPTORS + MAX_CONNECTIONS * DESCRIPTORS;

/// How often another address is tried when a local user was quick enough to connect to one.
const ATTEMPTS: usize = 16;

/// Why there is no lane. Its text is one line: what happened, to what, and what to do.
#[derive(Debug)]
pub enum LaneError {
    /// The limit of open files, in files, leaves no place for connections.
    OpenFiles(u64),
    /// The system refuses sockets.
    Refused(io::Error),
    /// tiny_http ended at once, as it does where the system has no thread for it.
    Threads,
    /// tiny_http ended later, which is a fault.
    Ended,
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaneError::OpenFiles(limit) => write!(
                f,
                "the limit of open files is {limit}: raise it to {ALL_DESCRIPTORS}"
            ),
            LaneError::Refused(error) => write!(
                f,
                "the system refuses more ({error}): raise the limits of open files, threads and memory"
            ),
            LaneError::Ended => f.write_str("tiny_http gave up a connection, please report this"),
            LaneError::Threads => f.write_str(
                "the system refuses more threads: raise their limit (ulimit -u, TasksMax, pids.max) or that of memory",
            ),
        }
    }
}

impl std::error::Error for LaneError {}

impl From<io::Error> for LaneError {
    fn from(error: io::Error) -> Self {
        LaneError::Refused(error)
    }
}

/// Opens lanes, in groups.
pub struct Lanes<S> {
    serve: S,
    groups: usize,
}

impl<S: Fn(tiny_http::Server) -> io::Result<()>> Lanes<S> {
    /// No lanes yet. `serve` will get the tiny_http servers that they lead to.
    pub fn new(serve: S) -> Self {
        Lanes { serve, groups: 0 }
    }

    /// The lanes to one more tiny_http server, which do not block, or none when there are enough.
    ///
    /// # Errors
    ///
    /// When the limits of the system do not allow more.
    pub fn open_group(&mut self) -> Result<Vec<UnixStream>, LaneError> {
        let count = (self.groups + 1) * GROUP;
        if count > MAX_CONNECTIONS {
            return Ok(Vec::new());
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if limit < (OTHER_DESCRIPTORS + count * DESCRIPTORS) as u64 {
            return Err(LaneError::OpenFiles(limit));
        }
        let mut attempts = 1..ATTEMPTS;
        let (listener, lanes) = loop {
            match connect() {
                Err(Errno::AGAIN) if attempts.next().is_some() => {}
                connected => break connected.map_err(io::Error::from)?,
            }
        };
        // tiny_http panics when it cannot start its own threads, so it gets one to do that in.
        let server = thread::Builder::new()
            .spawn(|| tiny_http::Server::from_listener(listener, None).map_err(io::Error::other))
            .map_err(|_| LaneError::Threads)?
            .join()
            .map_err(|_| LaneError::Threads)??;
        (self.serve)(server).map_err(|_| LaneError::Threads)?;
        self.groups += 1;
        Ok(lanes)
    }
}

/// A listener that holds the far ends of the lanes and will never take another connection. Its queue has
/// room for exactly the lanes, so when all of them fit no stranger is among them.
fn connect() -> rustix::io::Result<(UnixListener, Vec<UnixStream>)> {
    let socket = |flags| net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let address = SocketAddrUnix::new_abstract_name(names::unguessable().as_bytes())?;
    let listener = socket(SocketFlags::CLOEXEC)?;
    net::bind_unix(&listener, &address)?;
    // Linux takes one more than it is told.
    net::listen(&listener, GROUP as i32 - 1)?;
    let mut lanes = Vec::with_capacity(GROUP);
    for _ in 0..GROUP {
        let lane = socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        net::connect_unix(&lane, &address)?;
        lanes.push(UnixStream::from(lane));
    }
    // What is in the queue can still be accepted. After that tiny_http's thread for it ends.
    net::shutdown(&listener, net::Shutdown::ReadWrite)?;
    Ok((UnixListener::from(listener), lanes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;

    #[test]
    fn nobody_can_follow_the_lanes() -> io::Result<()> {
        let (listener, lanes) = connect()?;
        let address = listener.local_addr()?;
        assert!(address.as_abstract_name().is_some());
        assert!(UnixStream::connect_addr(&address).is_err());
        for _ in lanes {
            listener.accept()?;
        }
        assert!(listener.accept().is_err());
        Ok(())
    }

    #[test]
    fn a_stranger_among_the_lanes_is_noticed() -> io::Result<()> {
        let address = SocketAddrUnix::new_abstract_name(names::unguessable().as_bytes())?;
        let socket = |flags| net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let listener = socket(SocketFlags::CLOEXEC)?;
        net::bind_unix(&listener, &address)?;
        net::listen(&listener, GROUP as i32 - 1)?;
        let connect = || {
            let lane = socket(SocketFlags::NONBLOCK)?;
            net::connect_unix(&lane, &address)?;
            Ok::<_, Errno>(lane)
        };
        let stranger = connect()?;
        let lanes: Result<Vec<_>, Errno> = (0..GROUP).map(|_| connect()).collect();
        assert_eq!(lanes.err(), Some(Errno::AGAIN));
        drop(stranger);
        Ok(())
    }
}
