//! A connection: reads requests of a client under a deadline, hands on those that pass, and relays
//! the answers. Each wait is announced in the table first, so that others know what it is for.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

use super::CLIENT;
use super::backend::{self, BackendError};
use super::refusal::Refusal;
use super::request::{self, Head, KeepAlive, MAX_HEAD, Request};
use super::slots::Slot;
use super::table::{Evicted, Phase};

/// How long a request head may take, from the beginning of the connection or, when it was kept,
/// from the head's first byte. A head fits into a few packets, so whoever needs longer is not
/// coming.
pub const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long a client may take to read an answer. That is the scrape timeout of Prometheus by
/// default.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to notice that its connection was closed. Closing it at once while
/// it still sends could take the answer from it again (RFC 9112, section 9.6).
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Bytes that are read from such a client at most.
const DISCARDED: usize = 256 * 1024;

/// Bytes that are read at once. Heads are rarely larger, and each thread has the memory for them.
const PIECE: usize = 2048;

/// Why a connection ends before its client wants that.
enum End {
    /// Its client is gone, or expects nothing.
    Gone,
    /// Its client is told why. The answer has no body if the request was HEAD.
    Refused { refusal: Refusal, is_head: bool },
    /// Its client is in no state to be told anything.
    Cut(Refusal),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        End::Gone
    }
}

impl From<Errno> for End {
    fn from(_: Errno) -> Self {
        End::Gone
    }
}

impl From<Evicted> for End {
    fn from(Evicted(phase): Evicted) -> Self {
        match phase {
            Phase::Reading => End::Cut(Refusal::PlaceNeeded),
            Phase::Sending => End::Cut(Refusal::AnswerNotTaken),
            _ => End::Gone,
        }
    }
}

/// A connection and what came by it. Its socket does not block.
pub struct Connection<'a> {
    slot: Slot<'a>,
    client: &'a OwnedFd,
    address: Option<IpAddr>,
    /// What was not handed on yet.
    received: Vec<u8>,
}

impl<'a> Connection<'a> {
    /// A new connection from `address`, which has `slot`.
    pub fn new(slot: Slot<'a>, client: &'a OwnedFd, address: Option<IpAddr>) -> Self {
        Connection { slot, client, address, received: Vec::new() }
    }

    /// Answers requests until the connection ends.
    pub fn serve(mut self) {
        let rules = &self.slot.gate.rules;
        let mut end = self.answer_requests();
        if let Err(End::Refused { refusal, is_head }) = end {
            rules.reject(self.client, refusal);
            let deadline = Instant::now() + CLOSING_TIME;
            end = self.send(&refusal.answer(is_head), deadline).or(Err(End::Gone));
        }
        match end {
            Ok(()) => {
                // It fails when the client is gone.
                let _ = self.close();
            }
            Err(End::Cut(refusal)) => {
                rules.reject(self.client, refusal);
                // Otherwise the kernel keeps what the client does not read.
                let _ = sockopt::set_socket_linger(self.client, Some(Duration::ZERO));
            }
            Err(_) => {}
        }
    }

    fn answer_requests(&mut self) -> Result<(), End> {
        let mut deadline = Some(Instant::now() + HEAD_TIME);
        loop {
            let request = self.read_request(deadline)?;
            if self.answer(request)? == KeepAlive::No {
                return Ok(());
            }
            deadline = None;
        }
    }

