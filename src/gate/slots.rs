//! What connections share: their slots, the backend streams, and who gives way to whom.

use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Instant;

use rustix::net::{RecvFlags, recv};

use super::Gate;
use super::streams::Streams;
use super::table::{Evicted, Phase, Table};

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
    pub streams: Streams,
    /// When the log said last that the system has nothing left.
    pub exhausted: Option<Instant>,
}

/// How to reach the thread of a connection.
pub struct Seat {
    pub client: Arc<TcpStream>,
    pub thread: Thread,
    /// The backend stream that its request got.
    pub granted: Option<Arc<UnixStream>>,
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
        let row = state.table.0.get_mut(&self.number);
        row.map_or(Ok(()), |row| row.mark(phase, now))?;
        state.settle(now);
        Ok(())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.table.0.remove(&self.number);
        state.waiting += 1;
        state.is_full = false;
    }
}

impl State {
    /// Does what has become possible or necessary: hands out backend streams, and evicts
    /// connections whose streams or slots others need.
    pub fn settle(&mut self, now: Instant) {
        let State { table, streams, .. } = self;
        while let Some(number) = table.next(streams.free.len(), streams.open)
            && let Some(row) = table.0.get_mut(&number)
        {
            // It waits, so it was not evicted.
            let _ = row.mark(Phase::Served, now);
            row.has_stream = true;
            row.item.granted = streams.free.pop();
            row.item.thread.unpark();
        }
        if !streams.is_opening
            && let Some(number) = table.stalled(now)
        {
            self.evict(number);
        }
        while self.is_full
            && let Some(number) = self.table.victim(now, self.streams.freed)
        {
            match self.table.0.get_mut(&number) {
                // A request came, which its thread has not seen yet.
                Some(row) if row.is_awaited() && has_data(&row.item.client) => {
                    let _ = row.mark(Phase::Served, now);
                }
                _ => {
                    self.evict(number);
                    self.is_full = false;
                }
            }
        }
    }

    /// Lets the thread of a connection know that it is to end, whatever it waits for.
    fn evict(&mut self, number: u64) {
        if let Some(row) = self.table.0.get_mut(&number) {
            match row.evict() {
                Phase::Waiting => row.item.thread.unpark(),
                // It fails when the client is gone, which the thread notices.
                _ => drop(row.item.client.shutdown(Shutdown::Both)),
            }
        }
    }
}

/// Whether the client sent something that was not read yet.
fn has_data(client: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(recv(client, &mut [0], flags), Ok(1..))
}
