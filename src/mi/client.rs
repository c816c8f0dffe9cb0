//! Asks one server: finds out what it speaks, remembers that, and asks in several requests what does not
//! fit into one reply.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::dialect::{Dialect, Introduction, Product, Refused, Sink};
use super::endpoint::Endpoint;
use super::layout::{Census, Groups};
use super::processes::{Process, Seen};
use super::server::Server;
use super::{Deadline, Error, kinds, line, processes};

/// How long a reply may take, or half of the scrape's time, before the server is asked whether it is alive:
/// the line protocol is silent about replies that are too large. Answers take a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a reply may still take after the server has answered a later request.
const GRACE: Duration = Duration::from_millis(100);

/// Ids are 31 bits wide: servers know no larger numbers (OpenSIPS 3.4 to 4.0 answer with 2147483647).
const MAX_ID: u32 = i32::MAX as u32;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Each is `all`, a group with its colon (`core:`) or a plain name (`rcv_requests`).
    pub arguments: Vec<String>,
    /// Groups without colons that `all` does not mean.
    pub excluded: Vec<String>,
}

/// Who answered.
#[derive(Debug)]
pub struct Answerer {
    server: Arc<Server>,
    /// The processes whose statistics it gave.
    seen: Seen,
}

impl Answerer {
    /// What it says it is.
    pub fn product(&self) -> Option<&Product> {
        self.server.product.as_ref()
    }
}

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    /// What the server speaks, if the operator says so.
    chosen: Option<Dialect>,
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
            let is_still_there = match &refused {
                Refused::TooLarge | Refused::Unknown => true,
                // What was learnt of it would have to be learnt again, in as little time.
                Refused::Error(Error::NoReply { .. } | Error::QueueFull { .. }) => {
                    self.endpoint.identity().is_some()
                }
                _ => false,
            };
            if !is_still_there {
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
        let is_everything = wanted.arguments == ["all"];
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
        let (started, seen) = (census.started, census.take_seen());
        let is_by_groups = |argument: &String| argument == "all" || argument.ends_with(':');
        if arguments.iter().all(is_by_groups) {
            census.is_incomplete |= result.is_err();
            server.layout().learn(census, is_everything);
        }
        if is_everything {
            server.tell();
        }
        result?;
        let server = if server.has_started_again(started) {
            // It reads like the one before, and may be of another version.
            self.forget(server);
            self.meet(None, deadline)?
        } else {
            Arc::clone(server)
        };
        Ok(Answerer { server, seen })
    }

    /// What has to be asked for to get what is `wanted`: everything but some groups is all groups but those.
    fn arguments(&self, server: &Server, wanted: &Wanted, deadline: Deadline) -> Vec<String> {
        let is_everything = wanted.arguments == ["all"];
        if !is_everything || wanted.excluded.is_empty() || server.dialect == Dialect::Kamailio {
            // Kamailio has groups of its own, which nobody lists, and none that is expensive.
            return wanted.arguments.clone();
        }
        if server.is_to_be_listed() {
            self.list(server, &[], deadline);
        }
        let groups = self.groups();
        let is_wanted = |group: &String| {
            let group = group.trim_end_matches(':');
            let mut excluded = wanted.excluded.iter();
            !excluded.any(|excluded| excluded.eq_ignore_ascii_case(group))
        };
        groups.arguments().filter(is_wanted).collect()
    }

    /// Which of the statistics `keys`, each a `group:name`, the server calls incremental. It is asked for
    /// those that it was not asked for before, and what it says once stays. `None` if it says it of nothing.
    pub fn kinds(
        &self,
        answerer: &Answerer,
        keys: &[&[u8]],
        deadline: Deadline,
    ) -> Option<Vec<Option<bool>>> {
        let server = &answerer.server;
        let unknown: Vec<&[u8]> = {
            let kinds = server.kinds();
            let keys = keys.iter().filter(|key| !kinds.is_known(key));
            keys.copied().collect()
        };
        let groups: BTreeSet<String> = unknown.iter().filter_map(|key| group_of(key)).collect();
        if !groups.is_empty() {
            self.list(server, &Vec::from_iter(groups), deadline);
        }
        let mut kinds = server.kinds();
        for key in unknown {
            kinds.note(key, None);
        }
        let all = keys.iter().map(|key| kinds.is_incremental(key));
        (!kinds.is_empty()).then(|| all.collect())
    }

    /// Asks for the kinds of the statistics in `groups`, or in all for none, and notes them.
    fn list(&self, server: &Server, groups: &[String], deadline: Deadline) {
        // 1.x has no such command, and logs that.
        let is_too_old = |product: &Product| product.version.starts_with("1.");
        let dialect = server.dialect;
        if server.kinds().is_mute
            || server.product.as_ref().is_some_and(is_too_old)
            || kinds::request(dialect, groups, 0).is_none()
        {
            return;
        }
        let result = self.question(
            server,
            |id| kinds::request(dialect, groups, id).unwrap_or_default(),
            |reply, id| {
                let mut known = server.kinds();
                let mut seen = self.groups();
                kinds::read(dialect, reply, id, |key, is_incremental| {
                    known.note(key, Some(is_incremental));
                    if let Some((group, _)) = line::parse_key(key) {
                        seen.add(group);
                    }
                })
            },
            deadline,
        );
        if let Err(refused) = result {
            log::debug!("the server does not list its statistics: {refused:?}");
            // All are more than some, which may fit.
            server.kinds().is_mute = !groups.is_empty();
        }
    }

    /// The processes of the server. It is asked for them once, and again when statistics of others were seen.
    pub fn processes(&self, answerer: &Answerer, deadline: Deadline) -> Vec<Process> {
        let Answerer { server, seen } = answerer;
        if !server.roster().has_changed(seen) {
            return server.roster().processes.clone().unwrap_or_default();
        }
        let dialect = server.dialect;
        let result = self.question(
            server,
            |id| processes::request(dialect, id),
            |reply, id| processes::read(dialect, reply, id),
            deadline,
        );
        let processes = result.unwrap_or_else(|refused| {
            log::debug!("the server does not tell its processes: {refused:?}");
            Vec::new()
        });
        let mut roster = server.roster();
        roster.seen.extend(seen.clone());
        roster.processes = Some(processes.clone());
        processes
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
        let planned = server.layout().plan(arguments.to_vec(), &self.groups());
        let mut is_split = server.layout().is_split();
        let mut has_looked_beyond = false;
        // A reply that should fit and does not come may just be lost.
        let mut may_be_lost = is_split || server.has_fitted(arguments);
        let mut is_first = true;
        let mut total = 0;
        let mut groups: Vec<Vec<u8>> = Vec::new();
        let mut pieces = VecDeque::from(planned);
        while let Some(piece) = pieces.pop_front() {
            let mut count = 0;
            let result = self.ask(
                server.dialect,
                &piece.arguments(),
                deadline,
                &mut |statistic| {
                    if let Ok(statistic) = &statistic {
                        count += 1;
                        census.note(statistic);
                        // The statistics of a group come together.
                        if groups.last().map(Vec::as_slice) != Some(statistic.group) {
                            groups.push(statistic.group.to_vec());
                        }
                        // Costs nothing as long as everything fits.
                        if is_split {
                            census.add(&piece, statistic);
                        }
                    }
                    sink(statistic);
                },
            );
            match result {
                Ok(()) | Err(Refused::Unknown) => {
                    if is_split {
                        census.note_answer(&piece);
                    }
                    if let Some(group) = piece.first_of().filter(|_| count == 0) {
                        // Its names are of another kind.
                        census.is_incomplete = true;
                        server.layout().give_up(vec![group]);
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
                    if parts.is_empty() {
                        census.is_incomplete = true;
                        server.layout().give_up(piece.arguments());
                        if total == 0 && is_everything {
                            // Not even the least fits: it has no memory.
                            break;
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
        let is_left_out = |argument: &String| layout.hopeless().contains(argument);
        if total == 0 && is_everything && !layout.hopeless().is_empty() {
            layout.forget();
            return Err(Refused::TooLarge);
        }
        if total == 0 && arguments.iter().any(is_left_out) {
            return Err(Refused::TooLarge);
        }
        drop(layout);
        let mut known = self.groups();
        for group in &groups {
            known.add(group);
        }
        if !is_split {
            server.note_fitted(arguments);
        }
        Ok(())
    }

    /// Asks once, and again whether the server is alive if it says nothing.
    fn ask(
        &self,
        dialect: Dialect,
        arguments: &[String],
        deadline: Deadline,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refused> {
        let id = self.next_id();
        let mut exchange = self
            .endpoint
            .ask(&dialect.get_statistics(arguments, id), deadline)?;
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
            match dialect.read_statistics(&reply, id, sink) {
                Err(Refused::NotOurs) => {
                    log::debug!("ignored a reply with the id of another request")
                }
                result => return result,
            }
        }
    }

    /// Waits for the answer of a server of the line protocol to something that it can only refuse.
    fn look_alive(&self, deadline: Deadline) -> Result<(), Refused> {
        let introduction = self.detect(deadline)?;
        if introduction.dialect == Dialect::Line {
            Ok(())
        } else {
            Err(Refused::OtherDialect(Some(introduction)))
        }
    }

    /// Finds out what the server speaks and which version it is, as far as it has not said so by its
    /// `introduction`.
    fn meet(
        &self,
        introduction: Option<Introduction>,
        deadline: Deadline,
    ) -> Result<Arc<Server>, Error> {
        let identity = self.endpoint.identity();
        let Introduction { dialect, version } = match (self.chosen, introduction) {
            (Some(dialect), _) => Introduction {
                dialect,
                version: None,
            },
            (None, Some(introduction)) => introduction,
            (None, None) => self.detect(deadline)?,
        };
        let version = match version {
            Some(version) => version,
            None => self
                .ask_version(dialect, deadline)?
                .unwrap_or_else(|_| "nothing".to_string()),
        };
        log::debug!("the server speaks {dialect} and says it is {version}");
        let server = Arc::new(Server::new(dialect, &version, identity));
        *self.lock() = Some(Arc::clone(&server));
        Ok(server)
    }

    /// Asks for the version in the way of OpenSIPS 3.0, to which every server has its own answer, and none
    /// takes harm: JSON from 3.0 and later, an error in JSON from Kamailio, and from 1.x and 2.x
    /// `500 command not available` (seen on 1.11, 2.4, 3.4, 3.6, 4.0 and Kamailio 5.6).
    fn detect(&self, deadline: Deadline) -> Result<Introduction, Error> {
        let id = self.next_id();
        let mut exchange = self.endpoint.ask(&Dialect::JsonRpc.version(id), deadline)?;
        loop {
            if let Some(introduction) = Introduction::read(&exchange.reply(deadline)?, id)? {
                return Ok(introduction);
            }
        }
    }

    /// What the server says of its version, or that it does not.
    fn ask_version(
        &self,
        dialect: Dialect,
        deadline: Deadline,
    ) -> Result<Result<String, Refused>, Error> {
        let answer = self.exchange(
            |id| dialect.version(id),
            |reply, id| dialect.read_version(reply, id),
            deadline,
        );
        match answer {
            Err(Refused::Error(error @ (Error::NoReply { .. } | Error::QueueFull { .. }))) => {
                Err(error)
            }
            answer => Ok(answer),
        }
    }

    /// Asks a server that is alive something that it may be silent about.
    fn question<T>(
        &self,
        server: &Server,
        request: impl FnOnce(u32) -> Vec<u8>,
        read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        let deadline = match server.dialect {
            Dialect::Line => deadline.at_most(PATIENCE),
            _ => deadline,
        };
        self.exchange(request, read, deadline)
    }

    /// Sends a request and reads the reply to it.
    fn exchange<T>(
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

    fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) & MAX_ID
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Server>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The group of a `group:name` with its colon, if it can be asked for.
fn group_of(key: &[u8]) -> Option<String> {
    let (group, _) = line::parse_key(key)?;
    let group = str::from_utf8(group).ok()?;
    let is_plain = |c: char| !c.is_control() && c != '"';
    group.chars().all(is_plain).then(|| format!("{group}:"))
}
