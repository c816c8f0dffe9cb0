//! One request and its reply: what is behind the endpoint, which dialect it speaks, and whether it
//! is alive when it says nothing.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::deadline::Deadline;
use super::error::Error;
use super::server::Server;
use super::transport::{Endpoint, Exchange, Identity, Places};
use super::wire::{Dialect, Introduction, Refused};
use crate::names;

/// How long a reply may take, or half of the scrape's time, before the server is asked whether it
/// is alive: the line protocol and Kamailio are silent about replies that are too large. Answers
/// take a few milliseconds.
const SILENCE: Duration = Duration::from_millis(250);

/// How long a reply may still take after the server has answered a later request.
const GRACE: Duration = Duration::from_millis(100);

/// Ids are 31 bits wide: servers know no larger numbers (OpenSIPS 3.4 to 4.0 answer with
/// 2147483647).
const MAX_ID: u32 = i32::MAX as u32;

/// Asks what is behind one endpoint.
#[derive(Debug)]
pub struct Caller {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// What the server speaks, if the operator says so.
    pub chosen: Option<Dialect>,
}

impl Caller {
    /// Asks the server with `identity` once, and again whether it is alive if it says nothing to a
    /// datagram, where silence may mean that the reply is too large. Gives replies to `read` until
    /// one is to this request.
    ///
    /// # Errors
    ///
    /// What `read` or the transport fails with. [`Refused::TooLarge`] if the server is alive and
    /// silent, [`Refused::TooLong`] if the request is too long to be sent.
    pub fn ask<T>(
        &self,
        dialect: Dialect,
        identity: Option<&Identity>,
        request: impl FnOnce(u32) -> Vec<u8>,
        mut read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        let id = random_id();
        let mut result = None;
        let mut read = |reply: &[u8]| {
            result = Some(read(reply, id)?);
            Ok(())
        };
        self.exchange(dialect, identity, &request(id), deadline, &mut read)?;
        result.ok_or(Refused::NotOurs)
    }

    /// The same for a request that was made already.
    fn exchange(
        &self,
        dialect: Dialect,
        identity: Option<&Identity>,
        request: &[u8],
        deadline: Deadline,
        read: &mut Read<'_>,
    ) -> Result<(), Refused> {
        if request.len() > self.endpoint.max_request() {
            return Err(Refused::TooLong);
        }
        let exchange = self.endpoint.ask(request, identity, deadline);
        let mut exchange = exchange.map_err(|error| match error {
            Error::Replaced { .. } => Refused::OtherDialect(None),
            error => Refused::Error(error),
        })?;
        if dialect == Dialect::JsonRpc || !self.endpoint.is_datagram() {
            return receive(&mut exchange, deadline, read);
        }
        let silence = deadline.at_most(SILENCE.min(deadline.limit() / 2));
        match receive(&mut exchange, silence, read) {
            Err(Refused::Error(Error::NoReply { .. })) if deadline.remaining().is_some() => {}
            // It was the scrape that had no more time.
            Err(Refused::Error(Error::NoReply { endpoint, .. })) => {
                let waited = deadline.limit();
                return Err(Error::NoReply { endpoint, waited }.into());
            }
            result => return result,
        }
        self.look_alive(dialect, deadline)?;
        match receive(&mut exchange, deadline.at_most(GRACE), read) {
            Err(Refused::Error(Error::NoReply { .. })) => Err(Refused::TooLarge),
            result => result,
        }
    }

    /// Waits for the answer of a server of this `dialect` to a later question, which that server
    /// has an answer to and does not log. Where nothing but answers tells one server from another,
    /// silence may mean that it is another: Kamailio says nothing to lines. Then it is asked what
    /// each has an answer to.
    fn look_alive(&self, dialect: Dialect, deadline: Deadline) -> Result<(), Refused> {
        let is_known = dialect == Dialect::Kamailio
            || self.chosen.is_some()
            || self.endpoint.identity().is_some();
        let patience = match is_known {
            true => deadline,
            false => deadline.at_most(deadline.remaining().unwrap_or_default() / 2),
        };
        match self.version(dialect, None, patience) {
            Ok(None) if !is_known => {}
            Err(error) if !is_known && error.is_timeout() => {}
            result => return result.map(drop).map_err(Refused::Error),
        }
        match self.detect(deadline)? {
            Introduction { dialect: Dialect::Line, .. } => Ok(()),
            other => Err(Refused::OtherDialect(Some(other))),
        }
    }

    /// Takes the first server that answers where it may be.
    ///
    /// # Errors
    ///
    /// Why the first did not that is there.
    pub fn find(&mut self, deadline: Deadline) -> Result<Server, Error> {
        let places = self.endpoint.places();
        if matches!(places, Places::Given(targets) if targets.len() == 1) {
            return self.introduce(deadline);
        }
        let mut targets = places.targets();
        let mut failed = None;
        while !targets.is_empty() {
            // What is silent leaves time for the others.
            let left = deadline.remaining().unwrap_or_default().as_millis();
            let part = u64::try_from(left).unwrap_or(u64::MAX) / targets.len() as u64;
            self.endpoint.go_to(Some(targets.remove(0)));
            match self.introduce(deadline.at_most(Duration::from_millis(part))) {
                Ok(server) => return Ok(server),
                Err(error) => {
                    log::debug!("{} is not a server: {error}", self.endpoint);
                    failed = failed.or(Some(error).filter(|error| !error.is_of_nothing()));
                }
            }
        }
        self.endpoint.go_to(None);
        let places = self.endpoint.places().describe();
        Err(failed.unwrap_or(Error::Nowhere { places }))
    }

