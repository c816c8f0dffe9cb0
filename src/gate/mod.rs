//! Between the network and tiny_http: a bounded number of connections, of which strangers can
//! keep none for long, and nothing but well-formed requests for tiny_http. It does not know
//! metrics.
//!
//! A thread takes a connection, reads a request, hands it to tiny_http, relays the answer and
//! goes on with the same connection ([`connection`]). tiny_http 0.12 by itself ends, hangs or
//! grows on a single hostile request; it gets here only what [`request`] wrote anew, over private
//! streams ([`backend`]). When slots or streams are short, `table` says who gives way.

pub mod address;
pub mod answer;
pub mod backend;
pub mod connection;
pub mod listener;
pub mod refusal;
pub mod request;
mod slots;
mod table;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags, EventVec};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, accept_with, getpeername};

use crate::telemetry::Rejections;
use backend::{BackendError, Handler};
use connection::Connection;
use refusal::Refusal;
use slots::{Seat, Slot, State};
use table::Row;

/// Connections at once. A Prometheus server needs one; a few of them, people and checks need some
/// more.
pub const MAX_CONNECTIONS: usize = 64;

/// The header that tells tiny_http the address or the IPv6 network of a client. It is empty for
/// unix sockets.
pub const CLIENT: &str = "X-Client";

/// The stack of a thread that serves connections, in bytes.
const STACK: usize = 128 * 1024;

/// How long a thread that is not needed is kept, in milliseconds.
const IDLE_TIME: i32 = 5000;

/// How long no connection is taken after the system had nothing left for one.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log says that the system has nothing left.
const EXHAUSTED_NEWS: Duration = Duration::from_secs(60);

/// What is the same for all connections.
pub struct Rules {
    /// The headers that are passed on.
    pub forwarded: &'static [&'static str],
    /// Whether the answer to a request for a target, path and query, may take long. The last
    /// backend streams are kept for requests of which that is not so.
    pub is_slow: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Counts what is refused.
    pub rejections: Rejections,
}

impl Rules {
    /// Notes that `client` was refused something.
    fn reject(&self, client: &OwnedFd, refusal: Refusal) {
        self.rejections.count(refusal.label());
        if log::log_enabled!(log::Level::Debug) {
            let address = getpeername(client).ok().flatten();
            let address = address.map_or("a client".to_string(), |address| format!("{address:?}"));
            log::debug!("refused {address}: {}", refusal.text());
        }
    }
}

/// The connections that came by the listeners, and the streams that lead to tiny_http.
pub struct Gate {
    listeners: Vec<OwnedFd>,
    /// Tells at which of them a connection waits, and one thread that waits for it.
    ready: OwnedFd,
    rules: Rules,
    handler: Arc<Handler>,
    /// How many threads may serve connections: one more than there are connections.
    most_threads: usize,
    state: Mutex<State>,
    /// Who has it reads an answer.
    reading: Mutex<()>,
    /// Tells that tiny_http does not answer any more.
    ended: Condvar,
}

/// Serves the connections that come in by `listeners`, while `handler` answers the requests that
/// tiny_http gets.
///
/// # Errors
///
/// When the system refuses what the first request needs.
pub fn start(
    listeners: Vec<OwnedFd>,
    rules: Rules,
    handler: impl Fn(tiny_http::Request) + Send + Sync + 'static,
) -> Result<Arc<Gate>, BackendError> {
    let (connections, streams) = backend::affordable(listeners.len())?;
    let ready = epoll::create(CreateFlags::CLOEXEC).map_err(io::Error::from)?;
    for (number, listener) in (0..).zip(&listeners) {
        let number = EventData::new_u64(number);
        epoll::add(&ready, listener, number, EventFlags::IN).map_err(io::Error::from)?;
    }
    let mut state = State::default();
    state.most_streams = streams;
    let gate = Arc::new(Gate {
        listeners,
        ready,
        rules,
        handler: Arc::new(handler),
        most_threads: connections + 1,
        state: Mutex::new(state),
        reading: Mutex::default(),
        ended: Condvar::new(),
    });
    gate.add_streams()?;
    gate.spawn(&mut gate.lock())?;
    Ok(gate)
}

impl Gate {
    /// Waits until no connection can be served any more, which is a fault.
    pub fn wait(&self) -> BackendError {
        drop(self.ended.wait_while(self.lock(), |state| state.most_streams > 0));
        BackendError::Ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread, which counts as waiting from the beginning.
    fn spawn(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let gate = Arc::clone(self);
        let thread = thread::Builder::new().name("connection".to_string());
        thread.stack_size(STACK).spawn(move || gate.run())?;
        state.threads += 1;
        state.waiting += 1;
        Ok(())
    }

    /// The life of a thread: it serves one connection after the other, while another thread waits
    /// for the next one.
    fn run(self: Arc<Self>) {
        loop {
            if let Some((client, address)) = self.accept() {
                // The hook for panics logs it.
                let _ = catch_unwind(AssertUnwindSafe(|| self.serve(client, address)));
                continue;
            }
            let mut state = self.lock();
            if state.waiting > 1 {
                state.waiting -= 1;
                state.threads -= 1;
                return;
            }
        }
    }

    /// The next connection and the address of its client, if that has one, or nothing if there was
    /// none for a while.
    fn accept(&self) -> Option<(OwnedFd, Option<IpAddr>)> {
        let mut ready = EventVec::with_capacity(1);
        loop {
            // If it fails, it is tried again.
            let _ = epoll::wait(&self.ready, &mut ready, IDLE_TIME);
            let number = ready.iter().next()?.data.u64();
            let listener = self.listeners.get(usize::try_from(number).ok()?)?;
            match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(client) => match getpeername(&client) {
                    Ok(Some(SocketAddrAny::V4(address))) => {
                        return Some((client, Some((*address.ip()).into())));
                    }
                    Ok(Some(SocketAddrAny::V6(address))) => {
                        return Some((client, Some((*address.ip()).into())));
                    }
                    Ok(_) => return Some((client, None)),
                    // The client is gone already.
                    Err(_) => {}
                },
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => self.make_do(),
                // Another thread has taken it, or it ended before.
                Err(_) => {}
            }
        }
    }

    /// The system has nothing left for another connection: gives back what one of ours takes.
    fn make_do(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.is_full = true;
        state.settle(now);
        let told = state.exhausted.filter(|&told| now < told + EXHAUSTED_NEWS);
        state.exhausted = told.or(Some(now));
        drop(state);
        if told.is_none() {
            log::warn!(
                "new connections have to wait: the system has no descriptor or no memory for \
                 them, raise the limit of open files to {}",
                backend::ALL_DESCRIPTORS
            );
        }
        thread::sleep(PAUSE);
    }

    fn serve(self: &Arc<Self>, client: OwnedFd, address: Option<IpAddr>) {
        let client = Arc::new(client);
        let seat = Seat { client: Arc::clone(&client), thread: thread::current(), granted: None };
        let now = Instant::now();
        let mut state = self.lock();
        let address = address.map(table::network);
        let number = state.table.insert(Row::new(address, seat, now));
        state.waiting -= 1;
        let is_last = state.waiting == 0 && state.threads < self.most_threads;
        let started = if is_last { self.spawn(&mut state) } else { Ok(()) };
        state.is_full = state.waiting == 0;
        state.settle(now);
        drop(state);
        if let Err(error) = started {
            log::debug!("no thread for further connections: {error}");
        }
        Connection::new(Slot { gate: self, number }, &client, address).serve();
    }

    fn is_full(&self) -> bool {
        self.lock().is_full
    }
}
