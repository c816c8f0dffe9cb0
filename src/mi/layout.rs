//! How to ask for everything in the fewest requests when it does not fit into one reply.
//!
//! A server has a buffer for its reply and sends nothing of one that is larger. The groups that grow with
//! its processes can be asked for by names, which it tells nowhere in pieces; they follow from the numbers
//! of the processes. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::census::{Census, Groups};
use super::per_process::{PER_PROCESS, PerProcess, growing, names_in, process_of};
use super::piece::{Piece, PieceKind, processes};

/// Bytes of statistics that fit into a reply of OpenSIPS 2.1 and later (seen: 65,415 in 3.6, 65,447 in 2.4).
const CAPACITY: usize = 65_400;

/// The same for 1.x (seen: 32,733 in 1.11).
const CAPACITY_OF_1: usize = 32_700;

/// Bytes of a request that every server reads at once.
const REQUEST: usize = 60_000;

/// The least that is believed of a server's buffer, in bytes.
const LEAST_CAPACITY: usize = 16_000;

/// Processes that are asked for beyond the last one that is known, so that new ones are found.
const NEW_PROCESSES: usize = 16;

/// Scrapes after which what could be asked for in no way is tried again: it may have become smaller. At one
/// scrape every 15 s it is an hour.
const RETRY: u32 = 240;

/// Scrapes one after the other in which a group has to be too large to be taken for that.
const SUSPICIOUS: u32 = 3;

/// The origin of requests that are not in the plan. Nothing is learnt from the sizes of their replies.
const NOT_PLANNED: usize = usize::MAX;

/// What is known of the size of a server's replies.
#[derive(Debug)]
pub struct Layout {
    /// Bytes of statistics that fit into one reply.
    capacity: usize,
    /// What was in the groups when everything did not fit, each name with its bytes.
    groups: BTreeMap<String, BTreeMap<String, usize>>,
    /// Arguments whose replies are too large, until all of their parts were read in one scrape.
    too_large: BTreeSet<String>,
    /// Groups that were too large and could not be asked for in parts, and in how many scrapes.
    suspects: BTreeMap<String, u32>,
    /// Those that are not asked for any more.
    hopeless: BTreeSet<String>,
    /// What the capacity was taken to be at first.
    first_capacity: usize,
    /// Plans for everything since less than that was asked for.
    plans: u32,
}

/// Groups, with their colons, that a server can neither tell in one reply nor in parts. Its text is one line: what
/// happened, to what, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeSet<String>);

impl LeftOut {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `group`, without its colon, is one of them.
    pub fn holds(&self, group: &str) -> bool {
        let mut groups = self.0.iter().filter_map(|group| group.strip_suffix(':'));
        groups.any(|of| of.eq_ignore_ascii_case(group))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left out of the page, each too large for one reply of the server:")?;
        for group in &self.0 {
            write!(f, " {group}")?;
        }
        f.write_str(" raise socket_buf_size of mi_datagram (OpenSIPS 4.0), or buf_size of httpd with mi_http")
    }
}

impl Layout {
    /// Nothing is known but the server's version, if that.
    pub fn new(version: &str) -> Self {
        let capacity = if version.starts_with("OpenSIPS (1.") {
            CAPACITY_OF_1
        } else {
            CAPACITY
        };
        Layout {
            capacity,
            first_capacity: capacity,
            groups: BTreeMap::new(),
            too_large: BTreeSet::new(),
            suspects: BTreeMap::new(),
            hopeless: BTreeSet::new(),
            plans: 0,
        }
    }

    /// Notes that of `arguments` these groups were too large and cannot be asked for in parts. After some
    /// scrapes of which that is true they are not asked for any more: before, it may be a bad moment of the
    /// server.
    pub fn give_up(&mut self, groups: Vec<String>, arguments: &[String]) {
        let is_everything = arguments.iter().any(|argument| argument == "all");
        let is_asked_for = |group: &String| is_everything || arguments.contains(group);
        self.suspects
            .retain(|group, _| groups.contains(group) || !is_asked_for(group));
        for group in groups {
            let scrapes = self.suspects.entry(group.clone()).or_default();
            *scrapes += 1;
            if *scrapes >= SUSPICIOUS {
                self.hopeless.insert(group);
            }
        }
    }

    /// Whether something of `arguments` can be asked for in no way.
    pub fn is_left_out(&self, arguments: &[String]) -> bool {
        arguments
            .iter()
            .any(|argument| self.hopeless.contains(argument))
    }

