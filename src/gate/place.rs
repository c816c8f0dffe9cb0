//! One of the places for connections, each with its own lane to tiny_http: reads requests of a client under a
//! deadline, hands on those that pass, and relays the answers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::sockopt;

use super::Rules;
use super::answer;
use super::refusal::Refusal;
use super::request::{self, Head, MAX_HEAD, Request, Then};

/// How long a request head may take, from the beginning of the connection or, when it was kept, from the
/// head's first byte. A head fits into a few packets, so whoever needs longer is not coming.
pub const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long tiny_http may take for its first answer: it waits for ever where the system has no thread for it.
const PROVING_TIME: Duration = Duration::from_secs(5);

/// How long a client may take to read an answer. That is the scrape timeout of Prometheus by default.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to notice that its connection was closed. Closing it at once while it still
/// sends could take the answer from it again (RFC 9112, section 9.6).
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Bytes that are read from such a client at most.
const DISCARDED: usize = 256 * 1024;

/// Bytes of an answer that are held here at most. Smaller pages leave in one piece.
const BUFFER: usize = 64 * 1024;

/// A request that tiny_http must have answered before a lane is used. Nothing is found at `*`.
const PROBE: &[u8] = b"HEAD * HTTP/1.1\r\n\r\n";

/// Where the conversation with a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// tiny_http has not answered yet by this lane.
    Proving,
    /// There is no client, and tiny_http waits for a request.
    Free,
    /// An answer was sent, and the connection was kept. Bytes of the next request may be there already, which
    /// nobody has looked at.
    Idle,
    /// The head of a request is awaited, on a connection that was kept after an answer or on a new one.
    Reading { kept: bool },
    /// tiny_http has a request and has not begun to answer.
    Asked { is_head: bool, then: Then },
    /// So many bytes of tiny_http's answer are still to come.
    Relaying { left: u64, then: Then },
    /// Nothing more is answered. The client gets what is unsent and is waited for, while no more than so many
    /// bytes come from it.
    Closing { room: usize },
    /// tiny_http does not answer on this lane any more.
    Broken,
}

/// A place for a connection.
pub struct Place {
    lane: UnixStream,
    /// Gone when it went away during an answer, of which the rest is then thrown away.
    client: Option<TcpStream>,
    phase: Phase,
    /// Bytes of the client that were not handed on.
    received: Vec<u8>,
    /// Bytes of the answer that the client did not take.
    unsent: Vec<u8>,
    /// Whether the client would take no more.
    is_blocked: bool,
    /// When something moved last.
    moved: Instant,
    deadline: Option<Instant>,
}

/// Which ends of a place are waited for, and for what.
#[derive(Debug)]
pub struct Interest<'a> {
    /// The client, and what it is expected to do. That it goes away is noticed in any case.
    pub client: Option<(&'a TcpStream, PollFlags)>,
    /// The lane, when tiny_http is expected to answer.
    pub lane: Option<&'a UnixStream>,
}

/// How little is lost by closing a connection for another one: the least comes first, then the one that
/// did not move for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// It is closed already.
    Nothing(Instant),
    /// It is between two requests, and its client will make another one.
    Idle(Instant),
    /// Its request has not arrived.
    Request(Instant),
    /// Its client does not read the answer.
    Answer(Instant),
}

impl Place {
    /// A place without a client, which is free as soon as tiny_http answers by `lane`.
    pub fn new(lane: UnixStream, now: Instant) -> Self {
        let phase = match (&lane).write_all(PROBE) {
            Ok(()) => Phase::Proving,
            Err(_) => Phase::Broken,
        };
        Place {
            lane,
            client: None,
            phase,
            received: Vec::new(),
            unsent: Vec::new(),
            is_blocked: false,
            moved: now,
            deadline: Some(now + PROVING_TIME),
        }
    }

    /// Whether a client can be taken.
    pub fn is_free(&self) -> bool {
        self.phase == Phase::Free
    }

    /// Whether it never will be free again, since tiny_http does not serve its lane.
    pub fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    /// Whether tiny_http has answered by its lane.
    pub fn is_proven(&self) -> bool {
        self.phase != Phase::Proving
    }

    /// Whether nothing but the rest of an answer that nobody wants keeps it from being free.
    pub fn is_emptying(&self) -> bool {
        self.client.is_none() && matches!(self.phase, Phase::Relaying { .. })
    }

    /// Takes a client, which must not block, and reads what it has sent already.
    pub fn take(&mut self, client: TcpStream, now: Instant, rules: &Rules) {
        self.client = Some(client);
        self.phase = Phase::Reading { kept: false };
        self.moved = now;
        self.deadline = Some(now + HEAD_TIME);
        self.read_request(now, rules);
    }

