//! Reads everything that one scrape wants, in as many requests as it takes.

use std::time::{Duration, Instant};

use super::groups::{GROWING, Groups, may_grow};
use super::names::{PerProcess, Seen, note_seen, process_in};
use super::{Plan, ROOMY, Wanted};
use crate::mi::wire::{Refused, Sink, Statistic, Unparsed};

/// Processes that are asked for beyond the last one that is known, so that new ones are found.
const NEW_PROCESSES: usize = 16;

/// Numbers without a process behind the last one that was seen, after which there are taken to be
/// no more. The numbers have gaps where processes ended.
const LONGEST_GAP: usize = 300;

/// Single groups that may be too large one after the other before anything was read. With more of
/// them the server has no memory, and is not asked on.
const MAX_TOO_LARGE: usize = 2;

/// What one scrape read beside the statistics.
#[derive(Debug, Default)]
pub struct Reading {
    /// The replies that it took.
    pub replies: Replies,
    /// When the server started, if its uptime was read.
    pub started: Option<Instant>,
    /// The processes whose statistics were read.
    pub seen: Seen,
    /// The arguments that were wanted and are too large for one reply, or did not come in time.
    pub left_out: Vec<String>,
    /// Whether the server may still work on one of those.
    pub is_busy: bool,
    /// Whether groups were asked for one by one instead of `all`.
    pub is_by_groups: bool,
    /// Whether groups that the configuration makes may be missing, since nobody told which there
    /// are.
    pub may_lack_groups: bool,
}

/// The replies to the requests of one scrape for statistics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replies {
    /// How many there were.
    pub count: usize,
    /// The size of the largest one, in bytes.
    pub largest: usize,
    /// How long they were waited for.
    pub took: Duration,
}

/// One request for statistics.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The arguments of `get_statistics`.
    pub arguments: &'r [String],
    /// Whether the reply is worth no more than a part of the time of the scrape.
    pub is_risky: bool,
}

/// Sends a request, gives what the reply holds to the sink, and returns the size of the reply in
/// bytes: 0 if the server knows nothing of that.
pub type Ask<'a> = dyn FnMut(Request<'_>, &mut Sink<'_>) -> Result<usize, Refused> + 'a;

/// The time that a scrape has.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// How long it may take in all.
    pub limit: Duration,
    /// Whether something is learnt from what does not come in that time.
    pub is_patient: bool,
}

/// Reads what is `wanted` by these `arguments` of `get_statistics`.
///
/// # Errors
///
/// What `ask` fails with. [`Refused::TooLarge`] if nothing fits: then nothing is learnt, since the
/// server may just have had no memory.
pub fn read(
    plan: &mut Plan,
    groups: &mut Groups,
    wanted: &Wanted,
    arguments: Vec<String>,
    time: Time,
    ask: &mut Ask<'_>,
    sink: &mut Sink<'_>,
) -> Result<Reading, Refused> {
    let mut reader = Reader {
        plan,
        groups,
        is_everything: wanted.is_everything,
        time,
        named: &wanted.named,
        ask,
        sink,
        now: Instant::now(),
        reading: Reading::default(),
        too_large: Vec::new(),
        has_asked_by_names: false,
        statistics: 0,
        bytes: 0,
    };
    let mut result = reader.list(arguments);
    if reader.statistics == 0 && !reader.reading.left_out.is_empty() {
        result = result.and(Err(Refused::TooLarge));
    }
    if !matches!(result, Err(Refused::TooLarge)) {
        reader.learn(result.is_ok());
    }
    result.map(|()| reader.reading)
}

struct Reader<'r, 's, 'k> {
    plan: &'r mut Plan,
    groups: &'r mut Groups,
    is_everything: bool,
    time: Time,
    named: &'r [String],
    ask: &'r mut Ask<'s>,
    sink: &'r mut Sink<'k>,
    now: Instant,
    reading: Reading,
    /// The arguments whose reply was too large.
    too_large: Vec<Vec<String>>,
    has_asked_by_names: bool,
    /// How many statistics were read, and their bytes.
    statistics: usize,
    bytes: usize,
}

