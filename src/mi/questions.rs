//! What a server that has answered is asked beside its statistics: seldom, and it may be silent.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Answerer, Client, Wanted};
use super::dialect::{Dialect, Refused};
use super::processes::Process;
use super::server::Server;
use super::{Deadline, processes};

/// How long an answer is waited for.
const MOST_TIME: Duration = Duration::from_millis(500);

impl Client {
    /// What has to be asked for to get what is `wanted`: everything but some groups is all groups but those.
    pub(super) fn arguments(
        &self,
        server: &Server,
        wanted: &Wanted,
        deadline: Deadline,
    ) -> Vec<String> {
        let is_all = wanted.arguments == ["all"];
        if !is_all || wanted.excluded.is_empty() || server.dialect == Dialect::Kamailio {
            // Kamailio has groups of its own, which nobody lists, and none that is expensive.
            return wanted.arguments.clone();
        }
        if server.lists_statistics()
            && server.is_to_be_listed()
            && self.list(server, deadline).is_err()
        {
            server.note_silence();
        }
        let groups = self.groups();
        let is_wanted = |group: &String| {
            let group = group.trim_end_matches(':');
            let mut excluded = wanted.excluded.iter();
            !excluded.any(|excluded| excluded.eq_ignore_ascii_case(group))
        };
        groups.arguments().filter(is_wanted).collect()
    }

    /// Asks for the names of all statistics, and notes their groups.
    fn list(&self, server: &Server, deadline: Deadline) -> Result<(), Refused> {
        let dialect = server.dialect;
        self.question(
            dialect,
            |id| dialect.call("list_statistics", "", id),
            |reply, id| self.groups().read(dialect, reply, id),
            deadline,
        )
    }

    /// The processes of the server. It is asked for them once, and again when statistics of others were seen.
    pub fn processes(&self, answerer: &Answerer, deadline: Deadline) -> Arc<[Process]> {
        let Answerer { server, seen, .. } = answerer;
        if server.roster().has_changed(seen) {
            let dialect = server.dialect;
            let told = self.question(
                dialect,
                |id| processes::request(dialect, id),
                |reply, id| processes::read(dialect, reply, id),
                deadline,
            );
            match told {
                Ok(processes) if !processes.is_empty() => server.roster().note(processes),
                _ => server.roster().note_silence(),
            }
        }
        server.roster().processes()
    }

    /// Asks in a part of the time of a scrape, which is worth more than the answer.
    pub(super) fn question<T>(
        &self,
        dialect: Dialect,
        request: impl FnOnce(u32) -> Vec<u8>,
        read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        let time = question_time(deadline);
        let result = self.ask(dialect, request, read, deadline.at_most(time));
        if let Err(refused) = &result {
            log::debug!("the server does not answer a question beside its statistics: {refused:?}");
        }
        result
    }
}

/// How long an answer may take in a scrape with that deadline.
pub fn question_time(deadline: Deadline) -> Duration {
    MOST_TIME.min(deadline.limit() / 4)
}
