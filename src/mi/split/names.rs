//! The groups that grow with the processes of the server, and the names in them. A server tells
//! these names nowhere in parts; they follow from the numbers of its processes.

use std::ops::Range;

use crate::mi::wire::Statistic;
use crate::sorted;

/// A group that grows with the processes.
#[derive(Debug)]
pub struct PerProcess {
    /// The group, without its colon.
    pub group: &'static str,
    /// Its names without a process.
    fixed: &'static [&'static str],
    /// Its names of a process, `#` for the number of that.
    numbered: &'static [&'static str],
}

/// OpenSIPS 2.4 to 4.0, `pt_load.c` and `pt_stats.c`; 1.11 has one name per socket in `load`.
#[rustfmt::skip]
const PER_PROCESS: &[PerProcess] = &[
    PerProcess {
        group: "pkmem",
        fixed: &[],
        numbered: &[
            "#-total_size", "#-used_size", "#-real_used_size", "#-max_used_size", "#-free_size",
            "#-fragments",
        ],
    },
    PerProcess {
        group: "load",
        fixed: &[
            "load", "load1m", "load10m", "load-all", "load1m-all", "load10m-all",
            "processes_number",
        ],
        numbered: &["load-proc-#", "load1m-proc-#", "load10m-proc-#"],
    },
];

/// The groups that grow with the processes, without their colons.
pub fn groups_of_processes() -> impl Iterator<Item = &'static str> {
    PER_PROCESS.iter().map(|of| of.group)
}

/// The numbers of processes in the names of statistics, in order, of each group.
pub type Seen = Vec<(&'static str, Vec<usize>)>;

/// Adds `processes` of `group`.
pub fn note_seen(seen: &mut Seen, group: &'static str, processes: impl IntoIterator<Item = usize>) {
    if let Some((_, known)) = seen.iter_mut().find(|(known, _)| *known == group) {
        processes.into_iter().for_each(|process| sorted::add(process, known));
    } else {
        seen.push((group, processes.into_iter().collect()));
    }
}

impl PerProcess {
    /// The group that `argument` asks for, if it is one of [`PER_PROCESS`].
    pub fn of(argument: &str) -> Option<&'static PerProcess> {
        let group = argument.strip_suffix(':')?;
        PER_PROCESS.iter().find(|of| of.group == group)
    }

    /// Whether `group`, without its colon, is one of [`PER_PROCESS`].
    pub fn is_of(group: &[u8]) -> bool {
        PER_PROCESS.iter().any(|of| of.group.as_bytes() == group)
    }

    /// The names for these processes, and those without one if the first process is among them.
    pub fn names(&self, processes: Range<usize>) -> impl Iterator<Item = String> {
        let fixed = self.fixed.iter().filter(move |_| processes.start == 0);
        let fixed = fixed.map(ToString::to_string);
        fixed.chain(processes.flat_map(|process| {
            let process = process.to_string();
            let names = self.numbered.iter();
            names.map(move |name| name.replace('#', &process))
        }))
    }
}

/// The group of `statistic` and the process that it is of, for one statistic of each process.
pub fn process_in(statistic: &Statistic<'_>) -> Option<(&'static str, usize)> {
    let mut groups = PER_PROCESS.iter();
    let group = groups.find(|of| of.group.as_bytes() == statistic.group)?;
    let (start, end) = group.numbered.first()?.split_once('#')?;
    let number = statistic.name.strip_prefix(start.as_bytes())?;
    let number = number.strip_suffix(end.as_bytes())?;
    Some((group.group, str::from_utf8(number).ok()?.parse().ok()?))
}