impl Reader<'_, '_, '_> {
    /// Reads what `arguments` ask for, in parts if it does not fit into one reply.
    fn list(&mut self, mut arguments: Vec<String>) -> Result<(), Refused> {
        let is_careful = arguments.iter().any(|argument| self.plan.is_risky(argument));
        if arguments == ["all"]
            && (is_careful || !self.plan.may_fit(&arguments, self.is_everything, self.now))
        {
            arguments = self.groups_of_all();
        }
        let is_left_out = |argument: &String| self.plan.is_left_out(argument, self.now);
        let (left_out, arguments): (Vec<_>, Vec<_>) = arguments.into_iter().partition(is_left_out);
        self.reading.left_out.extend(left_out);
        if is_careful {
            let is_risky = |argument: &String| self.plan.is_risky(argument);
            let (growing, others) = arguments.into_iter().partition(is_risky);
            self.list(others)?;
            return self.growing(growing);
        }
        if arguments.is_empty() {
            return Ok(());
        }
        if self.plan.are_too_long(&arguments) {
            return self.halves(&arguments);
        }
        if self.plan.may_fit(&arguments, self.is_everything, self.now) {
            let mut result = self.request(&arguments);
            let fitting = &mut self.plan.fitting;
            let at = fitting.iter().position(|known| *known == arguments);
            let (now, time) = (self.now, self.time);
            let is_slow = || now.elapsed() > time.limit / 4;
            if let (Err(Refused::TooLarge), Some(at), false) = (&result, at, is_slow()) {
                fitting.swap_remove(at);
                // It fitted before, so the reply may be lost.
                result = self.request(&arguments);
            }
            match result {
                Ok(bytes) => {
                    let is_everything = self.is_everything;
                    self.plan.note_fit(&arguments, bytes, is_everything);
                    self.groups.are_all_known |= arguments == ["all"];
                    return Ok(());
                }
                Err(Refused::TooLarge) => {
                    self.too_large.push(arguments.clone());
                    let has_parts = arguments.len() > 1 || arguments == ["all"];
                    if is_slow() && has_parts && arguments.iter().any(|one| may_grow(one)) {
                        self.plan.is_careful = true;
                        return self.list(arguments);
                    }
                }
                // No server has a name of that length.
                Err(Refused::TooLong) if arguments.len() == 1 => return Ok(()),
                Err(Refused::TooLong) => return self.halves(&arguments),
                Err(refused) => {
                    let has_hung = self.time.is_patient && is_timeout(&refused);
                    self.plan.is_careful |= has_hung && arguments.iter().any(|one| may_grow(one));
                    return Err(refused);
                }
            }
        }
        self.parts(arguments)
    }

    /// Reads groups that may grow without end, up to the first that does not come in time: the
    /// server still works on that.
    fn growing(&mut self, groups: Vec<String>) -> Result<(), Refused> {
        let is_last = |group: &String| GROWING.contains(&group.trim_end_matches(':'));
        let (last, first): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_last);
        for group in first.into_iter().chain(last) {
            let arguments = vec![group];
            if !self.reading.is_busy {
                match self.send(Request { arguments: &arguments, is_risky: true }) {
                    Ok(bytes) => {
                        self.plan.note_fit(&arguments, bytes, false);
                        continue;
                    }
                    Err(Refused::TooLarge) => self.too_large.push(arguments.clone()),
                    // What was read shows that the server is alive.
                    Err(refused) if is_timeout(&refused) && self.statistics > 0 => {
                        self.reading.is_busy = true;
                        let learnt = self.time.is_patient.then(|| arguments.clone());
                        self.too_large.extend(learnt);
                    }
                    Err(refused) => return Err(refused),
                }
            }
            self.reading.left_out.extend(arguments);
        }
        self.plan.is_careful &= !self.is_everything || !self.reading.left_out.is_empty();
        Ok(())
    }

    /// Reads `arguments`, which do not fit into one reply.
    fn parts(&mut self, arguments: Vec<String>) -> Result<(), Refused> {
        let arguments = match arguments == ["all"] {
            true => self.groups_of_all(),
            false => arguments,
        };
        let (by_names, others): (Vec<_>, Vec<_>) =
            arguments.into_iter().partition(|argument| self.plan.by_names(argument).is_some());
        match (by_names.is_empty(), others.as_slice()) {
            (true, [argument]) => {
                self.reading.left_out.push(argument.clone());
                return self.check_memory();
            }
            (true, _) => return self.halves(&others),
            (false, []) => {}
            (false, _) => self.list(others)?,
        }
        if by_names.len() > 1 && self.plan.max_request < ROOMY {
            return self.halves(&by_names);
        }
        let groups = by_names.iter().filter_map(|group| PerProcess::of(group));
        self.processes(groups.collect())
    }

    fn halves(&mut self, arguments: &[String]) -> Result<(), Refused> {
        let (first, second) = arguments.split_at(arguments.len() / 2);
        self.list(first.to_vec())?;
        self.list(second.to_vec())
    }

    fn groups_of_all(&mut self) -> Vec<String> {
        self.reading.is_by_groups = true;
        self.groups.arguments(self.named)
    }

    /// Reads `groups` by the names in them.
    fn processes(&mut self, mut groups: Vec<&'static PerProcess>) -> Result<(), Refused> {
        self.has_asked_by_names = true;
        let known = self.plan.last_process;
        let mut count = self.plan.processes(&groups);
        let mut last = None;
        let mut from = 0;
        loop {
            let end = match known {
                Some(known) if last <= Some(known) => known + 1 + NEW_PROCESSES,
                _ => last.map_or(0, |last| last + 1) + LONGEST_GAP,
            };
            if from >= end || groups.is_empty() {
                break;
            }
            let to = end.min(from + count);
            let names = groups.iter().flat_map(|group| group.names(from..to));
            let names: Vec<String> = names.collect();
            let before = std::mem::take(&mut self.reading.seen);
            let result = self.request(&names);
            let seen = std::mem::replace(&mut self.reading.seen, before);
            let bytes = match result {
                Ok(bytes) => bytes,
                Err(Refused::TooLarge | Refused::TooLong) if to - from > 1 => {
                    count = (to - from) / 2;
                    continue;
                }
                Err(Refused::TooLarge) => {
                    let arguments = groups.iter().map(|of| format!("{}:", of.group));
                    self.reading.left_out.extend(arguments);
                    return self.check_memory();
                }
                Err(refused) => return Err(refused),
            };
            let processes = seen.iter().map(|(_, processes)| processes.len()).max().unwrap_or(0);
            self.plan.note_processes(&groups, bytes, processes);
            if from == 0 {
                // Every server that has such names has those of the first processes.
                let has_names =
                    |group: &&PerProcess| seen.iter().any(|(seen, _)| *seen == group.group);
                let (with_names, others): (Vec<_>, Vec<_>) =
                    groups.into_iter().partition(has_names);
                groups = with_names;
                for other in others {
                    self.plan.with_other_names.push(other.group);
                    self.list(vec![format!("{}:", other.group)])?;
                }
            }
            last = seen.iter().flat_map(|(_, processes)| processes).copied().max().max(last);
            for (group, processes) in seen {
                note_seen(&mut self.reading.seen, group, processes);
            }
            from = to;
            count = self.plan.processes(&groups);
        }
        self.plan.last_process = last;
        Ok(())
    }

    fn request(&mut self, arguments: &[String]) -> Result<usize, Refused> {
        self.send(Request { arguments, is_risky: false })
    }

    /// Sends one request, and notes what its reply says of the server. Returns the bytes of the
    /// reply.
    fn send(&mut self, request: Request<'_>) -> Result<usize, Refused> {
        let Reader { groups, sink, reading, statistics, .. } = self;
        // The statistics of a group come together.
        let mut group = Vec::new();
        let mut is_looked_at = true;
        let mut note = |statistic: Result<Statistic<'_>, Unparsed<'_>>| {
            if let Ok(statistic) = &statistic {
                *statistics += 1;
                if group != statistic.group {
                    group.clear();
                    group.extend_from_slice(statistic.group);
                    groups.add(&group);
                    is_looked_at = PerProcess::is_of(&group) || group == b"core";
                }
                if is_looked_at {
                    reading.note(statistic);
                }
            }
            sink(statistic);
        };
        let began = Instant::now();
        let bytes = (self.ask)(request, &mut note)?;
        reading.replies.took += began.elapsed();
        self.bytes += bytes;
        reading.replies.count += 1;
        reading.replies.largest = reading.replies.largest.max(bytes);
        Ok(bytes)
    }

    /// # Errors
    ///
    /// [`Refused::TooLarge`] if nothing was read and the server seems to have room for nothing.
    fn check_memory(&self) -> Result<(), Refused> {
        match self.statistics == 0 && self.reading.left_out.len() >= MAX_TOO_LARGE {
            true => Err(Refused::TooLarge),
            false => Ok(()),
        }
    }

    /// Keeps what was learnt.
    fn learn(&mut self, is_complete: bool) {
        for arguments in std::mem::take(&mut self.too_large) {
            let plan = &mut self.plan;
            plan.note_too_large(arguments, self.is_everything, self.now);
        }
        self.plan.is_by_names |= self.has_asked_by_names;
        if self.is_everything && is_complete {
            self.plan.total = self.bytes;
        }
    }
}

fn is_timeout(refused: &Refused) -> bool {
    matches!(refused, Refused::Error(error) if error.is_timeout())
}

impl Reading {
    /// Notes what `statistic` tells of the server: when it started, or that it has this process.
    fn note(&mut self, statistic: &Statistic<'_>) {
        // The uptime in seconds (OpenSIPS 1.11 to 4.0, `core_stats.c`).
        if statistic.name == b"timestamp" && statistic.group == b"core" {
            self.started = Instant::now().checked_sub(Duration::from_secs(statistic.value));
        }
        if let Some((group, process)) = process_in(statistic) {
            note_seen(&mut self.seen, group, [process]);
        }
    }
}
