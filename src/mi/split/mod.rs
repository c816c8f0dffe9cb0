//! How to ask for everything in few requests when it does not fit into one reply. No I/O.
//!
//! A server has a buffer for its reply and sends nothing of one that is larger. Then the groups are
//! asked for in one request, which is halved as long as it is too large, but for those that grow
//! with the processes: they are asked for by names, as many as the last reply says that will fit.

mod groups;
mod names;
mod reader;

use std::time::Instant;

use super::retry::Retry;
pub use groups::Groups;
use names::PerProcess;
pub use names::{Seen, groups_of_processes};
pub use reader::{Reading, Request, Time, read};

/// Bytes of a request for statistics beside its arguments, in the longest dialect.
const FRAME: usize = 100;

/// Bytes of a request from which on it has room for the names of many processes.
const ROOMY: usize = 10_000;

/// Processes that are asked for at first. Their private memory fills most of the smallest buffer.
const FIRST_PROCESSES: usize = 100;

/// The most lists of arguments of which it is remembered that they fit, or that they do not.
const MAX_LISTS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Each is `all`, a group with its colon (`core:`) or a plain name (`rcv_requests`).
    pub arguments: Vec<String>,
    /// Groups without colons that `all` does not mean.
    pub excluded: Vec<String>,
    /// Groups without colons that the operator names beside `all`.
    pub named: Vec<String>,
    /// Whether this is what every scrape without a selection asks for.
    pub is_everything: bool,
}

/// What is known of the size of a server's replies.
#[derive(Debug)]
pub struct Plan {
    /// Bytes that fit into one reply: what is known of the version, or more if that was seen.
    capacity: usize,
    /// Bytes of a request that the server takes.
    max_request: usize,
    /// The arguments that were answered in one reply. If they once are not, that reply was perhaps
    /// only lost, and they are asked for once more.
    fitting: Vec<Vec<String>>,
    /// The arguments whose reply was too large, or did not come in time.
    too_large: Retry<Vec<String>>,
    /// Whether groups that may grow without end are asked for one by one after all others, since
    /// something with them in it took long: a server works on such a group for seconds before it
    /// finds that it does not fit.
    is_careful: bool,
    /// Whether groups of processes are asked for by names.
    is_by_names: bool,
    /// Groups of processes whose names are others than those that are known.
    with_other_names: Vec<&'static str>,
    /// The bytes of everything when it was read in parts last.
    total: usize,
    /// The last process that was seen.
    last_process: Option<usize>,
    /// Bytes for each process, by the groups that were asked for.
    bytes_per_process: Vec<(Vec<&'static str>, usize)>,
}

impl Plan {
    /// A plan for a server that takes requests of at most `max_request` bytes, and whose replies
    /// have at most `capacity` bytes.
    pub fn new(capacity: usize, max_request: usize) -> Self {
        Plan {
            capacity,
            max_request,
            fitting: Vec::new(),
            too_large: Retry::default(),
            is_careful: false,
            is_by_names: false,
            with_other_names: Vec::new(),
            total: 0,
            last_process: None,
            bytes_per_process: Vec::new(),
        }
    }

    /// Bytes that fit into one reply.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The capacity, less what the frame of a reply takes and what numbers grow.
    fn usable(&self) -> usize {
        self.capacity - self.capacity / 24
    }

    /// Whether `argument` was too large by itself and has no parts, and the pause after that is not
    /// over.
    fn is_left_out(&self, argument: &str, now: Instant) -> bool {
        let is_named = self.by_names(argument).is_some();
        !is_named && !self.too_large.may_ask([argument.to_string()].as_slice(), now)
    }

    /// Whether a reply to `argument` may not come in time: it asks for a group that may grow
    /// without end and that was too large by itself before, or did not come in time.
    fn is_risky(&self, argument: &str) -> bool {
        let is_in = |failed: &Vec<String>| match failed.as_slice() {
            [failed] => failed == argument || argument == "all" && groups::may_grow(failed),
            _ => false,
        };
        groups::may_grow(argument) && (self.is_careful || self.too_large.failed().any(is_in))
    }

    /// Whether `arguments` may fit into one reply. `is_everything` says that they are all that is
    /// asked for.
    fn may_fit(&self, arguments: &[String], is_everything: bool, now: Instant) -> bool {
        let has_processes =
            arguments.iter().any(|argument| argument == "all" || self.by_names(argument).is_some());
        let is_too_many =
            self.is_by_names && has_processes && !(is_everything && self.total <= self.usable());
        !is_too_many && self.too_large.may_ask(arguments, now)
    }

    /// Whether `arguments` make a request that is too long for the server.
    fn are_too_long(&self, arguments: &[String]) -> bool {
        let bytes: usize = arguments.iter().map(|argument| argument.len() + 3).sum();
        arguments.len() > 1 && bytes + FRAME > self.max_request
    }

    /// The group of processes that `argument` asks for, if it can be asked for by names.
    fn by_names(&self, argument: &str) -> Option<&'static PerProcess> {
        let group = PerProcess::of(argument)?;
        (!self.with_other_names.contains(&group.group)).then_some(group)
    }

    /// How many processes of `groups` fit into one request and one reply.
    fn processes(&self, groups: &[&PerProcess]) -> usize {
        let first = &(self.usable() / FIRST_PROCESSES);
        let mut known = self.bytes_per_process.iter();
        let names = names_of(groups);
        let reply = known.find(|(known, _)| *known == names).map_or(first, |(_, bytes)| bytes);
        let last = self.last_process.unwrap_or(9999);
        let names = groups.iter().flat_map(|group| group.names(last..last + 1));
        let request: usize = names.map(|name| name.len() + 3).sum();
        let most = (self.max_request - FRAME) / request.max(1);
        (self.usable() / reply.max(&1)).min(most).max(1)
    }

    /// Notes that a reply of so many bytes held this many processes of `groups`.
    fn note_processes(&mut self, groups: &[&PerProcess], bytes: usize, processes: usize) {
        if processes == 0 {
            return;
        }
        let (names, bytes) = (names_of(groups), bytes.div_ceil(processes));
        let mut known = self.bytes_per_process.iter_mut();
        match known.find(|(known, _)| *known == names) {
            Some((_, most)) => *most = bytes.max(*most),
            None => self.bytes_per_process.push((names, bytes)),
        }
    }

    /// Notes that `arguments` were answered in one reply of so many bytes.
    fn note_fit(&mut self, arguments: &[String], bytes: usize, is_everything: bool) {
        self.capacity = self.capacity.max(bytes);
        self.too_large.note_success(arguments);
        for argument in arguments {
            self.too_large.note_success(std::slice::from_ref(argument));
            self.is_by_names &= argument != "all" && self.by_names(argument).is_none();
        }
        let is_known = self.fitting.iter().any(|known| known == arguments);
        if !is_known && (is_everything || self.fitting.len() < MAX_LISTS) {
            self.fitting.push(arguments.to_vec());
        }
    }

    /// Notes that the reply to `arguments` was too large. Of the lists that strangers can think of,
    /// a bounded number is remembered.
    fn note_too_large(&mut self, arguments: Vec<String>, is_everything: bool, now: Instant) {
        if self.too_large.failed().len() >= MAX_LISTS {
            self.too_large.forget_over(now);
        }
        if is_everything || self.too_large.failed().len() < MAX_LISTS {
            self.too_large.note_failure(arguments, now);
        }
    }
}

fn names_of(groups: &[&PerProcess]) -> Vec<&'static str> {
    groups.iter().map(|group| group.group).collect()
}
