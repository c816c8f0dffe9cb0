//! The groups that grow with the processes of the server, and the names in them. A server tells these names
//! nowhere in pieces; they follow from the numbers of its processes.

use std::ops::Range;

use super::Statistic;

/// A group that grows with the processes.
pub struct PerProcess {
    /// The group, without its colon.
    pub group: &'static str,
    /// Its names without a process.
    fixed: &'static [&'static str],
    /// Its names of a process, `#` for the number of that.
    numbered: &'static [&'static str],
}

impl PerProcess {
    /// Whether `argument` asks for this group.
    pub fn is(&self, argument: &str) -> bool {
        argument.strip_suffix(':') == Some(self.group)
    }
}

/// OpenSIPS 2.4 to 4.0, `pt_load.c` and `pt_stats.c`; 1.11 has one name per socket in `load`.
pub const PER_PROCESS: &[PerProcess] = &[
    PerProcess {
        group: "pkmem",
        fixed: &[],
        numbered: &[
            "#-total_size",
            "#-used_size",
            "#-real_used_size",
            "#-max_used_size",
            "#-free_size",
            "#-fragments",
        ],
    },
    PerProcess {
        group: "load",
        fixed: &[
            "load",
            "load1m",
            "load10m",
            "load-all",
            "load1m-all",
            "load10m-all",
            "processes_number",
        ],
        numbered: &["load-proc-#", "load1m-proc-#", "load10m-proc-#"],
    },
];

/// The group of `statistic` and the process that it is of, for one statistic of each process.
pub fn process_in(statistic: &Statistic<'_>) -> Option<(&'static str, usize)> {
    let mut groups = PER_PROCESS.iter();
    let group = groups.find(|of| of.group.as_bytes() == statistic.group)?;
    let (start, end) = group.numbered.first()?.split_once('#')?;
    let number = statistic.name.strip_prefix(start.as_bytes())?;
    let number = number.strip_suffix(end.as_bytes())?;
    Some((group.group, str::from_utf8(number).ok()?.parse().ok()?))
}

/// The element of [`PER_PROCESS`] that `argument` asks for, and its index.
pub fn growing(argument: &str) -> Option<(usize, &'static PerProcess)> {
    let mut groups = PER_PROCESS.iter().enumerate();
    groups.find(|(_, of)| of.is(argument))
}

/// The number of the process in the name of a statistic.
pub fn process_of(name: &str) -> Option<usize> {
    let number = name.trim_matches(|c: char| !c.is_ascii_digit());
    // `load10m-proc-3` has two numbers.
    number
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The names of a group for these processes, and those without one if the first is among them.
pub fn names_in(group: &PerProcess, processes: Range<usize>) -> Vec<String> {
    let fixed = group.fixed.iter().filter(|_| processes.start == 0);
    let fixed: Vec<String> = fixed.map(ToString::to_string).collect();
    let numbered = processes.flat_map(|process| {
        let process = process.to_string();
        let names = group.numbered.iter();
        names.map(move |name| name.replace('#', &process))
    });
    fixed.into_iter().chain(numbered).collect()
}
