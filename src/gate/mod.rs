//! Between the network and tiny_http: a bounded number of connections, of which strangers can take none for
//! long, and nothing but well-formed requests for tiny_http. It does not know metrics.
//!
//! One thread waits for all connections. None of its waits is for one of them, so that no client can make
//! it slow. tiny_http 0.12 by itself ends, hangs or grows on a single hostile request; it gets here only
//! what [`request`] wrote anew, over streams that were connected at start-up ([`lanes`]).

pub mod answer;
pub mod lanes;
pub mod listener;
pub mod place;
pub mod refusal;
pub mod request;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::telemetry::Rejections;
use lanes::{GROUP, LaneError, Lanes};
use place::{Interest, Loss, Place};
use refusal::Refusal;
use request::MAX_HEAD;

/// Connections at once. A Prometheus server needs one; a few of them, people and checks need some more.
pub const MAX_CONNECTIONS: usize = 64;

/// The part of the places that is filled before the connections that are there are looked at again, so that
/// a new one has time to send its request.
const ACCEPTED_PART: usize = 4;

/// How long all places may be taken by requests that wait for answers until others are told so.
const BUSY_TIME: Duration = Duration::from_secs(1);

/// How long no connection is taken after the system had nothing left for one.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log says that the system has nothing left.
const EXHAUSTED_NEWS: Duration = Duration::from_secs(60);

/// What all places have to do alike.
pub struct Rules {
    /// The headers that are passed on.
    pub forwarded: &'static [&'static str],
    /// Counts what is refused.
    pub rejections: Rejections,
}

impl Rules {
    /// Notes that `client` was refused something.
    pub fn reject(&self, client: &TcpStream, refusal: Refusal) {
        self.rejections.count(refusal.label());
        if log::log_enabled!(log::Level::Debug) {
            let address = client.peer_addr();
            let address = address.map_or("a client".to_string(), |address| address.to_string());
            log::debug!("refused {address}: {}", refusal.text());
        }
    }
}

/// The listener and the connections that came through it.
pub struct Gate<S> {
    listener: TcpListener,
    lanes: Lanes<S>,
    places: Vec<Place>,
    rules: Rules,
    /// Whether there are all places that there will be.
    is_complete: bool,
    /// Since when there is no place for another connection.
    full_since: Option<Instant>,
    /// When connections may be taken again.
    paused_until: Option<Instant>,
    /// When the log said last that the system has nothing left.
    exhausted: Option<Instant>,
}

impl<S: Fn(tiny_http::Server) -> io::Result<()>> Gate<S> {
    /// A gate for what comes in by `listener`, with as many places as there can be lanes.
    ///
    /// # Errors
    ///
    /// When there cannot be any, or the listener cannot be used without blocking.
    pub fn new(listener: TcpListener, lanes: Lanes<S>, rules: Rules) -> Result<Self, LaneError> {
        listener.set_nonblocking(true)?;
        let mut gate = Gate {
            listener,
            lanes,
            places: Vec::new(),
            rules,
            is_complete: false,
            full_since: None,
            paused_until: None,
            exhausted: None,
        };
        gate.add_places(Instant::now())?;
        Ok(gate)
    }

    /// Serves connections. It ends only when tiny_http does not answer any more.
    pub fn run(mut self) -> LaneError {
        while !self.places.is_empty() {
            self.step();
        }
        LaneError::Threads
    }

    /// Waits until something can be done, and does it.
    fn step(&mut self) {
        let now = Instant::now();
        for place in &mut self.places {
            place.expire(now, &self.rules);
        }
        let Some(ready) = self.wait(now) else {
            return thread::sleep(PAUSE);
        };
        let now = Instant::now();
        let mut is_called = false;
        for (end, events) in ready {
            match end {
                End::Listener => is_called = true,
                End::Client(index) => {
                    if let Some(place) = self.places.get_mut(index) {
                        place.client_is_ready(events, now, &self.rules);
                    }
                }
                End::Lane(index) => {
                    if let Some(place) = self.places.get_mut(index) {
                        place.lane_is_ready(now, &self.rules);
                    }
                }
            }
        }
        if is_called || self.full_since.is_some() {
            self.accept(is_called, now);
        }
        // Only now, or clients that always have another request would leave no place for others.
        for place in &mut self.places {
            place.go_on(now, &self.rules);
        }
        self.complete(now);
    }

    /// Removes places that tiny_http does not serve, and adds others as long as it does. One group after the
    /// other: the first scrape need not wait for all of them, and no more is asked of a system that has
    /// nothing left.
    fn complete(&mut self, now: Instant) {
        let count = self.places.len();
        self.places.retain(|place| !place.is_broken());
        let result = if self.places.len() < count {
            Err(match self.is_complete {
                false => LaneError::Threads,
                true => LaneError::Ended,
            })
        } else if self.is_complete || !self.places.iter().all(Place::is_proven) {
            return;
        } else {
            self.add_places(now)
        };
        if let Err(error) = result
            && !self.places.is_empty()
        {
            self.is_complete = true;
            log::warn!(
                "no more than {} connections at once instead of {MAX_CONNECTIONS}: {error}",
                self.places.len()
            );
        }
    }

    fn add_places(&mut self, now: Instant) -> Result<(), LaneError> {
        let lanes = self.lanes.open_group()?;
        self.is_complete = lanes.is_empty();
        if self.is_complete {
            log::debug!("there are places for {} connections", self.places.len());
        }
        let places = lanes.into_iter().map(|lane| Place::new(lane, now));
        self.places.extend(places);
        Ok(())
    }

