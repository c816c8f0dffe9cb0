//! What connections share: their slots, the backend streams, and who gives way to whom.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::Gate;
use super::backend::{self, BackendError, GROUP, MAX_STREAMS};
use super::table::{Evicted, OVERDUE, Phase, Row, Table};

/// How long a request waits while no stream comes free.
const BUSY_TIME: Duration = Duration::from_secs(2);

/// The bytes of all answers that are not read yet, beyond which clients that read nothing give way;
/// beyond twice as many all do. One answer alone may be larger.
const MAX_UNREAD: usize = 12 << 20;

/// What all connections share.
#[derive(Default)]
pub struct State {
    pub table: Table<Seat>,
    /// Threads that serve connections.
    pub threads: usize,
    /// Those of them that wait for one.
    pub waiting: usize,
    /// Whether nobody waits for the next connection until one of these ends.
    pub is_full: bool,
    /// Backend streams that no request has.
    free: Vec<UnixStream>,
    /// How many streams there are, and how many there may be.
    open: usize,
    pub most_streams: usize,
    /// Whether further streams come at once.
    is_opening: bool,
    /// When a stream came free last.
    freed: Option<Instant>,
    /// When the log said last that the system has nothing left.
    pub exhausted: Option<Instant>,
}

/// How to reach the thread of a connection.
pub struct Seat {
    pub client: Arc<OwnedFd>,
    pub thread: Thread,
    /// The backend stream that its request got.
    pub granted: Option<UnixStream>,
}

/// The slot of a connection, as long as that is there.
pub struct Slot<'a> {
    pub(super) gate: &'a Gate,
    pub(super) number: u64,
}

impl Slot<'_> {
    /// Notes what is done for the connection from now on. From then on it may be evicted.
    pub fn mark(&self, phase: Phase) -> Result<(), Evicted> {
        let now = Instant::now();
        let mut state = self.gate.lock();
        let row = state.table.get_mut(self.number);
        row.map_or(Ok(()), |row| row.mark(phase, now))?;
        state.settle(now);
        Ok(())
    }

    /// A stream for a request that may be slow, or nothing if it would have to wait for too long.
    pub fn take_stream(&self, is_slow: bool) -> Option<UnixStream> {
        let began = Instant::now();
        let mut now = began;
        let mut state = self.gate.lock();
        let row = state.table.get_mut(self.number)?;
        row.is_slow = is_slow;
        row.mark(Phase::Waiting, now).ok()?;
        loop {
            state.settle(now);
            let moved = state.freed.max(Some(began))?;
            let row = state.table.get_mut(self.number)?;
            if row.item.granted.is_some() {
                return row.item.granted.take();
            }
            if !row.is_waiting() || now >= moved + BUSY_TIME {
                // It fails when the connection was evicted.
                let _ = row.mark(Phase::Served, now);
                return None;
            }
            let are_missing = !state.is_opening && state.open + GROUP <= state.most_streams;
            state.is_opening |= are_missing;
            drop(state);
            if !are_missing {
                thread::park_timeout(OVERDUE);
            } else if let Err(error) = self.gate.add_streams() {
                let open = self.gate.lock().open;
                log::warn!(
                    "no more than {open} requests at once instead of {MAX_STREAMS}: {error}"
                );
            }
            now = Instant::now();
            state = self.gate.lock();
        }
    }

    /// Makes room for so many bytes of an answer, which is read while the guard is there. One after
    /// the other is, so that clients that read nothing give way in time.
    pub fn claim(&self, bytes: usize) -> MutexGuard<'_, ()> {
        let reading = self.gate.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.hold(bytes);
        reading
    }

    /// Notes that the client has so many bytes of an answer to read. Clients that read nothing give
    /// way when there are too many of them in all.
    pub fn hold(&self, bytes: usize) {
        let mut state = self.gate.lock();
        if let Some(row) = state.table.get_mut(self.number) {
            row.unread = bytes;
        }
        let now = Instant::now();
        while let Some(number) = state.table.hoarder(MAX_UNREAD, now)
            && let Some(row) = state.table.get_mut(number)
        {
            evict(row);
        }
    }

    /// Gives a stream back, unless tiny_http does not answer on it any more.
    pub fn leave_stream(&self, stream: Option<UnixStream>) {
        let now = Instant::now();
        let mut state = self.gate.lock();
        if let Some(row) = state.table.get_mut(self.number) {
            row.has_stream = false;
        }
        state.freed = Some(now);
        if stream.is_none() {
            state.open -= 1;
            state.most_streams -= 1;
            if state.most_streams == 0 {
                self.gate.ended.notify_all();
            }
        }
        state.free.extend(stream);
        state.settle(now);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.table.remove(self.number);
        state.waiting += 1;
        state.is_full = false;
    }
}

impl Gate {
    /// Opens a group of streams. When the system refuses them, it is not asked again.
    pub(super) fn add_streams(&self) -> Result<(), BackendError> {
        let opened = backend::open(&self.handler);
        let mut state = self.lock();
        state.is_opening = false;
        match opened {
            Ok(streams) => {
                state.open += GROUP;
                state.free.extend(streams);
                Ok(())
            }
            Err(error) => {
                state.most_streams = state.open;
                Err(error)
            }
        }
    }
}

impl State {
    /// Does what has become possible or necessary: hands out streams, and evicts a connection
    /// whose slot another one needs.
    pub fn settle(&mut self, now: Instant) {
        while let Some(number) = self.table.next(self.free.len(), self.open)
            && let Some(row) = self.table.get_mut(number)
        {
            // It waits, so it was not evicted.
            let _ = row.mark(Phase::Served, now);
            row.has_stream = true;
            row.item.granted = self.free.pop();
            row.item.thread.unpark();
        }
        while self.is_full
            && let Some(number) = self.table.victim(now, self.freed)
            && let Some(row) = self.table.get_mut(number)
        {
            if row.is_awaited() && has_data(&row.item.client) {
                // A request came, which its thread has not seen yet.
                let _ = row.mark(Phase::Served, now);
                continue;
            }
            evict(row);
            self.is_full = false;
        }
    }
}

/// Ends a connection. Its thread notices, whatever it waits for.
fn evict(row: &mut Row<Seat>) {
    match row.evict() {
        Phase::Waiting => row.item.thread.unpark(),
        // It fails when the client is gone, which is noticed too.
        _ => drop(shutdown(&row.item.client, Shutdown::ReadWrite)),
    }
}

/// Whether the client sent something that was not read yet.
fn has_data(client: &OwnedFd) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(recv(client, &mut [0], flags), Ok(1..))
}
