//! Asks one server: remembers what it is, asks for its statistics in as many requests as it takes,
//! and for its processes and the commands of its modules beside them. One scrape at a time has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::caller::Caller;
use super::deadline::Deadline;
use super::error::{CommandError, Error};
use super::server::{Call, Process, Server, Topic, list_of_names, processes_in};
use super::split::{self, Groups, Plan, Reading, Request, Time, Wanted};
use super::transport::Endpoint;
use super::wire::{Dialect, Product, Refused, Sink, Value, line};
use crate::sorted;

/// How long the server may take to tell its version, groups, processes or commands.
const QUESTION_TIME: Duration = Duration::from_millis(500);

/// The time in which a healthy server answers. It takes a few milliseconds.
const FAIR_TIME: Duration = Duration::from_millis(250);

/// How long the groups that a server told are all that it has: its script can make further ones.
const GROUPS_TIME: Duration = Duration::from_secs(3600);

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    caller: Caller,
    /// How long a scrape may take. A quarter of that is for each command.
    timeout: Duration,
    /// The server, as long as it is there and speaks as it did.
    server: Option<Server>,
    groups: Groups,
}

impl Client {
    /// A client of the server behind `endpoint`, which finds out what that speaks unless `chosen`
    /// says so. `timeout` is the time that the operator grants to a scrape. Nothing is opened or
    /// asked yet.
    pub fn new(endpoint: Endpoint, chosen: Option<Dialect>, timeout: Duration) -> Self {
        Client {
            caller: Caller { endpoint, chosen },
            timeout,
            server: None,
            groups: Groups::default(),
        }
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.caller.endpoint
    }

    /// What the server says it is, if it answered and said so.
    pub fn product(&self) -> Option<&Product> {
        self.server.as_ref()?.product.as_ref()
    }

    /// What the server speaks, if it answered.
    pub fn dialect(&self) -> Option<Dialect> {
        Some(self.server.as_ref()?.dialect)
    }