    /// What would be lost by [`Place::evict`], if that is possible.
    pub fn loss(&self) -> Option<Loss> {
        self.client.as_ref()?;
        match self.phase {
            Phase::Closing { .. } => Some(Loss::Nothing(self.moved)),
            Phase::Idle => Some(Loss::Idle(self.moved)),
            Phase::Reading { .. } => Some(Loss::Request(self.moved)),
            Phase::Relaying { .. } if self.is_blocked => Some(Loss::Answer(self.moved)),
            _ => None,
        }
    }

    /// Closes the connection since its place is needed.
    pub fn evict(&mut self, rules: &Rules) {
        let refusal = match self.loss() {
            Some(Loss::Request(_)) => Some(Refusal::PlaceNeeded),
            Some(Loss::Answer(_)) => Some(Refusal::AnswerNotTaken),
            _ => None,
        };
        self.leave(refusal, rules);
    }

    /// What there is to wait for.
    pub fn interest(&self) -> Interest<'_> {
        let client = match self.phase {
            _ if self.is_blocked => PollFlags::OUT,
            Phase::Idle | Phase::Reading { .. } | Phase::Closing { .. } => PollFlags::IN,
            _ => PollFlags::empty(),
        };
        let lane = match self.phase {
            Phase::Proving | Phase::Asked { .. } => true,
            Phase::Relaying { .. } => !self.is_blocked,
            _ => false,
        };
        Interest {
            client: self.client.as_ref().map(|stream| (stream, client)),
            lane: lane.then_some(&self.lane),
        }
    }

    /// When [`Place::expire`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends what took too long.
    pub fn expire(&mut self, now: Instant, rules: &Rules) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Reading { .. } if !self.received.is_empty() => {
                self.refuse(Refusal::HeadTooSlow, false, now, rules);
            }
            Phase::Relaying { .. } => self.leave(Some(Refusal::AnswerNotTaken), rules),
            Phase::Proving => self.break_off(rules),
            _ => self.leave(None, rules),
        }
    }

    /// The client did what was waited for, or went away.
    pub fn client_is_ready(&mut self, events: PollFlags, now: Instant, rules: &Rules) {
        if events.intersects(PollFlags::ERR | PollFlags::HUP) {
            return self.leave(None, rules);
        }
        match self.phase {
            _ if self.is_blocked => self.send(now, rules),
            Phase::Idle | Phase::Reading { .. } => self.read_request(now, rules),
            Phase::Closing { room } => self.discard(room, rules),
            _ => {}
        }
    }

    /// tiny_http goes on with its answer.
    pub fn lane_is_ready(&mut self, now: Instant, rules: &Rules) {
        let expected = match self.phase {
            Phase::Relaying { left, .. } => left,
            _ => u64::MAX,
        };
        let room = BUFFER.saturating_sub(self.unsent.len()) as u64;
        let limit = room.min(expected);
        let before = self.unsent.len();
        let result = (&self.lane).take(limit).read_to_end(&mut self.unsent);
        let count = (self.unsent.len() - before) as u64;
        let is_open = match result {
            Ok(_) => count == limit,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if !is_open {
            return self.break_off(rules);
        }
        let (is_head, then) = match self.phase {
            Phase::Proving => (true, Then::Close),
            Phase::Asked { is_head, then } => (is_head, then),
            Phase::Relaying { left, then } => {
                let left = left.saturating_sub(count);
                self.phase = Phase::Relaying { left, then };
                return self.send(now, rules);
            }
            _ => return,
        };
        match answer::read(&self.unsent, is_head, then) {
            Ok(None) if self.unsent.len() < BUFFER => {}
            Ok(Some(head)) => {
                let body = (self.unsent.len() - head.length) as u64;
                let Some(left) = head.body.checked_sub(body) else {
                    return self.break_off(rules);
                };
                self.unsent.splice(..head.length, head.bytes);
                self.unsent.reserve(room.min(left) as usize);
                self.phase = Phase::Relaying { left, then };
                self.deadline = Some(now + ANSWER_TIME);
                self.send(now, rules);
            }
            _ => self.break_off(rules),
        }
    }

    /// Reads once, since more is reported anew, and looks whether that makes a request.
    fn read_request(&mut self, now: Instant, rules: &Rules) {
        let Some(mut client) = self.client.as_ref() else {
            return;
        };
        let mut buffer = [0; MAX_HEAD];
        let room = buffer.get_mut(self.received.len()..).unwrap_or_default();
        let bytes = match client.read(room) {
            Ok(0) if self.received.is_empty() => return self.leave(None, rules),
            Ok(0) => return self.refuse(Refusal::Malformed, false, now, rules),
            Ok(count) => room.get(..count).unwrap_or_default(),
            Err(error) if is_passing(&error) => return,
            Err(_) => return self.leave(None, rules),
        };
        self.received.extend_from_slice(bytes);
        self.moved = now;
        self.look_for_request(now, rules);
    }

    /// Turns to the next request if the client sent it without waiting for an answer.
    pub fn go_on(&mut self, now: Instant, rules: &Rules) {
        if self.phase == Phase::Idle && !self.received.is_empty() {
            self.look_for_request(now, rules);
        }
    }

    fn look_for_request(&mut self, now: Instant, rules: &Rules) {
        // Some clients end a request with one line end too many (RFC 9112, section 2.2).
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let start = self.received.iter().position(|byte| !is_line_end(byte));
        self.received.drain(..start.unwrap_or(self.received.len()));
        if self.phase == Phase::Idle {
            if self.received.is_empty() {
                return;
            }
            self.phase = Phase::Reading { kept: true };
            self.deadline = Some(now + HEAD_TIME);
        }
        match request::read(&self.received, rules.forwarded) {
            Head::Incomplete => {}
            Head::Refused { refusal, is_head } => self.refuse(refusal, is_head, now, rules),
            Head::Complete(length, request) => {
                self.received.drain(..length);
                self.ask(&request, rules);
            }
        }
    }

    /// Hands `request` to tiny_http, unless its client is gone already.
    fn ask(&mut self, request: &Request, rules: &Rules) {
        let is_gone = |client: &TcpStream| !matches!(client.take_error(), Ok(None));
        if self.client.as_ref().is_none_or(is_gone) {
            return self.leave(None, rules);
        }
        self.deadline = None;
        self.phase = Phase::Asked {
            is_head: request.is_head,
            then: request.then,
        };
        // The lane is empty, and the socket's buffer is larger than any head.
        if (&self.lane)
            .write_all(request.canonical.as_bytes())
            .is_err()
        {
            self.break_off(rules);
        }
    }

    /// Sends what there is, in large pieces.
    fn send(&mut self, now: Instant, rules: &Rules) {
        let more_to_come = match self.phase {
            Phase::Relaying { left, .. } => left > 0,
            _ => false,
        };
        if more_to_come && self.unsent.len() < BUFFER && !self.is_blocked {
            return;
        }
        self.is_blocked = false;
        let Some(mut client) = self.client.as_ref() else {
            self.unsent.clear();
            return self.sent(now, rules);
        };
        while !self.unsent.is_empty() {
            match client.write(&self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    self.moved = now;
                }
                Err(error) if is_passing(&error) => {
                    self.is_blocked = true;
                    return;
                }
                Err(_) => return self.leave(None, rules),
            }
        }
        self.sent(now, rules);
    }

    /// Goes on after everything was sent that there was.
    fn sent(&mut self, now: Instant, rules: &Rules) {
        let then = match self.phase {
            Phase::Relaying { left: 0, then } => then,
            Phase::Closing { .. } => Then::Close,
            _ => return,
        };
        let Some(client) = &self.client else {
            return self.leave(None, rules);
        };
        if then == Then::Close {
            // It fails when the client is gone, which is noticed anyway.
            let _ = client.shutdown(Shutdown::Write);
            return self.close(now);
        }
        self.phase = Phase::Idle;
        self.deadline = None;
    }

    fn refuse(&mut self, refusal: Refusal, is_head: bool, now: Instant, rules: &Rules) {
        if let Some(client) = &self.client {
            rules.reject(client, refusal);
        }
        self.received = Vec::new();
        self.unsent = refusal.answer(is_head);
        self.close(now);
        self.send(now, rules);
    }

    fn close(&mut self, now: Instant) {
        self.phase = Phase::Closing { room: DISCARDED };
        self.deadline = Some(now + CLOSING_TIME);
    }

    /// Throws away what the client still sends, until it has closed the connection too.
    fn discard(&mut self, room: usize, rules: &Rules) {
        let result = self.client.as_ref().map(|mut client| {
            let mut buffer = [0; MAX_HEAD];
            client.read(&mut buffer)
        });
        match result {
            Some(Ok(count)) if (1..room).contains(&count) => {
                let room = room - count;
                self.phase = Phase::Closing { room };
            }
            Some(Err(error)) if is_passing(&error) => {}
            _ => self.leave(None, rules),
        }
    }

    /// Closes the connection, if there is one, and notes `refusal` as the reason.
    fn leave(&mut self, refusal: Option<Refusal>, rules: &Rules) {
        if let Some(client) = self.client.take()
            && let Some(refusal) = refusal
        {
            rules.reject(&client, refusal);
            // Otherwise the kernel keeps what the client does not read.
            let _ = sockopt::set_socket_linger(&client, Some(Duration::ZERO));
        }
        self.received = Vec::new();
        self.is_blocked = false;
        self.deadline = None;
        match self.phase {
            // The head of the answer may be there in part.
            Phase::Proving | Phase::Asked { .. } | Phase::Broken => {}
            Phase::Relaying { left: 1.., .. } => self.unsent.clear(),
            _ => {
                self.unsent = Vec::new();
                self.phase = Phase::Free;
            }
        }
    }

    /// Gives up the lane.
    fn break_off(&mut self, rules: &Rules) {
        self.phase = Phase::Broken;
        self.leave(None, rules);
    }
}

/// Whether it is worth another try.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
