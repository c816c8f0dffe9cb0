//! What a server that has answered is asked beside its statistics: seldom, and it may be silent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Answerer, Client, Wanted};
use super::dialect::{Dialect, Refused};
use super::kinds::Said;
use super::processes::Process;
use super::server::Server;
use super::{Deadline, kinds, line, processes};

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
        if server.has_kinds()
            && server.is_to_be_listed()
            && self.list(server, &[], deadline).is_err()
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

    /// What the server says of the statistics `keys`, each a `group:name`. It is asked for those that it was
    /// not asked for before, and what it says once stays.
    pub fn kinds(&self, answerer: &Answerer, keys: &[&[u8]], deadline: Deadline) -> Vec<Said> {
        let server = &answerer.server;
        let unknown: Vec<&[u8]> = {
            let mut kinds = server.kinds();
            kinds.make_room(keys);
            let keys = keys.iter().filter(|key| !kinds.is_known(key));
            keys.copied().collect()
        };
        let groups: BTreeSet<Option<String>> = unknown.iter().map(|key| group_of(key)).collect();
        let mut asked: Vec<Vec<String>> = vec![groups.into_iter().flatten().collect()];
        let tells = server.has_kinds() && server.dialect != Dialect::Kamailio;
        while let Some(groups) = asked.pop().filter(|groups| tells && !groups.is_empty()) {
            let result = self.list(server, &groups, deadline);
            if groups.len() > 1 && matches!(result, Err(Refused::TooLarge)) {
                asked.extend(groups.into_iter().map(|group| vec![group]));
            }
        }
        let mut kinds = server.kinds();
        let silent: Vec<&[u8]> = {
            let keys = unknown.into_iter().filter(|key| !kinds.is_known(key));
            keys.collect()
        };
        let mut mute: BTreeSet<Option<String>> = silent.iter().map(|key| group_of(key)).collect();
        mute.retain(|group| match group {
            Some(group) => !tells || kinds.note_silence(group),
            None => true,
        });
        for key in silent {
            if mute.contains(&group_of(key)) {
                kinds.note(key, None);
            }
        }
        keys.iter().map(|key| kinds.said(key)).collect()
    }

    /// Asks for the kinds of the statistics in `groups`, or in all for none, and notes them.
    fn list(&self, server: &Server, groups: &[String], deadline: Deadline) -> Result<(), Refused> {
        let dialect = server.dialect;
        self.question(
            dialect,
            |id| kinds::request(dialect, groups, id),
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

/// The group of a `group:name` with its colon, if it can be asked for.
fn group_of(key: &[u8]) -> Option<String> {
    let (group, _) = line::parse_key(key)?;
    let group = str::from_utf8(group).ok()?;
    let is_plain = |c: char| !c.is_control() && c != '"';
    group.chars().all(is_plain).then(|| format!("{group}:"))
}
