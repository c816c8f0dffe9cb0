//! Finds out what a server is and whether it is alive.

use std::sync::Arc;

use super::client::Client;
use super::dialect::{Dialect, Introduction, Refused};
use super::server::Server;
use super::{Deadline, Error};

impl Client {
    /// Waits for the answer of a server of the line protocol to something that it can only refuse.
    pub(super) fn look_alive(&self, deadline: Deadline) -> Result<(), Refused> {
        let introduction = self.detect(deadline)?;
        if introduction.dialect == Dialect::Line {
            Ok(())
        } else {
            Err(Refused::OtherDialect(Some(introduction)))
        }
    }

    /// Finds out what the server speaks and which version it is, as far as it has not said so by its
    /// `introduction`.
    pub(super) fn meet(
        &self,
        introduction: Option<Introduction>,
        deadline: Deadline,
    ) -> Result<Arc<Server>, Error> {
        let identity = self.endpoint().identity();
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
        let mut exchange = self
            .endpoint()
            .ask(&Dialect::JsonRpc.version(id), deadline)?;
        loop {
            if let Some(introduction) = Introduction::read(&exchange.reply(deadline)?, id)? {
                return Ok(introduction);
            }
        }
    }

    /// What the server says of its version, or that it does not.
    pub(super) fn ask_version(
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
}