    /// Finds out what the server is.
    ///
    /// # Errors
    ///
    /// When it does not answer, or like no server.
    pub fn introduce(&self, deadline: Deadline) -> Result<Server, Error> {
        let identity = self.endpoint.identity();
        let introduction = self.introduction(deadline)?;
        self.meet(introduction, identity, deadline)
    }

    /// The server that introduced itself. `identity` is what could be seen before: if another
    /// server has taken its place since, the next request notices that.
    ///
    /// # Errors
    ///
    /// When it does not tell its version.
    pub fn meet(
        &self,
        introduction: Introduction,
        identity: Option<Identity>,
        deadline: Deadline,
    ) -> Result<Server, Error> {
        let Introduction { dialect, version } = introduction;
        let version = match version {
            None => self.version(dialect, identity.as_ref(), deadline)?.unwrap_or_default(),
            Some(version) => version,
        };
        log::debug!("the server speaks {dialect} and says it is \"{version}\"");
        Ok(Server::new(dialect, &version, identity, &self.endpoint))
    }

    /// Finds out what the server speaks, and which version it is if it says so.
    ///
    /// No request is silent in the log of every server: OpenSIPS 1.x and 2.x log that a request in
    /// JSON has no command, 3.0 and later that the line protocol is no JSON (`modules/mi_datagram`,
    /// `datagram_fnc.c`), and Kamailio that it has no method `version`. So it is asked by its own
    /// method where its name is in the address, and else all are asked in JSON, once.
    ///
    /// Over a FIFO it is found out also where the operator says it: the line protocol would end MI
    /// over FIFO of a server that speaks JSON.
    ///
    /// # Errors
    ///
    /// When it does not answer, or like no server.
    fn introduction(&self, deadline: Deadline) -> Result<Introduction, Error> {
        let introduction = |dialect, version| Introduction { dialect, version };
        if self.endpoint.is_fifo() {
            let found = self.detect(deadline)?;
            return match self.chosen {
                Some(chosen) if chosen != found.dialect => Err(Error::OtherDialect),
                _ => Ok(found),
            };
        }
        if let Some(dialect) = self.chosen {
            return Ok(introduction(dialect, None));
        }
        if self.endpoint.to_string().contains("kamailio") {
            let version = self.version(Dialect::Kamailio, None, deadline)?;
            if version.is_some() {
                return Ok(introduction(Dialect::Kamailio, version));
            }
        }
        self.detect(deadline)
    }

    /// Asks for the version in the way of OpenSIPS 3.0, to which every server has its own answer,
    /// and none takes harm: JSON from 3.0 and later, an error in JSON from Kamailio, and from 1.x
    /// and 2.x `500 command not available` (seen on 1.11, 2.4, 3.4, 3.6, 4.0 and Kamailio 5.6).
    fn detect(&self, deadline: Deadline) -> Result<Introduction, Error> {
        let id = random_id();
        let request = Dialect::JsonRpc.version(id);
        let for_fifo = Introduction::fifo_request(&names::short(), id);
        let mut exchange = self.endpoint.ask_unknown(&request, &for_fifo, deadline)?;
        loop {
            if let Some(introduction) = Introduction::read(&exchange.reply(deadline)?, id)? {
                return Ok(introduction);
            }
        }
    }

    /// What the server with `identity` says of its version: nothing if it would not say it.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    fn version(
        &self,
        dialect: Dialect,
        identity: Option<&Identity>,
        deadline: Deadline,
    ) -> Result<Option<String>, Error> {
        let id = random_id();
        let request = dialect.version(id);
        let mut exchange = self.endpoint.ask(&request, identity, deadline)?;
        let mut version = None;
        let mut read = |reply: &[u8]| {
            version = Some(dialect.read_version(reply, id)?);
            Ok(())
        };
        match receive(&mut exchange, deadline, &mut read) {
            Err(Refused::Error(error)) if error.is_timeout() => Err(error),
            _ => Ok(version),
        }
    }
}

/// Reads a reply, and refuses those to other requests.
type Read<'r> = dyn FnMut(&[u8]) -> Result<(), Refused> + 'r;

/// Gives replies to `read` until one is to the request; others are ignored.
fn receive(
    exchange: &mut Exchange<'_>,
    deadline: Deadline,
    read: &mut Read<'_>,
) -> Result<(), Refused> {
    loop {
        match read(&exchange.reply(deadline)?) {
            Err(Refused::NotOurs) => {
                log::debug!("ignored a reply with the id of another request");
            }
            result => return result,
        }
    }
}

/// An id that nobody can foresee.
fn random_id() -> u32 {
    let random = RandomState::new().hash_one("id") & u64::from(MAX_ID);
    u32::try_from(random).unwrap_or(MAX_ID)
}