    /// Bytes of statistics that fit into one reply.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What can be asked for in no way.
    pub fn hopeless(&self) -> LeftOut {
        LeftOut(self.hopeless.clone())
    }

    /// What could not be asked for when it was tried last.
    pub fn left_out(&self) -> LeftOut {
        LeftOut(
            self.suspects
                .keys()
                .chain(&self.hopeless)
                .cloned()
                .collect(),
        )
    }

    /// The requests for processes beyond those of the plan, when the last ones of it are there.
    pub fn beyond(&self, census: &Census) -> Vec<Piece> {
        let pieces = PER_PROCESS.iter().enumerate().filter_map(|(of, group)| {
            let known = last_process(self.groups.get(group.group)?)?;
            let seen = last_process(census.groups.get(group.group)?)?;
            (self.is_named(group.group) && seen > known).then(|| Piece {
                kind: processes(of, known + 1 + NEW_PROCESSES),
                origin: NOT_PLANNED,
                is_second: false,
            })
        });
        pieces.collect()
    }

    /// Whether a group is asked for by its names.
    fn is_named(&self, group: &str) -> bool {
        let names = self.groups.get(group);
        names.is_some_and(|names| names.values().sum::<usize>() > self.usable())
    }

    /// Whether everything did not fit into one reply.
    pub fn is_split(&self) -> bool {
        !self.groups.is_empty() || !self.too_large.is_empty()
    }

    /// Whether `piece` was put together by what is known, so that it should fit.
    pub fn is_known(&self, piece: &Piece) -> bool {
        let PieceKind::Arguments(arguments) = &piece.kind else {
            return false;
        };
        let mut growing = arguments.iter().filter_map(|argument| growing(argument));
        growing.all(|(_, of)| self.groups.contains_key(of.group))
    }

    /// The requests that ask for `arguments`, as few as will do.
    pub fn plan(
        &mut self,
        arguments: Vec<String>,
        is_everything: bool,
        groups: &Groups,
    ) -> Vec<Piece> {
        let is_limited = !self.hopeless.is_empty() || self.capacity < self.first_capacity;
        if is_limited && (is_everything || self.is_left_out(&arguments)) {
            self.plans += 1;
            if self.plans > RETRY {
                self.plans = 0;
                self.hopeless.clear();
                self.suspects.clear();
                self.capacity = self.first_capacity;
            }
        }
        let requests = if self.is_split() {
            self.pack(arguments, groups)
        } else {
            vec![PieceKind::Arguments(arguments)]
        };
        let pieces = requests.into_iter().enumerate();
        pieces
            .map(|(origin, kind)| Piece {
                kind,
                origin,
                is_second: false,
            })
            .collect()
    }

    /// The parts of `piece`, which was too large for one reply. Empty when there are none.
    pub fn parts(&mut self, piece: &Piece, groups: &Groups, census: &mut Census) -> Vec<Piece> {
        census.too_large.push(piece.origin);
        let parts = match &piece.kind {
            PieceKind::Processes { count: 1, .. } => Vec::new(),
            // What follows is asked for in the same steps.
            PieceKind::Processes {
                of,
                from,
                count,
                empty,
            } => vec![PieceKind::Processes {
                of: *of,
                from: *from,
                count: count / 2,
                empty: *empty,
            }],
            PieceKind::Arguments(arguments) => match arguments.as_slice() {
                [argument] if argument == "all" || growing(argument).is_some() => {
                    self.too_large.insert(argument.clone());
                    self.pack(arguments.clone(), groups)
                }
                [_] => Vec::new(),
                _ => match self.pack(arguments.clone(), groups) {
                    requests if requests.len() > 1 => requests,
                    _ => {
                        let (first, second) = arguments.split_at(arguments.len() / 2);
                        [first, second]
                            .map(|half| PieceKind::Arguments(half.to_vec()))
                            .into()
                    }
                },
            },
        };
        parts.into_iter().map(|kind| piece.with(kind)).collect()
    }