    /// About how many bytes the server can send in one reply, if it answered.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.server.as_ref()?.plan.capacity())
    }

    /// Whether servers have this group, or this one told of it.
    pub fn knows_group(&self, group: &str) -> bool {
        let group = format!("{}:", group.to_ascii_lowercase());
        self.groups.arguments(&[]).contains(&group)
    }

    /// The time within which a healthy server answers. If it does not, that says something of it.
    pub fn fair_time(&self) -> Duration {
        FAIR_TIME.min(self.timeout / 2)
    }

    /// Asks for statistics by `get_statistics` and gives them to `sink`. The server leaves out
    /// silently what it does not know.
    ///
    /// # Errors
    ///
    /// Everything that keeps the server's answer from being read; see [`Error`]. Some of the
    /// statistics may have been given to `sink` already.
    pub fn get_statistics(
        &mut self,
        wanted: &Wanted,
        deadline: Deadline,
        sink: &mut Sink<'_>,
    ) -> Result<Reading, Error> {
        // A server that was restarted has another socket.
        let identity = self.caller.endpoint.identity();
        self.server.take_if(|server| server.identity != identity);
        let is_known = self.server.is_some();
        if !is_known {
            self.server = Some(self.caller.find(deadline)?);
        }
        let result = match self.read(wanted, deadline, sink) {
            Err(Refused::OtherDialect(introduction)) if is_known => {
                self.server = Some(match introduction {
                    Some(introduction) if self.caller.chosen.is_none() => {
                        let identity = self.caller.endpoint.identity();
                        self.caller.meet(introduction, identity, deadline)?
                    }
                    _ => self.caller.introduce(deadline)?,
                });
                self.read(wanted, deadline, sink)
            }
            result => result,
        };
        result.map_err(|refused| {
            let error = match refused {
                Refused::Error(error) => error,
                Refused::Unknown | Refused::TooLong => Error::Empty,
                Refused::TooLarge => Error::TooLarge,
                Refused::OtherDialect(_) | Refused::NotOurs => Error::OtherDialect,
            };
            if error.is_of_another_server() {
                self.server = None;
            }
            error
        })
    }

    fn read(
        &mut self,
        wanted: &Wanted,
        deadline: Deadline,
        sink: &mut Sink<'_>,
    ) -> Result<Reading, Refused> {
        if self.looks_without_statistics(deadline) {
            return Ok(Reading::default());
        }
        let arguments = self.arguments(wanted, deadline);
        let is_by_groups = arguments != wanted.arguments;
        let Some(server) = &mut self.server else {
            return Err(Refused::OtherDialect(None));
        };
        let (dialect, identity, caller) = (server.dialect, server.identity.clone(), &self.caller);
        let mut has_answered = false;
        let limit = deadline.limit();
        let time = Time { limit, is_patient: limit >= self.timeout / 2 };
        let mut ask = |request: Request<'_>, sink: &mut Sink<'_>| {
            let deadline = match request.is_risky {
                true => deadline.at_most(deadline.limit() / 4),
                false => deadline,
            };
            let mut bytes = 0;
            let result = caller.ask(
                dialect,
                identity.as_ref(),
                |id| dialect.get_statistics(request.arguments, id),
                |reply, id| {
                    bytes = reply.len();
                    dialect.read_statistics(reply, id, sink)
                },
                deadline,
            );
            match result {
                // The first part of the page is from the server that was there before.
                Err(Refused::OtherDialect(_)) if has_answered => Err(Error::OtherDialect.into()),
                Ok(()) | Err(Refused::Unknown) => {
                    has_answered = true;
                    Ok(bytes)
                }
                Err(refused) => Err(refused),
            }
        };
        let (plan, groups) = (&mut server.plan, &mut self.groups);
        let reading = split::read(plan, groups, wanted, arguments, time, &mut ask, sink);
        let mut reading = reading?;
        reading.is_by_groups |= is_by_groups;
        // The configuration of 1.x and Kamailio makes no groups.
        reading.may_lack_groups =
            reading.is_by_groups && !self.groups.are_all_known && server.lists_groups();
        // Single names say nothing of the others in their group.
        let mut seen = reading.seen.clone();
        let asked = &wanted.arguments;
        seen.retain(|(group, _)| wanted.is_everything || asked.contains(&format!("{group}:")));
        server.processes.note_seen(seen);
        if server.has_started_again(reading.started) {
            // What it is can wait for the next scrape.
            let capacity = server.plan.capacity();
            *server = Server::new(dialect, "", identity, &caller.endpoint);
            server.plan = Plan::new(capacity, caller.endpoint.max_request());
        }
        if server.product.is_none() {
            let version = self.question(
                Topic::Version,
                |id| dialect.version(id),
                |reply, id| dialect.read_version(reply, id),
                deadline,
            );
            if let (Ok(version), Some(server)) = (version, &mut self.server) {
                server.product = Product::parse(&version);
            }
        }
        Ok(reading)
    }

    /// Whether the server said that it has no statistics: Kamailio has them by its module kex.
    pub fn lacks_statistics(&self) -> bool {
        let listed = self.known_commands();
        self.dialect() == Some(Dialect::Kamailio)
            && listed.is_some_and(|listed| !sorted::has(Dialect::STATISTICS_OF_KAMAILIO, &listed))
    }

    /// Whether Kamailio says that it has no statistics, which it would log when asked for them. One
    /// without is asked each time: its answer is all that shows that it is there.
    fn looks_without_statistics(&mut self, deadline: Deadline) -> bool {
        if self.dialect() != Some(Dialect::Kamailio) {
            return false;
        }
        let lacked = self.lacks_statistics();
        if let Some(server) = self.server.as_mut().filter(|_| lacked) {
            // It may have been started again.
            server.commands.listed = None;
        }
        // Without an answer it is asked for statistics all the same.
        let _ = self.commands(deadline);
        self.lacks_statistics()
    }

    /// What has to be asked for to get what is `wanted`: everything but some groups is all groups
    /// but those.
    fn arguments(&mut self, wanted: &Wanted, deadline: Deadline) -> Vec<String> {
        let is_kamailio = self.dialect() == Some(Dialect::Kamailio);
        if wanted.arguments != ["all"] || wanted.excluded.is_empty() || is_kamailio {
            // Kamailio does not list its groups, and none of them is expensive.
            return wanted.arguments.clone();
        }
        self.list_groups(deadline);
        let mut arguments = self.groups.arguments(&wanted.named);
        arguments.retain(|argument| {
            let group = argument.trim_end_matches(':');
            let mut excluded = wanted.excluded.iter();
            !excluded.any(|excluded| excluded.eq_ignore_ascii_case(group))
        });
        arguments
    }

    /// Asks for the groups, among which may be some that the configuration makes.
    fn list_groups(&mut self, deadline: Deadline) {
        let Some(server) = &self.server else { return };
        let is_recent = |told: Instant| told.elapsed() < GROUPS_TIME;
        if !server.lists_groups() || server.groups_told.is_some_and(is_recent) {
            return;
        }
        let dialect = server.dialect;
        let told = self.question(
            Topic::Groups,
            |id| dialect.call("list_statistics", "", id),
            |reply, id| dialect.read_tree(reply, id, &[], groups_in),
            deadline,
        );
        if let (Ok(groups), Some(server)) = (told, &mut self.server) {
            groups.iter().for_each(|group| self.groups.add(group));
            self.groups.are_all_known = true;
            server.groups_told = Some(Instant::now());
        }
    }

    /// The processes of the server. It is asked for them once, and again when statistics of others
    /// were seen, unless it `is_busy`.
    pub fn processes(&mut self, deadline: Deadline, is_busy: bool) -> Arc<[Process]> {
        let Some(server) = &self.server else {
            return Arc::default();
        };
        if !is_busy && !server.processes.is_current() {
            let dialect = server.dialect;
            let told = self.question(
                Topic::Processes,
                |id| dialect.call("ps", "core.psx", id),
                |reply, id| processes_in(dialect, reply, id),
                deadline,
            );
            if let (Ok(processes), Some(server)) = (told, &mut self.server) {
                server.processes.note_told(processes);
            }
        }
        let server = self.server.as_ref();
        server.map_or_else(Arc::default, |server| server.processes.told())
    }

    /// The names of all commands of the server, if it told them already.
    pub fn known_commands(&self) -> Option<Arc<[String]>> {
        self.server.as_ref()?.commands.listed.clone()
    }

    /// The names of all commands of the server. It is asked for them once.
    ///
    /// # Errors
    ///
    /// Why it did not tell them.
    pub fn commands(&mut self, deadline: Deadline) -> Result<Arc<[String]>, CommandError> {
        if let Some(listed) = self.known_commands() {
            return Ok(listed);
        }
        let dialect = self.dialect().ok_or(CommandError::NoTime)?;
        let names = self.question(
            Topic::Commands,
            |id| dialect.call("which", "system.listMethods", id),
            |reply, id| dialect.read_tree(reply, id, &[], list_of_names),
            deadline,
        )?;
        let names: Arc<[String]> = Arc::from(names);
        if let Some(server) = &mut self.server {
            server.commands.listed = Some(Arc::clone(&names));
        }
        Ok(names)
    }

    /// Whether a command of one of these names was too slow or too large when it was called last.
    pub fn has_failed(&self, names: &[&str]) -> bool {
        self.server.as_ref().is_some_and(|server| server.questions.has_failed(names))
    }

    /// Calls a command in a part of the time of a scrape, and returns what `read` makes of the
    /// reply.
    ///
    /// # Errors
    ///
    /// Why there is no reply. One that does not come is not asked for again for some time.
    pub fn call<T>(
        &mut self,
        call: Call<'_>,
        deadline: Deadline,
        mut read: impl FnMut(&Value<'_>) -> T,
    ) -> Result<T, CommandError> {
        let dialect = self.dialect().ok_or(CommandError::NoTime)?;
        self.aside(
            call.topic(),
            self.timeout,
            |id| call.request(dialect, id),
            |reply, id| dialect.read_tree(reply, id, call.attributes, &mut read),
            deadline,
        )
    }

    /// The texts that `read` finds in the reply to a command whose reply stays the same as long as
    /// the server runs, see [`Client::call`].
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub fn call_once(
        &mut self,
        call: Call<'_>,
        deadline: Deadline,
        read: impl FnMut(&Value<'_>) -> Vec<String>,
    ) -> Result<Arc<[String]>, CommandError> {
        let topic = call.topic();
        let mut kept = self.server.iter().flat_map(|server| &server.commands.kept);
        if let Some((_, texts)) = kept.find(|(kept, _)| *kept == topic) {
            return Ok(Arc::clone(texts));
        }
        let texts: Arc<[String]> = Arc::from(self.call(call, deadline, read)?);
        if let Some(server) = &mut self.server {
            server.commands.kept.push((topic, Arc::clone(&texts)));
        }
        Ok(texts)
    }

    /// Asks for something that every server of this dialect knows, beside its statistics.
    fn question<T>(
        &mut self,
        topic: Topic,
        request: impl FnOnce(u32) -> Vec<u8>,
        read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, CommandError> {
        self.aside(topic, QUESTION_TIME, request, read, deadline)
    }

    /// Asks for `topic` in a quarter of the time of a scrape, which is worth more than the answer,
    /// or in `most` if that is less. After a failure there is a pause.
    fn aside<T>(
        &mut self,
        topic: Topic,
        most: Duration,
        request: impl FnOnce(u32) -> Vec<u8>,
        read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, CommandError> {
        let server = self.server.as_mut().ok_or(CommandError::NoTime)?;
        let (question, time) =
            server.questions.prepare(topic, most.min(self.timeout / 4), deadline)?;
        let (identity, deadline) = (server.identity.as_ref(), deadline.at_most(time));
        let result = self.caller.ask(server.dialect, identity, request, read, deadline);
        let result = result.map_err(|refused| match refused {
            Refused::TooLarge => CommandError::TooLarge,
            Refused::Error(error) if error.is_timeout() => {
                let (waited, is_hurried) = (time, question.is_hurried);
                CommandError::TooSlow { waited, is_hurried }
            }
            Refused::Error(error) => CommandError::Error(error),
            Refused::Unknown | Refused::TooLong => CommandError::Unknown,
            Refused::OtherDialect(_) | Refused::NotOurs => CommandError::Error(Error::OtherDialect),
        });
        server.questions.note(question, result.as_ref().err());
        result
    }
}

/// The groups in a reply to `list_statistics` (OpenSIPS 2.1 and later): `group:name:: incremental`,
/// or members `"group:name":"incremental"`.
fn groups_in(reply: &Value<'_>) -> Vec<Vec<u8>> {
    let members = reply.values();
    let keys = members.filter_map(|member| line::parse_key(member.name().as_bytes()));
    keys.map(|(group, _)| group.to_vec()).collect()
}
