//! Private ways to tiny_http: connected unix streams that nobody else can get at.
//!
//! tiny_http takes connections only from a listener. Here that is an abstract address, which takes
//! no file and no permission, and which is shut again before tiny_http sees the first connection.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Resource, getrlimit};
use tiny_http::{Request, Server};

use super::MAX_CONNECTIONS;
use super::answer;
use super::request::Request as Canonical;
use crate::names;

/// What answers requests.
pub type Handler = dyn Fn(Request) + Send + Sync;

/// Streams of one tiny_http server: the threads that it begins with. Handed more connections at
/// once, it leaves some of them without a thread for ever (tiny_http 0.12, `util/task_pool.rs`).
pub const GROUP: usize = 4;

/// The most streams, and so the most requests that are answered at once.
pub const MAX_STREAMS: usize = 16;

/// Descriptors of a stream: its own, two of tiny_http, and two while a request is answered.
const DESCRIPTORS: usize = 5;

/// Descriptors that are there without streams and connections, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// Descriptors that are needed for everything. A connection is accepted before another one is
/// closed for it.
pub const ALL_DESCRIPTORS: usize =
    OTHER_DESCRIPTORS + MAX_STREAMS * DESCRIPTORS + MAX_CONNECTIONS + 1;

/// How often another address is tried when a local user was quick enough to connect to one.
const ATTEMPTS: usize = 16;

/// How long tiny_http may take for its first answer. Without threads it takes for ever.
const PROVING_TIME: Duration = Duration::from_secs(5);

/// A request that tiny_http must have answered before a stream is used. Nothing is found at `*`.
const PROBE: &[u8] = b"HEAD * HTTP/1.1\r\n\r\n";

/// Why there is no stream. Its text is one line: what happened, to what, and what to do.
#[derive(Debug)]
pub enum BackendError {
    /// The limit of open files, in files, is too low.
    OpenFiles(u64),
    /// The system refuses a socket or a thread.
    Refused(io::Error),
    /// tiny_http ended, which is a fault.
    Ended,
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackendError::OpenFiles(limit) => {
                write!(f, "the limit of open files is {limit}: raise it to {ALL_DESCRIPTORS}")
            }
            BackendError::Refused(error) => write!(
                f,
                "the system refuses a thread or a socket ({error}): raise the limits of threads \
                 (ulimit -u, TasksMax, pids.max), memory and open files"
            ),
            BackendError::Ended => f.write_str("tiny_http closed a connection, please report this"),
        }
    }
}

impl std::error::Error for BackendError {}

impl From<io::Error> for BackendError {
    fn from(error: io::Error) -> Self {
        BackendError::Refused(error)
    }
}

/// How many connections and streams the limit of open files allows beside `listeners`.
///
/// # Errors
///
/// [`BackendError::OpenFiles`] when it does not allow for a group of streams and a connection.
pub fn affordable(listeners: usize) -> Result<(usize, usize), BackendError> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // One of them is counted already.
    let others = OTHER_DESCRIPTORS + listeners.saturating_sub(1);
    if limit >= (ALL_DESCRIPTORS - OTHER_DESCRIPTORS + others) as u64 {
        return Ok((MAX_CONNECTIONS, MAX_STREAMS));
    }
    let error = BackendError::OpenFiles(limit);
    let connections = (limit as usize).saturating_sub(others + GROUP * DESCRIPTORS + 1);
    if connections == 0 {
        return Err(error);
    }
    let connections = connections.min(MAX_CONNECTIONS);
    log::warn!(
        "no more than {connections} connections and {GROUP} requests at once instead of \
         {MAX_CONNECTIONS} and {MAX_STREAMS}: {error}"
    );
    Ok((connections, GROUP))
}

