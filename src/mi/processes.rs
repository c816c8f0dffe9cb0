//! The processes of the server: `ps` of OpenSIPS, `core.psx` of Kamailio. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dialect::{Dialect, Refused};
use super::json::Value;
use super::patience::Patience;
use super::tree;

/// A process of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its index in the server's table, as in `pkmem:12-used_size` and `load:load-proc-12`.
    pub index: u64,
    /// Its number in the system.
    pub pid: u64,
    /// What it is for, such as `SIP receiver udp:192.0.2.1:5060`.
    pub role: String,
}

/// The numbers of processes in the names of statistics, by group.
pub type Seen = BTreeMap<&'static str, Vec<usize>>;

/// The processes as they were told last.
#[derive(Debug, Default)]
pub struct Roster {
    /// Those whose statistics were seen last, by group.
    seen: Seen,
    processes: Option<Arc<[Process]>>,
    /// Whether there are others now.
    is_outdated: bool,
    patience: Patience,
}

impl Roster {
    /// Notes that the statistics of these processes were seen, and returns whether these are others than
    /// those that were told. They are the same as long as each group has those that it had.
    pub fn has_changed(&mut self, seen: &Seen) -> bool {
        for (group, numbers) in seen {
            let is_same = match self.seen.get(group) {
                Some(known) => known == numbers,
                None => numbers.iter().all(|number| self.contains(*number)),
            };
            self.is_outdated |= !is_same;
            if !is_same || !self.seen.contains_key(group) {
                self.seen.insert(group, numbers.clone());
            }
        }
        self.patience.may_ask() && (self.is_outdated || self.processes.is_none())
    }

    /// The processes as they were told last.
    pub fn processes(&self) -> Arc<[Process]> {
        self.processes.clone().unwrap_or_default()
    }

    /// Notes what was told.
    pub fn note(&mut self, processes: Vec<Process>) {
        self.processes = Some(Arc::from(processes));
        self.is_outdated = false;
        self.patience.note_answer();
    }

    /// Notes that it was asked in vain. It is asked again in the next scrapes, and then not for long, and those
    /// that it told before are none any more.
    pub fn note_silence(&mut self) {
        self.is_outdated = true;
        if self.patience.note_silence() {
            self.processes = None;
        }
    }

    fn contains(&self, number: usize) -> bool {
        let mut processes = self.processes.iter().flat_map(|processes| processes.iter());
        processes.any(|process| usize::try_from(process.index) == Ok(number))
    }
}

/// The request for the processes.
pub fn request(dialect: Dialect, id: u32) -> Vec<u8> {
    dialect.call("ps", "core.psx", id)
}

/// The processes in a reply.
///
/// # Errors
///
/// Why there are none, see [`Refused`].
pub fn read(dialect: Dialect, reply: &[u8], id: u32) -> Result<Vec<Process>, Refused> {
    tree::of(dialect, reply, id, &["ID", "PID", "Type"], |reply| {
        let nodes = reply.named("Process");
        let list = reply.member("Processes").unwrap_or(reply).elements();
        nodes.chain(list).filter_map(process).collect()
    })
}

/// `{"ID":7,"PID":14778,"Type":"timer"}` (OpenSIPS 3.0 to 4.0), `{"IDX":7,"PID":22507,"DSC":"timer"}` (Kamailio),
/// `Process::  ID=4 PID=8359 Type=SIP receiver udp:127.0.0.1:5111 ` (OpenSIPS 1.11 and 2.4).
fn process(value: &Value<'_>) -> Option<Process> {
    let number = |name| value.member(name)?.text()?.parse().ok();
    let role = value.member("Type").or_else(|| value.member("DSC"));
    Some(Process {
        index: number("ID").or_else(|| number("IDX"))?,
        pid: number("PID")?,
        role: role?.text()?.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_is_read() {
        let role = "SIP receiver udp:127.0.0.1:5111";
        for (dialect, reply) in [
            (
                Dialect::Line,
                format!("200 OK\nProcess::  ID=4 PID=8359 Type={role} \nProcess:: odd\n"),
            ),
            (
                Dialect::JsonRpc,
                format!(
                    r#"{{"result":{{"Processes":[{{"ID":4,"PID":8359,"Type":"{role}"}},{{}},1]}},"id":7}}"#
                ),
            ),
            (
                Dialect::Kamailio,
                format!(r#"{{"result":[{{"IDX":4,"PID":8359,"DSC":"{role}"}}],"id":7}}"#),
            ),
        ] {
            let expected = Process {
                index: 4,
                pid: 8359,
                role: role.to_string(),
            };
            let processes = read(dialect, reply.as_bytes(), 7).ok();
            assert_eq!(processes, Some(vec![expected]), "{dialect}");
        }
    }

    #[test]
    fn only_another_set_of_processes_is_news() {
        let mut roster = Roster::default();
        let seen = |group, numbers: &[usize]| Seen::from([(group, numbers.to_vec())]);
        assert!(roster.has_changed(&Seen::default()));
        let process = |index| Process {
            index,
            pid: 1,
            role: String::new(),
        };
        roster.note(vec![process(0), process(1)]);
        for (now, expected) in [
            (Seen::default(), false),
            (seen("pkmem", &[0, 1]), false),
            (seen("load", &[1]), false),
            (seen("pkmem", &[0, 2]), true),
            (seen("pkmem", &[0, 2]), false),
            (seen("load", &[]), true),
            (seen("other", &[2]), true),
        ] {
            assert_eq!(roster.has_changed(&now), expected, "{now:?}");
            roster.note(vec![process(0), process(1)]);
        }
        while roster.processes().len() == 2 {
            roster.note_silence();
        }
        assert!(!roster.has_changed(&Seen::default()));
    }
}
