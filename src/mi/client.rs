//! Asks one server: finds out what it speaks, remembers that, and asks in several requests what does not
//! fit into one reply.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::census::{Census, Groups, Replies};
use super::dialect::{Dialect, Product, Refused, Sink};
use super::endpoint::Endpoint;
use super::layout::LeftOut;
use super::processes::Seen;
use super::server::Server;
use super::{Deadline, Error, Statistic, Unparsed};

/// How long a reply may take, or half of the scrape's time, before the server is asked whether it is alive:
/// the line protocol is silent about replies that are too large. Answers take a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a reply may still take after the server has answered a later request.
const GRACE: Duration = Duration::from_millis(100);

/// Groups that may be too large one after the other before anything was read. With more of them the server has
/// no memory, and is not asked on.
const MAX_GIVEN_UP: usize = 2;

/// Ids are 31 bits wide: servers know no larger numbers (OpenSIPS 3.4 to 4.0 answer with 2147483647).
const MAX_ID: u32 = i32::MAX as u32;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Each is `all`, a group with its colon (`core:`) or a plain name (`rcv_requests`).
    pub arguments: Vec<String>,
    /// Groups without colons that `all` does not mean.
    pub excluded: Vec<String>,
    /// Whether nothing else is ever asked for, but parts of this.
    pub is_everything: bool,
}

/// Who answered.
#[derive(Debug)]
pub struct Answerer {
    /// The server.
    pub(super) server: Arc<Server>,
    /// The processes whose statistics it gave.
    pub(super) seen: Seen,
    /// The replies that it took.
    replies: Replies,
}

impl Answerer {
    /// What it says it is.
    pub fn product(&self) -> Option<&Product> {
        self.server.product.get()
    }

    /// What it speaks.
    pub fn dialect(&self) -> Dialect {
        self.server.dialect
    }

    /// The replies that its statistics took.
    pub fn replies(&self) -> Replies {
        self.replies
    }

    /// What of its statistics could not be read.
    pub fn left_out(&self) -> LeftOut {
        self.server.layout().left_out()
    }

    /// About how many bytes it can send in one reply.
    pub fn capacity(&self) -> usize {
        self.server.layout().capacity()
    }
}

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    /// What the server speaks, if the operator says so.
    pub(super) chosen: Option<Dialect>,
    /// As long as it is there and speaks as it did.
    server: Mutex<Option<Arc<Server>>>,
    /// Those that the server has or had, also before it was started again.
    groups: Mutex<Groups>,
    last_id: AtomicU32,
}