/// Opens a group of streams to a tiny_http server of their own, whose requests `handler` answers.
///
/// # Errors
///
/// When the system refuses what they need.
pub fn open(handler: &Arc<Handler>) -> Result<Vec<UnixStream>, BackendError> {
    let mut attempts = 1..ATTEMPTS;
    let (listener, streams) = loop {
        match connect() {
            Err(Errno::AGAIN) if attempts.next().is_some() => {}
            connected => break connected.map_err(io::Error::from)?,
        }
    };
    // tiny_http panics when it cannot start its own threads, so it gets one to do that in.
    let starting = thread::Builder::new()
        .spawn(|| Server::from_listener(listener, None).map_err(io::Error::other))?;
    let server = starting.join().map_err(|_| io::Error::other("no thread"))??;
    // It also panics when a server with an abstract address is dropped (0.12, `lib.rs`).
    let server = Arc::new(ManuallyDrop::new(server));
    for _ in 0..GROUP {
        let (server, handler) = (Arc::clone(&server), Arc::clone(handler));
        let thread = thread::Builder::new().name("handler".to_string());
        thread.spawn(move || {
            loop {
                // An error says that no further connection is taken, which is meant to be so.
                if let Ok(request) = server.recv() {
                    // The hook for panics logs it; the request is answered 500 as it is dropped.
                    let _ = catch_unwind(AssertUnwindSafe(|| handler(request)));
                }
            }
        })?;
    }
    for stream in &streams {
        prove(stream).map_err(|_| io::Error::other("no thread"))?;
    }
    Ok(streams)
}

/// Waits until tiny_http answers by `stream`, which from then on blocks.
fn prove(mut stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PROVING_TIME))?;
    stream.write_all(PROBE)?;
    // tiny_http sends a head of this size in one piece.
    if stream.read(&mut [0; 1024])? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    stream.set_read_timeout(None)
}

/// The answer of tiny_http to `request`. All of it is held, so that a client that reads slowly
/// keeps no stream. `claim` is told its size before there is memory for it, and what it returns is
/// kept until it is read.
///
/// # Errors
///
/// When tiny_http does not answer, which is a fault.
pub fn ask<C>(
    mut stream: &UnixStream,
    request: &Canonical,
    claim: impl FnOnce(usize) -> C,
) -> io::Result<Vec<u8>> {
    stream.write_all(request.canonical.as_bytes())?;
    let mut answer = Vec::new();
    let rest = loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece)?;
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        match answer::read(&answer, request.is_head)? {
            Some(head) => break head.finish(request.keep_alive, &mut answer)?,
            None if count > 0 => {}
            None => return Err(ErrorKind::UnexpectedEof.into()),
        }
    };
    let start = answer.len();
    let _claim = claim(start + rest);
    answer.resize(start + rest, 0);
    stream.read_exact(answer.get_mut(start..).unwrap_or_default())?;
    Ok(answer)
}

/// A listener that holds the far ends of the streams and will never take another connection. Its
/// queue has room for exactly them, so when all of them fit no stranger is among them.
fn connect() -> rustix::io::Result<(UnixListener, Vec<UnixStream>)> {
    let socket = |flags| net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let address = SocketAddrUnix::new_abstract_name(names::unguessable().as_bytes())?;
    let listener = socket(SocketFlags::CLOEXEC)?;
    net::bind_unix(&listener, &address)?;
    // Linux takes one more than it is told.
    net::listen(&listener, GROUP as i32 - 1)?;
    let mut streams = Vec::with_capacity(GROUP);
    for _ in 0..GROUP {
        let stream = socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        net::connect_unix(&stream, &address)?;
        streams.push(UnixStream::from(stream));
    }
    // What is in the queue can still be accepted. After that tiny_http's thread for it ends.
    net::shutdown(&listener, net::Shutdown::ReadWrite)?;
    Ok((UnixListener::from(listener), streams))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;

    #[test]
    fn nobody_can_follow_the_streams() -> io::Result<()> {
        let (listener, streams) = connect()?;
        let address = listener.local_addr()?;
        assert!(address.as_abstract_name().is_some());
        assert!(UnixStream::connect_addr(&address).is_err());
        for _ in streams {
            listener.accept()?;
        }
        assert!(listener.accept().is_err());
        Ok(())
    }

    #[test]
    fn a_stranger_among_the_streams_is_noticed() -> io::Result<()> {
        let address = SocketAddrUnix::new_abstract_name(names::unguessable().as_bytes())?;
        let socket = |flags| net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let listener = socket(SocketFlags::CLOEXEC)?;
        net::bind_unix(&listener, &address)?;
        net::listen(&listener, GROUP as i32 - 1)?;
        let connect = || {
            let stream = socket(SocketFlags::NONBLOCK)?;
            net::connect_unix(&stream, &address)?;
            Ok::<_, Errno>(stream)
        };
        let stranger = connect()?;
        let streams: Result<Vec<_>, Errno> = (0..GROUP).map(|_| connect()).collect();
        assert_eq!(streams.err(), Some(Errno::AGAIN));
        drop(stranger);
        Ok(())
    }
}