    /// Reads the next request. Without a `deadline` it may begin at any time.
    fn read_request(&mut self, mut deadline: Option<Instant>) -> Result<Request, End> {
        let refused = |refusal, is_head| Err(End::Refused { refusal, is_head });
        loop {
            // Some clients end a request with one line end too many (RFC 9112, section 2.2).
            let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
            let start = self.received.iter().position(|byte| !is_line_end(byte));
            self.received.drain(..start.unwrap_or(self.received.len()));
            if !self.received.is_empty() {
                deadline.get_or_insert_with(|| Instant::now() + HEAD_TIME);
                match request::read(&self.received, self.slot.gate.rules.forwarded) {
                    Head::Incomplete => {}
                    Head::Refused { refusal, is_head } => return refused(refusal, is_head),
                    Head::Complete(length, request) => {
                        self.received.drain(..length);
                        return Ok(request);
                    }
                }
            }
            let phase = match deadline {
                Some(_) => Phase::Reading,
                None => Phase::Idle,
            };
            let mut buffer = [0; PIECE];
            let room = MAX_HEAD.saturating_sub(self.received.len()).min(PIECE);
            let room = buffer.get_mut(..room).unwrap_or_default();
            match self.read(room, phase, deadline)? {
                Some(0) if !self.received.is_empty() => return refused(Refusal::Malformed, false),
                None if !self.received.is_empty() => return refused(Refusal::HeadTooSlow, false),
                Some(0) | None => return Err(End::Gone),
                Some(count) => {
                    let bytes = room.get(..count).unwrap_or_default();
                    self.received.extend_from_slice(bytes);
                }
            }
        }
    }

    /// Relays the answer to `request`, and returns whether the connection stays open.
    fn answer(&self, mut request: Request) -> Result<KeepAlive, End> {
        let gate = self.slot.gate;
        let is_slow = (gate.rules.is_slow)(request.target());
        let stream = self
            .slot
            .take_stream(is_slow)
            .ok_or(End::Refused { refusal: Refusal::Busy, is_head: request.is_head })?;
        // Whoever has gone meanwhile needs no answer.
        if !matches!(sockopt::get_socket_error(self.client), Ok(Ok(()))) {
            self.slot.leave_stream(Some(stream));
            return Err(End::Gone);
        }
        // When others need slots, each answer is the last one of its connection.
        if gate.is_full() {
            request.keep_alive = KeepAlive::No;
        }
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        request.add(CLIENT, &address);
        let answer = backend::ask(&stream, &request, |bytes| self.slot.claim(bytes));
        self.slot.leave_stream(answer.is_ok().then_some(stream));
        let answer = answer.inspect_err(|_| log::error!("{}", BackendError::Ended))?;
        self.send(&answer, Instant::now() + ANSWER_TIME)?;
        self.slot.hold(0);
        Ok(request.keep_alive)
    }

    /// Sends `bytes` until `deadline`.
    fn send(&self, mut bytes: &[u8], deadline: Instant) -> Result<(), End> {
        while !bytes.is_empty() && Instant::now() < deadline {
            match send(self.client, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {
                    self.wait(Phase::Sending, PollFlags::OUT, Some(deadline))?;
                }
                // The kernel has a deadline too.
                Err(Errno::TIMEDOUT) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match bytes {
            [] => Ok(()),
            _ => Err(End::Cut(Refusal::AnswerNotTaken)),
        }
    }

    /// Throws away what the client still sends, until it has closed the connection too.
    fn close(&self) -> Result<(), End> {
        shutdown(self.client, Shutdown::Write)?;
        let deadline = Some(Instant::now() + CLOSING_TIME);
        let mut room = DISCARDED;
        let mut buffer = [0; PIECE];
        while let Some(count @ 1..) = self.read(&mut buffer, Phase::Closing, deadline)?
            && count < room
        {
            room -= count;
        }
        Ok(())
    }

    /// Reads what there is, and waits for it if there is nothing. `None` when `deadline` is over.
    fn read(
        &self,
        buffer: &mut [u8],
        phase: Phase,
        deadline: Option<Instant>,
    ) -> Result<Option<usize>, End> {
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            match recv(self.client, buffer, RecvFlags::empty()) {
                Err(Errno::AGAIN | Errno::INTR) => self.wait(phase, PollFlags::IN, deadline)?,
                result => return Ok(Some(result?)),
            }
        }
        Ok(None)
    }

    /// Waits for the client until `deadline`. Meanwhile the connection may be evicted.
    fn wait(&self, phase: Phase, events: PollFlags, deadline: Option<Instant>) -> Result<(), End> {
        self.slot.mark(phase)?;
        let timeout = deadline.map_or(-1, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that it is over afterwards.
            i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX)
        });
        // If it fails, what is waited for is tried.
        let _ = poll(&mut [PollFd::new(self.client, events)], timeout);
        Ok(self.slot.mark(Phase::Served)?)
    }
}