impl Client {
    /// A client of the server behind `endpoint`, which finds out what that speaks unless `chosen` says so.
    /// Nothing is opened or asked yet.
    pub fn new(endpoint: Endpoint, chosen: Option<Dialect>) -> Self {
        Client {
            endpoint,
            chosen,
            server: Mutex::new(None),
            groups: Mutex::default(),
            last_id: AtomicU32::new(0),
        }
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks for statistics by `get_statistics` and gives them to `sink`. The server leaves out silently what
    /// it does not know. Returns who answered.
    ///
    /// # Errors
    ///
    /// Everything that keeps the server's answer from being read; see [`Error`]. Some of the statistics
    /// may have been given to `sink` already.
    pub fn get_statistics(
        &self,
        wanted: &Wanted,
        deadline: Deadline,
        sink: &mut Sink<'_>,
    ) -> Result<Answerer, Error> {
        let known = self.known();
        let is_known = known.is_some();
        let server = known.map_or_else(|| self.meet(None, deadline), Ok)?;
        let result = match self.read(&server, wanted, deadline, sink) {
            // It was replaced by another one.
            Err(Refused::OtherDialect(introduction)) if is_known => {
                let server = self.meet(introduction, deadline)?;
                let result = self.read(&server, wanted, deadline, sink);
                result.map_err(|refused| (server, refused))
            }
            result => result.map_err(|refused| (server, refused)),
        };
        result.map_err(|(server, refused)| {
            // Else what was learnt of it would have to be learnt again, in as little time.
            let is_gone = matches!(
                &refused,
                Refused::OtherDialect(_)
                    | Refused::NotOurs
                    | Refused::Error(
                        Error::OtherDialect
                            | Error::Missing { .. }
                            | Error::NobodyListens { .. }
                            | Error::NotDatagram { .. }
                            | Error::NotThere { .. }
                    )
            );
            if is_gone {
                self.forget(&server);
            }
            match refused {
                Refused::Error(error) => error,
                Refused::Unknown => Error::Empty,
                Refused::TooLarge => Error::TooLarge,
                Refused::OtherDialect(_) | Refused::NotOurs => Error::OtherDialect,
            }
        })
    }

    fn read(
        &self,
        server: &Arc<Server>,
        wanted: &Wanted,
        deadline: Deadline,
        sink: &mut Sink<'_>,
    ) -> Result<Answerer, Refused> {
        let is_everything = wanted.is_everything;
        let arguments = self.arguments(server, wanted, deadline);
        let mut census = Census::default();
        let result = self.read_pieces(
            server,
            &arguments,
            is_everything,
            deadline,
            &mut census,
            sink,
        );
        let (started, seen, replies) = (census.started, census.take_seen(), census.replies);
        census.is_incomplete |= result.is_err();
        server.layout().learn(census, &arguments, is_everything);
        server.tell();
        result?;
        let mut server = Arc::clone(server);
        if server.has_started_again(started) {
            self.forget(&server);
            let met = self.meet(None, deadline);
            // What it is can wait for the next scrape.
            server = met.unwrap_or_else(|_| Arc::new(Server::new(server.dialect, "", None)));
        } else if server.is_nameless()
            && let Ok(Ok(version)) = self.ask_version(server.dialect, deadline)
        {
            server.name(&version);
        }
        Ok(Answerer {
            server,
            seen,
            replies,
        })
    }

    /// Asks for `arguments` in as many requests as it takes.
    fn read_pieces(
        &self,
        server: &Server,
        arguments: &[String],
        is_everything: bool,
        deadline: Deadline,
        census: &mut Census,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refused> {
        let planned = server
            .layout()
            .plan(arguments.to_vec(), is_everything, &self.groups());
        let mut is_split = server.layout().is_split();
        let mut has_looked_beyond = false;
        // A reply that should fit and does not come may just be lost.
        let mut may_be_lost = is_split || server.has_fitted(arguments);
        let mut is_first = true;
        let mut total = 0;
        let mut replies = Replies::default();
        let mut given_up = Vec::new();
        let mut last_group = Vec::new();
        let mut pieces = VecDeque::from(planned);
        while let Some(piece) = pieces.pop_front() {
            let mut count = 0;
            let arguments = piece.arguments();
            let mut note = |statistic: Result<Statistic<'_>, Unparsed<'_>>| {
                if let Ok(statistic) = &statistic {
                    count += 1;
                    census.note(statistic);
                    // The statistics of a group come together.
                    if last_group != statistic.group {
                        last_group.clear();
                        last_group.extend_from_slice(statistic.group);
                        self.groups().add(statistic.group);
                    }
                    // Costs nothing as long as everything fits.
                    if is_split {
                        census.add(&piece, statistic);
                    }
                }
                sink(statistic);
            };
            let dialect = server.dialect;
            let result = self.ask(
                dialect,
                |id| dialect.get_statistics(&arguments, id),
                |reply, id| {
                    replies.note(reply);
                    dialect.read_statistics(reply, id, &mut note)
                },
                deadline,
            );
            census.replies = replies;
            match result {
                Ok(()) | Err(Refused::Unknown) => {
                    if is_split {
                        census.note_answer(&piece);
                    }
                    if let Some(group) = piece.first_of().filter(|_| count == 0) {
                        // Its names are of another kind.
                        given_up.push(group);
                    } else if let Some(next) = piece.next(count > 0) {
                        pieces.push_front(next);
                    }
                }
                Err(Refused::TooLarge) if may_be_lost && server.layout().is_known(&piece) => {
                    may_be_lost = false;
                    pieces.push_front(piece);
                    continue;
                }
                Err(Refused::TooLarge) => {
                    is_split = true;
                    let parts = server.layout().parts(&piece, &self.groups(), census);
                    if let Some(second) = piece.again().filter(|_| parts.is_empty()) {
                        pieces.push_front(second);
                    } else if parts.is_empty() {
                        // No name is too large by itself, and few groups are.
                        match piece.group() {
                            Some(group) if total > 0 || given_up.len() < MAX_GIVEN_UP => {
                                given_up.push(group);
                            }
                            _ => return Err(Refused::TooLarge),
                        }
                    }
                    for part in parts.into_iter().rev() {
                        pieces.push_front(part);
                    }
                }
                // The first part of the page is from the server that was there before.
                Err(Refused::OtherDialect(_)) if !is_first => {
                    return Err(Error::OtherDialect.into());
                }
                Err(refused) => return Err(refused),
            }
            is_first = false;
            total += count;
            if pieces.is_empty() && !has_looked_beyond {
                has_looked_beyond = true;
                pieces.extend(server.layout().beyond(census));
            }
        }
        let mut layout = server.layout();
        census.is_incomplete |= !given_up.is_empty();
        if total == 0 && !given_up.is_empty() {
            return Err(Refused::TooLarge);
        }
        layout.give_up(given_up, arguments);
        if total == 0 && layout.is_left_out(arguments) {
            return Err(Refused::TooLarge);
        }
        drop(layout);
        if !is_split {
            server.note_fitted(arguments);
        }
        Ok(())
    }

    /// Asks once, and again whether the server is alive if it says nothing.
    pub(super) fn ask<T>(
        &self,
        dialect: Dialect,
        request: impl FnOnce(u32) -> Vec<u8>,
        mut read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        let id = self.next_id();
        let mut exchange = self.endpoint.ask(&request(id), deadline)?;
        let mut patience = match dialect {
            Dialect::Line => deadline.at_most(PATIENCE.min(deadline.limit() / 2)),
            _ => deadline,
        };
        loop {
            let reply = match exchange.reply(patience) {
                Err(Error::NoReply { .. }) if deadline.remaining().is_some() => {
                    self.look_alive(deadline)?;
                    patience = deadline;
                    match exchange.reply(deadline.at_most(GRACE)) {
                        Err(Error::NoReply { .. }) => return Err(Refused::TooLarge),
                        reply => reply?,
                    }
                }
                // It was the scrape that had no more time.
                Err(Error::NoReply { endpoint, .. }) => {
                    let waited = deadline.limit();
                    return Err(Error::NoReply { endpoint, waited }.into());
                }
                reply => reply?,
            };
            match read(&reply, id) {
                Err(Refused::NotOurs) => {
                    log::debug!("ignored a reply with the id of another request");
                }
                result => return result,
            }
        }
    }

    /// Sends a request and reads the reply to it.
    pub(super) fn exchange<T>(
        &self,
        request: impl FnOnce(u32) -> Vec<u8>,
        mut read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        let id = self.next_id();
        let mut exchange = self.endpoint.ask(&request(id), deadline)?;
        loop {
            match read(&exchange.reply(deadline)?, id) {
                Err(Refused::NotOurs) => {
                    log::debug!("ignored a reply with the id of another request");
                }
                result => return result,
            }
        }
    }

    /// The server, if it is still the one that was met. A server that was restarted has another socket.
    fn known(&self) -> Option<Arc<Server>> {
        let server = self.lock().clone()?;
        (server.identity == self.endpoint.identity()).then_some(server)
    }

    /// Forgets `server`, if it was not replaced by another one already.
    fn forget(&self, server: &Arc<Server>) {
        let mut known = self.lock();
        if known
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, server))
        {
            *known = None;
        }
    }

    pub(super) fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) & MAX_ID
    }

    /// The groups that are known.
    pub(super) fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Arc<Server>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
