//! What a server that has answered is asked beside its statistics: seldom, and it may be silent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::client::{Answerer, Client, PATIENCE, Wanted};
use super::dialect::{Dialect, Product, Refused};
use super::processes::Process;
use super::server::Server;
use super::{Deadline, kinds, line, processes};

impl Client {
    /// What has to be asked for to get what is `wanted`: everything but some groups is all groups but those.
    pub(super) fn arguments(
        &self,
        server: &Server,
        wanted: &Wanted,
        deadline: Deadline,
    ) -> Vec<String> {
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
    pub fn processes(&self, answerer: &Answerer, deadline: Deadline) -> Arc<[Process]> {
        let Answerer { server, seen } = answerer;
        if server.roster().has_changed(seen) {
            let dialect = server.dialect;
            let told = self.question(
                |id| processes::request(dialect, id),
                |reply, id| processes::read(dialect, reply, id),
                deadline,
            );
            if let Err(refused) = &told {
                log::debug!("the server does not tell its processes: {refused:?}");
            }
            server.roster().note(told.ok());
        }
        server.roster().processes()
    }

    /// Asks a server that is alive something that it may be silent about.
    fn question<T>(
        &self,
        request: impl FnOnce(u32) -> Vec<u8>,
        read: impl FnMut(&[u8], u32) -> Result<T, Refused>,
        deadline: Deadline,
    ) -> Result<T, Refused> {
        self.exchange(request, read, deadline.at_most(PATIENCE))
    }
}

/// The group of a `group:name` with its colon, if it can be asked for.
fn group_of(key: &[u8]) -> Option<String> {
    let (group, _) = line::parse_key(key)?;
    let group = str::from_utf8(group).ok()?;
    let is_plain = |c: char| !c.is_control() && c != '"';
    group.chars().all(is_plain).then(|| format!("{group}:"))
}
