//! The processes of the server: `ps` of OpenSIPS, `core.psx` of Kamailio. No I/O.

use std::sync::Arc;

use crate::mi::split::Seen;
use crate::mi::wire::{Dialect, Refused, Value};

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

/// The processes as they were told last.
#[derive(Debug, Default)]
pub struct Processes {
    told: Arc<[Process]>,
    /// Those whose statistics were seen last, by group.
    seen: Seen,
    /// Whether there are others now, or none were told yet.
    is_current: bool,
}

impl Processes {
    /// Whether those that were told are those that are there.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// The processes as they were told last.
    pub fn told(&self) -> Arc<[Process]> {
        Arc::clone(&self.told)
    }

    /// Notes what was told.
    pub fn note_told(&mut self, processes: Vec<Process>) {
        self.told = Arc::from(processes);
        self.is_current = true;
    }

    /// Notes that all statistics of these processes were seen. They are the same processes as long
    /// as each group has those that it had.
    pub fn note_seen(&mut self, seen: Seen) {
        for (group, numbers) in seen {
            let known = self.seen.iter().position(|(known, _)| *known == group);
            self.is_current &= match known.map(|known| self.seen.swap_remove(known).1) {
                Some(known) => known == numbers,
                None => numbers.iter().all(|number| self.contains(*number)),
            };
            self.seen.push((group, numbers));
        }
    }

    fn contains(&self, number: usize) -> bool {
        let mut processes = self.told.iter();
        processes.any(|process| usize::try_from(process.index) == Ok(number))
    }
}

/// The processes in a reply.
///
/// # Errors
///
/// Why there are none, see [`Refused`].
pub fn processes_in(dialect: Dialect, reply: &[u8], id: u32) -> Result<Vec<Process>, Refused> {
    dialect.read_tree(reply, id, &["ID", "PID", "Type"], |reply| {
        let nodes = reply.values().filter(|node| node.name() == "Process");
        let list = reply.member("Processes").unwrap_or(*reply).elements();
        nodes.chain(list).filter_map(process).collect()
    })
}

/// `{"ID":7,"PID":14778,"Type":"timer"}` (OpenSIPS 3.0 to 4.0),
/// `{"IDX":7,"PID":22507,"DSC":"timer"}` (Kamailio), `Process::  ID=4 PID=8359 Type=SIP receiver
/// udp:127.0.0.1:5111 ` (OpenSIPS 1.11 and 2.4).
fn process(value: Value<'_>) -> Option<Process> {
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
            let expected = Process { index: 4, pid: 8359, role: role.to_string() };
            let processes = processes_in(dialect, reply.as_bytes(), 7).ok();
            assert_eq!(processes, Some(vec![expected]), "{dialect}");
        }
    }

    #[test]
    fn only_another_set_of_processes_is_news() {
        let mut processes = Processes::default();
        let seen = |group, numbers: &[usize]| Seen::from([(group, numbers.to_vec())]);
        assert!(!processes.is_current());
        let process = |index| Process { index, pid: 1, role: String::new() };
        processes.note_told(vec![process(0), process(1)]);
        for (now, is_current) in [
            (Seen::default(), true),
            (seen("pkmem", &[0, 1]), true),
            (seen("load", &[1]), true),
            (seen("pkmem", &[0, 2]), false),
            (seen("pkmem", &[0, 2]), true),
            (seen("load", &[]), false),
            (seen("other", &[2]), false),
        ] {
            processes.note_seen(now.clone());
            assert_eq!(processes.is_current(), is_current, "{now:?}");
            processes.note_told(vec![process(0), process(1)]);
        }
    }
}
