//! What one scrape reads of a server's statistics, and the groups that are known. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Statistic;
use super::dialect::{Dialect, Refused, check_lines, result};
use super::json::{self, Value};
use super::line;
use super::per_process::{growing, process_in};
use super::piece::{Piece, PieceKind};
use super::processes::Seen;

/// The groups that a server can have (OpenSIPS 1.11 to 4.0, Kamailio 5.6), but for those that its
/// configuration names. It lists them only in a reply that is larger still.
const GROUPS: &[&str] = &[
    "shmem",
    "rpmem",
    "core",
    "net",
    "dynamic",
    "script",
    "pkmem",
    "load",
    "sql",
    "cdb",
    "dns",
    "cachedb_redis",
    "call_center",
    "clusterer",
    "dialog",
    "imc",
    "msilo",
    "nat_traversal",
    "registrar",
    "sipcapture",
    "siptrace",
    "sl",
    "snmpstats",
    "sst",
    "tm",
    "tmx",
    "tracer",
    "uri",
    "usrloc",
];

/// The most groups that are remembered beside [`GROUPS`].
const MAX_OTHERS: usize = 256;

/// The groups that a server may have.
#[derive(Debug, Default)]
pub struct Groups {
    /// Those that were seen beside [`GROUPS`].
    others: BTreeSet<String>,
}

impl Groups {
    /// Notes that the server has this group.
    pub fn add(&mut self, group: &[u8]) {
        if let Ok(group) = str::from_utf8(group)
            && !GROUPS.contains(&group)
            && !self.others.contains(group)
            && self.others.len() < MAX_OTHERS
        {
            self.others.insert(group.to_string());
        }
    }

    /// Adds those in a reply to `list_statistics` (OpenSIPS 2.1 and later), whose lines are
    /// `group:name:: incremental` and whose members are `"group:name":"incremental"`.
    ///
    /// # Errors
    ///
    /// Why it has none, see [`Refused`].
    pub fn read(&mut self, dialect: Dialect, reply: &[u8], id: u32) -> Result<(), Refused> {
        let mut add = |key: &[u8]| {
            if let Some((group, _)) = line::parse_key(key) {
                self.add(group);
            }
        };
        if dialect == Dialect::Line {
            check_lines(reply)?;
            reply.split(|&byte| byte == b'\n').skip(1).for_each(add);
            return Ok(());
        }
        let text = json::text(reply);
        if let Value::Members(members) = result(reply, &text, id)? {
            members.iter().for_each(|(key, _)| add(key.as_bytes()));
        }
        Ok(())
    }

    /// All of them, as arguments.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        let others = self.others.iter().map(String::as_str);
        let groups = GROUPS.iter().copied().chain(others);
        groups.map(|group| format!("{group}:"))
    }
}

/// What was read in one scrape.
#[derive(Debug, Default)]
pub struct Census {
    /// The names in each group, with their bytes.
    pub groups: BTreeMap<String, BTreeMap<String, usize>>,
    /// Bytes by the request of the plan that brought them.
    pub sizes: BTreeMap<usize, usize>,
    /// The requests of the plan that did not fit.
    pub too_large: Vec<usize>,
    /// Whether something is not in it that was asked for.
    pub is_incomplete: bool,
    /// When the server started, if it was asked for that.
    pub started: Option<Instant>,
    seen: Seen,
    /// The replies that it took.
    pub replies: Replies,
}

/// The replies to the requests of one scrape for statistics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replies {
    /// How many there were.
    pub count: usize,
    /// The size of the largest one, in bytes.
    pub largest: usize,
}

impl Replies {
    /// Notes one.
    pub fn note(&mut self, reply: &[u8]) {
        self.count += 1;
        self.largest = self.largest.max(reply.len());
    }
}

impl Census {
    /// Notes that `piece` brought `statistic`.
    pub fn add(&mut self, piece: &Piece, statistic: &Statistic<'_>) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let digits = statistic.value.checked_ilog10().unwrap_or(0) as usize + 1;
        // `group:name:: value` and a newline, or `"group:name":value,`.
        let size = statistic.group.len() + statistic.name.len() + digits + 5;
        *self.sizes.entry(piece.origin).or_default() += size;
        let group = text(statistic.group);
        let names = self.groups.entry(group).or_default();
        names.insert(text(statistic.name), size);
    }

    /// Notes what `statistic` tells of the server: `core:timestamp` is its uptime in seconds (OpenSIPS 1.11 to
    /// 4.0, `core_stats.c`), others tell its processes.
    pub fn note(&mut self, statistic: &Statistic<'_>) {
        if statistic.name == b"timestamp" && statistic.group == b"core" {
            self.started = Instant::now().checked_sub(Duration::from_secs(statistic.value));
        }
        if let Some((group, process)) = process_in(statistic) {
            self.seen.entry(group).or_default().push(process);
        }
    }

    /// The processes whose statistics were read.
    pub fn take_seen(&mut self) -> Seen {
        let mut seen = std::mem::take(&mut self.seen);
        for processes in seen.values_mut() {
            processes.sort_unstable();
            processes.dedup();
        }
        seen
    }

    /// Notes that `piece` was answered: a group that it asked for and that brought nothing is not there.
    pub fn note_answer(&mut self, piece: &Piece) {
        if let PieceKind::Arguments(arguments) = &piece.kind {
            for argument in arguments {
                if let Some((_, of)) = growing(argument) {
                    self.groups.entry(of.group.to_string()).or_default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_the_configuration_are_listed() {
        let lines = include_bytes!("../../tests/fixtures/2.4/list_statistics.reply");
        let json = include_bytes!("../../tests/fixtures/4.0/list_statistics.reply");
        for (dialect, reply, expected) in [
            (Dialect::Line, lines.as_slice(), "method pac-ket resp.onse"),
            (Dialect::JsonRpc, json, "avg method pac-ket perc resp.onse"),
        ] {
            let mut groups = Groups::default();
            assert!(groups.read(dialect, reply, 1).is_ok(), "{dialect}");
            let others: Vec<&str> = groups.others.iter().map(String::as_str).collect();
            assert_eq!(others.join(" "), expected, "{dialect}");
        }
        let mut groups = Groups::default();
        let failure = b"500 command not available\n";
        assert!(groups.read(Dialect::Line, failure, 1).is_err());
    }
}