    /// Learns from a scrape that asked for `arguments`.
    pub fn learn(&mut self, census: Census, arguments: &[String], is_everything: bool) {
        let is_complete = !census.is_incomplete;
        for origin in &census.too_large {
            let size = census.sizes.get(origin).copied().unwrap_or(0);
            let is_smaller = (LEAST_CAPACITY..=self.usable()).contains(&size);
            if is_complete && is_smaller && *origin != NOT_PLANNED {
                self.capacity = (size - size / 4).max(LEAST_CAPACITY);
            }
        }
        let is_asked_for = |argument: &String| is_everything || arguments.contains(argument);
        if !census.too_large.is_empty() || self.is_split() {
            // Single names tell nothing of their groups.
            for (group, names) in census.groups {
                if is_asked_for(&format!("{group}:")) {
                    let known = self.groups.entry(group).or_default();
                    if is_complete {
                        known.clear();
                    }
                    known.extend(names);
                }
            }
        }
        if is_complete {
            self.too_large.retain(|argument| !is_asked_for(argument));
        }
        let size: usize = self.groups.values().flat_map(BTreeMap::values).sum();
        let is_known = is_complete && self.hopeless.is_empty() && self.too_large.is_empty();
        if is_known && size <= self.usable() {
            self.groups.clear();
        }
    }

    /// The capacity, less what the frame of a reply takes and numbers grow.
    fn usable(&self) -> usize {
        self.capacity - self.capacity / 32
    }

    /// Puts what `arguments` bring into as few requests as possible: first the names of groups that are too
    /// large for one, then the groups, the largest first, where there is room. Groups that may be large and
    /// were not read yet come last, each by itself.
    fn pack(&self, arguments: Vec<String>, groups: &Groups) -> Vec<PieceKind> {
        let mut requests: Vec<Request> = Vec::new();
        let mut whole: Vec<(usize, String)> = Vec::new();
        let mut unread: Vec<PieceKind> = Vec::new();
        let arguments = arguments.into_iter().flat_map(|argument| {
            if argument == "all" {
                groups.arguments().collect()
            } else {
                vec![argument]
            }
        });
        for argument in arguments.filter(|argument| !self.hopeless.contains(argument)) {
            let group = argument.strip_suffix(':').unwrap_or_default();
            let names = self.groups.get(group);
            match (growing(&argument), names) {
                (Some((of, _)), _) if self.too_large.contains(&argument) => {
                    unread.push(processes(of, 0));
                }
                (Some(_), None) => unread.push(PieceKind::Arguments(vec![argument])),
                (Some((_, of)), Some(names)) if self.is_named(group) => {
                    for (name, size) in names_of(of, names) {
                        self.put(requests.len().saturating_sub(1), name, size, &mut requests);
                    }
                }
                (_, names) => {
                    let size = names.map_or(0, |names| names.values().sum());
                    whole.push((size, argument));
                }
            }
        }
        // Stable, so that names come before groups where nothing is known of either.
        whole.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        for (size, argument) in whole {
            self.put(0, argument, size, &mut requests);
        }
        let requests = requests.into_iter();
        let requests = requests.map(|request| PieceKind::Arguments(request.arguments));
        requests.chain(unread).collect()
    }

    /// Adds `argument`, which brings `size` bytes, to the first request from `first` on that has room.
    fn put(&self, first: usize, argument: String, size: usize, requests: &mut Vec<Request>) {
        let own = argument.len() + 3;
        let room = requests.iter_mut().skip(first).find(|request| {
            request.reply + size <= self.usable() && request.bytes + own <= REQUEST
        });
        match room {
            Some(request) => {
                request.reply += size;
                request.bytes += own;
                request.arguments.push(argument);
            }
            None => requests.push(Request {
                arguments: vec![argument],
                bytes: own,
                reply: size,
            }),
        }
    }
}

/// A request that is being put together.
struct Request {
    arguments: Vec<String>,
    /// Its size.
    bytes: usize,
    /// The size of the reply to it.
    reply: usize,
}

/// The largest number of a process in these names.
fn last_process(names: &BTreeMap<String, usize>) -> Option<usize> {
    names.keys().filter_map(|name| process_of(name)).max()
}

/// The names of a group with their sizes: of all processes up to some beyond the last one that is known.
fn names_of(of: &PerProcess, known: &BTreeMap<String, usize>) -> Vec<(String, usize)> {
    let last = last_process(known).unwrap_or(0);
    let average = known.values().sum::<usize>() / known.len().max(1);
    let names = names_in(of, 0..last + 1 + NEW_PROCESSES);
    let sized = names.into_iter().map(|name| {
        let is_new = process_of(&name).is_some_and(|process| process > last);
        let unknown = if is_new { average } else { 0 };
        let size = known.get(&name).copied().unwrap_or(unknown);
        (name, size)
    });
    sized.collect()
}
