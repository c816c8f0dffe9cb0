//! Backend streams and the requests that have one or wait for one.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Gate;
use super::answer;
use super::backend::{self, BackendError, GROUP, MAX_STREAMS};
use super::request::Request;
use super::slots::{Slot, State};
use super::table::{OVERDUE, Phase};

/// How long a request waits while no stream comes free.
const BUSY_TIME: Duration = Duration::from_secs(2);

/// Bytes of an answer that are held here at most. Smaller pages leave in one piece.
const BUFFER: usize = 64 * 1024;

/// The streams that are open. Further ones are opened when requests wait.
#[derive(Default)]
pub struct Streams {
    /// Those that no request has.
    pub free: Vec<Arc<UnixStream>>,
    /// How many there are.
    pub open: usize,
    /// How many there may be.
    pub most: usize,
    /// Whether further ones come at once.
    pub is_opening: bool,
    /// When one came free last.
    pub freed: Option<Instant>,
}

impl Gate {
    /// Opens a group of streams. When the system refuses them, it is not asked again.
    pub(super) fn add_streams(&self) -> Result<(), BackendError> {
        let opened = backend::open(&self.handler);
        let mut state = self.lock();
        let streams = &mut state.streams;
        streams.is_opening = false;
        match opened {
            Ok(opened) => {
                streams.open += GROUP;
                streams.free.extend(opened);
                Ok(())
            }
            Err(error) => {
                streams.most = streams.open;
                Err(error)
            }
        }
    }
}

impl Slot<'_> {
    /// A stream for a request that may be slow, or nothing if it would have to wait for too long.
    pub fn stream(&self, is_slow: bool) -> Option<Backend<'_>> {
        let began = Instant::now();
        let mut now = began;
        let mut state = self.gate.lock();
        let row = state.table.0.get_mut(&self.number)?;
        row.is_slow = is_slow;
        row.mark(Phase::Waiting, now).ok()?;
        loop {
            state.settle(now);
            let State { table, streams, .. } = &mut *state;
            let row = table.0.get_mut(&self.number)?;
            if let Some(stream) = row.item.granted.take() {
                let slot = self;
                return Some(Backend {
                    slot,
                    stream,
                    left: Some(0),
                });
            }
            let is_hopeless = now >= streams.freed.max(Some(began))? + BUSY_TIME;
            if !row.is_waiting() || is_hopeless {
                // It fails when the connection was evicted.
                let _ = row.mark(Phase::Served, now);
                return None;
            }
            let is_short = !streams.is_opening && streams.open + GROUP <= streams.most;
            streams.is_opening |= is_short;
            drop(state);
            if !is_short {
                thread::park_timeout(OVERDUE);
            } else if let Err(error) = self.gate.add_streams() {
                let open = self.gate.lock().streams.open;
                log::warn!(
                    "no more than {open} requests at once instead of {MAX_STREAMS}: {error}"
                );
            }
            now = Instant::now();
            state = self.gate.lock();
        }
    }
}

/// A stream that a request has. It is given back when this is dropped, whatever is then still to
/// come of the answer.
pub struct Backend<'a> {
    slot: &'a Slot<'a>,
    stream: Arc<UnixStream>,
    /// Bytes of the answer that are still to come, if that is known.
    left: Option<u64>,
}

impl Backend<'_> {
    /// Hands `request` to tiny_http. Returns the head of its answer, and what was read of it. An
    /// error is a fault of tiny_http.
    pub fn ask(&mut self, request: &Request) -> io::Result<(answer::Head, Vec<u8>)> {
        self.left = None;
        let mut stream = &*self.stream;
        stream.write_all(request.canonical.as_bytes())?;
        let mut received = Vec::new();
        loop {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece)?;
            received.extend_from_slice(piece.get(..count).unwrap_or_default());
            let head = answer::read(&received, request.is_head)?;
            if let Some(head) = head {
                let body = received.len() - head.length;
                self.left = head.body.checked_sub(body as u64);
                return Ok((head, received));
            }
            if count == 0 || received.len() > BUFFER {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    /// Reads on, until `buffer` is full or holds the rest of the answer. Returns whether it holds
    /// the rest. An error is a fault of tiny_http.
    pub fn read_on(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let left = self.left.take().ok_or(ErrorKind::InvalidData)?;
        let start = buffer.len();
        let count = left.min(BUFFER.saturating_sub(start) as u64);
        buffer.resize(start + count as usize, 0);
        (&*self.stream).read_exact(buffer.get_mut(start..).unwrap_or_default())?;
        self.left = Some(left - count);
        Ok(left == count)
    }
}

impl Drop for Backend<'_> {
    fn drop(&mut self) {
        let is_whole = self.left.is_some_and(|left| {
            let rest = io::copy(&mut (&*self.stream).take(left), &mut io::sink());
            rest.is_ok_and(|count| count == left)
        });
        if !is_whole {
            log::error!("{}", BackendError::Ended);
        }
        let gate = self.slot.gate;
        let now = Instant::now();
        let mut state = gate.lock();
        if let Some(row) = state.table.0.get_mut(&self.slot.number) {
            row.has_stream = false;
        }
        let streams = &mut state.streams;
        streams.freed = Some(now);
        if is_whole {
            streams.free.push(Arc::clone(&self.stream));
        } else {
            streams.open -= 1;
            streams.most -= 1;
            if streams.most == 0 {
                // Nobody listens when the process ends anyway.
                let _ = gate.end.send(BackendError::Ended);
            }
        }
        state.settle(now);
    }
}