    /// Waits until something is ready or a deadline is over. `None` when the system does not let us.
    fn wait(&mut self, now: Instant) -> Option<Vec<(End, PollFlags)>> {
        let mut fds = Vec::new();
        let mut ends = Vec::new();
        let mut deadlines: Vec<Instant> = Vec::new();
        self.paused_until = self.paused_until.filter(|&until| now < until);
        let room = self.room();
        match room {
            Some((None, _)) => self.full_since = None,
            _ => {
                self.full_since.get_or_insert(now);
            }
        }
        if let Some(until) = self.paused_until {
            deadlines.push(until);
        } else if room.is_some() || self.is_busy(now) {
            ends.push(End::Listener);
        } else {
            deadlines.extend(self.full_since.map(|since| since + BUSY_TIME));
        }
        if !ends.is_empty() {
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        for (index, place) in self.places.iter().enumerate() {
            let Interest { client, lane } = place.interest();
            if let Some((client, events)) = client {
                fds.push(PollFd::new(client, events));
                ends.push(End::Client(index));
            }
            if let Some(lane) = lane {
                fds.push(PollFd::new(lane, PollFlags::IN));
                ends.push(End::Lane(index));
            }
            deadlines.extend(place.deadline());
        }
        let timeout = deadlines.into_iter().min().map_or(-1, |deadline| {
            let left = deadline.saturating_duration_since(now);
            // Rounded up, so that it is over afterwards.
            i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return None,
        }
        let events = fds.iter().map(PollFd::revents);
        let ready = ends.into_iter().zip(events);
        Some(ready.filter(|(_, events)| !events.is_empty()).collect())
    }

    /// The place for another connection: one without a connection, or the one whose connection is to be
    /// closed, with what is lost by that.
    fn room(&self) -> Option<(Option<Loss>, usize)> {
        let places = || self.places.iter().enumerate();
        // The first ones are of different groups, whose threads do not have to wait for each other.
        let free = places()
            .filter(|(_, place)| place.is_free())
            .map(|(index, _)| index)
            .min_by_key(|index| index % GROUP);
        if let Some(index) = free {
            return Some((None, index));
        }
        let losses = places().filter_map(|(index, place)| Some((place.loss()?, index)));
        let (loss, index) = losses.min()?;
        // There will be one soon: a further one, or one that is being emptied.
        let is_emptying = || self.places.iter().any(Place::is_emptying);
        if !self.is_complete || (matches!(loss, Loss::Answer(_)) && is_emptying()) {
            return None;
        }
        Some((Some(loss), index))
    }

    /// Takes connections that wait. It is known that there is one if the gate `is_called`.
    fn accept(&mut self, is_called: bool, now: Instant) {
        let mut taken = 0;
        for _ in 0..self.places.len().div_ceil(ACCEPTED_PART) {
            let index = match self.room() {
                Some((Some(Loss::Answer(_)), index)) => {
                    if is_called && taken == 0 {
                        // The place is free as soon as tiny_http has got rid of the answer.
                        self.evict(index);
                    }
                    return;
                }
                // Its request may have come in the meantime.
                Some((Some(Loss::Request(_)), index)) if self.hears_from(index, now) => continue,
                Some((_, index)) => Some(index),
                None if self.is_busy(now) => None,
                None => return,
            };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let client = match accept_with(&self.listener, flags) {
                Ok(client) => TcpStream::from(client),
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    // The system looks for a descriptor before it looks for a connection.
                    if is_called && taken == 0 {
                        self.make_do(now);
                    }
                    return;
                }
                // It ended before it was taken.
                Err(_) => continue,
            };
            taken += 1;
            match index.and_then(|index| self.places.get_mut(index)) {
                Some(place) => {
                    place.evict(&self.rules);
                    place.take(client, now, &self.rules);
                    self.full_since = None;
                }
                None => turn_away(&client, &self.rules),
            }
        }
    }

    /// Whether something new came from the client at this place.
    fn hears_from(&mut self, index: usize, now: Instant) -> bool {
        let place = self.places.get_mut(index);
        place.is_some_and(|place| {
            let loss = place.loss();
            place.client_is_ready(PollFlags::IN, now, &self.rules);
            place.loss() != loss
        })
    }

    fn evict(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            place.evict(&self.rules);
        }
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.full_since
            .is_some_and(|since| now >= since + BUSY_TIME)
    }

    /// The system has nothing left for another connection: gives back what one of ours takes, and waits.
    fn make_do(&mut self, now: Instant) {
        if let Some((_, index)) = self.room() {
            self.evict(index);
        }
        self.paused_until = Some(now + PAUSE);
        if self
            .exhausted
            .is_none_or(|last| now >= last + EXHAUSTED_NEWS)
        {
            self.exhausted = Some(now);
            log::warn!(
                "new connections have to wait: the system has no descriptor or no memory for them, raise the limit of open files to {}",
                lanes::ALL_DESCRIPTORS
            );
        }
    }
}

/// One of the ends that are waited for.
#[derive(Debug, Clone, Copy)]
enum End {
    Listener,
    Client(usize),
    Lane(usize),
}

/// Tells a client for which there is no place that it comes in vain.
fn turn_away(mut client: &TcpStream, rules: &Rules) {
    rules.reject(client, Refusal::Busy);
    // What it sent is read, or it would lose the answer. If anything fails it is gone.
    let mut head = [0; MAX_HEAD];
    let _ = client.read(&mut head);
    let _ = client.write(&Refusal::Busy.answer(head.starts_with(b"HEAD ")));
    let _ = client.shutdown(Shutdown::Write);
}
