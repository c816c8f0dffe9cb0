//! How to ask for everything in the fewest requests when it does not fit into one reply.
//!
//! A server has a buffer for its reply and sends nothing of one that is larger. The groups that grow with
//! its processes can be asked for by names, which it tells nowhere in pieces; they follow from the numbers
//! of the processes. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Statistic;
use super::per_process::{PER_PROCESS, PerProcess, names_in, process_in, process_of};
use super::processes::Seen;

/// Bytes of statistics that fit into a reply of OpenSIPS 2.1 and later (seen: 65,415 in 3.6, 65,447 in 2.4).
const CAPACITY: usize = 65_400;

/// The same for 1.x (seen: 32,733 in 1.11).
const CAPACITY_OF_1: usize = 32_700;

/// Bytes of a request that every server reads at once.
const REQUEST: usize = 60_000;

/// Processes that are asked for at once as long as nothing is known of their number. Their private memory
/// fills most of the smallest buffer.
const PROCESSES: usize = 128;

/// Requests for processes to which nothing came, after which there are taken to be no more. The numbers have
/// gaps where processes ended.
const EMPTY: usize = 3;

/// The least that is believed of a server's buffer, in bytes.
const LEAST_CAPACITY: usize = 16_000;

/// Processes that are asked for beyond the last one that is known, so that new ones are found.
const NEW_PROCESSES: usize = 16;

/// Scrapes after which what could be asked for in no way is tried again: it may have become smaller. At one
/// scrape every 15 s it is an hour.
const RETRY: u32 = 240;

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

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    kind: PieceKind,
    /// The request of the plan that it is a part of.
    origin: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PieceKind {
    Arguments(Vec<String>),
    /// So many processes of an element of [`PER_PROCESS`], from this one on, behind so many requests to which
    /// nothing came.
    Processes {
        of: usize,
        from: usize,
        count: usize,
        empty: usize,
    },
}

/// Processes from a number on, of which nothing is known.
fn processes(of: usize, from: usize) -> PieceKind {
    PieceKind::Processes {
        of,
        from,
        count: PROCESSES,
        empty: 0,
    }
}

impl Piece {
    /// The arguments of `get_statistics`.
    pub fn arguments(&self) -> Vec<String> {
        match &self.kind {
            PieceKind::Arguments(arguments) => arguments.clone(),
            PieceKind::Processes {
                of, from, count, ..
            } => {
                let group = PER_PROCESS.get(*of);
                group.map_or_else(Vec::new, |group| names_in(group, *from..from + count))
            }
        }
    }

    /// What is to be asked for next after the server knew something of this, or nothing.
    pub fn next(&self, is_known: bool) -> Option<Piece> {
        let PieceKind::Processes {
            of,
            from,
            count,
            empty,
        } = self.kind
        else {
            return None;
        };
        let empty = if is_known { 0 } else { empty + 1 };
        (empty < EMPTY).then(|| {
            self.with(PieceKind::Processes {
                of,
                from: from + count,
                count,
                empty,
            })
        })
    }

    /// The group of which this asks for the first processes, which every server with such names has.
    pub fn first_of(&self) -> Option<String> {
        match self.kind {
            PieceKind::Processes { of, from: 0, .. } => {
                Some(format!("{}:", PER_PROCESS.get(of)?.group))
            }
            _ => None,
        }
    }

    fn with(&self, kind: PieceKind) -> Piece {
        Piece {
            kind,
            origin: self.origin,
        }
    }
}

/// What is known of the size of a server's replies.
#[derive(Debug)]
pub struct Layout {
    /// Bytes of statistics that fit into one reply.
    capacity: usize,
    /// What was in the groups when everything did not fit, each name with its bytes.
    groups: BTreeMap<String, BTreeMap<String, usize>>,
    /// Arguments whose replies are too large, until all of their parts were read in one scrape.
    too_large: BTreeSet<String>,
    /// Arguments whose replies are too large and cannot be asked for in parts.
    hopeless: BTreeSet<String>,
    /// Plans that were made without them.
    plans: u32,
}

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
        {
            self.others.insert(group.to_string());
        }
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
    groups: BTreeMap<String, BTreeMap<String, usize>>,
    /// Bytes by the request of the plan that brought them.
    sizes: BTreeMap<usize, usize>,
    /// The requests of the plan that did not fit.
    too_large: Vec<usize>,
    /// Whether something is not in it that was asked for.
    pub is_incomplete: bool,
    /// When the server started, if it was asked for that.
    pub started: Option<Instant>,
    seen: Seen,
}

impl Census {
    /// Notes that `piece` brought `statistic`.
    pub fn add(&mut self, piece: &Piece, statistic: &Statistic<'_>) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let digits = statistic.value.checked_ilog10().unwrap_or(0) as usize + 1;
        // `group:name:: value` and a newline, or `"group:name":value,`.
        let size = statistic.group.len() + statistic.name.len() + digits + 5;
        *self.sizes.entry(piece.origin).or_default() += size;
        self.groups
            .entry(text(statistic.group))
            .or_default()
            .insert(text(statistic.name), size);
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
        seen.values_mut()
            .for_each(|processes| processes.sort_unstable());
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

impl Layout {
    /// Nothing is known but the server's version, if that.
    pub fn new(version: &str) -> Self {
        Layout {
            capacity: if version.starts_with("OpenSIPS (1.") {
                CAPACITY_OF_1
            } else {
                CAPACITY
            },
            groups: BTreeMap::new(),
            too_large: BTreeSet::new(),
            hopeless: BTreeSet::new(),
            plans: 0,
        }
    }

    /// Notes that `arguments` can be asked for in no way.
    pub fn give_up(&mut self, arguments: Vec<String>) {
        self.hopeless.extend(arguments);
    }

    /// What can be asked for in no way.
    pub fn hopeless(&self) -> &BTreeSet<String> {
        &self.hopeless
    }

    /// The requests for processes beyond those of the plan, when the last ones of it are there.
    pub fn beyond(&self, census: &Census) -> Vec<Piece> {
        let pieces = PER_PROCESS.iter().enumerate().filter_map(|(of, group)| {
            let known = last_process(self.groups.get(group.group)?)?;
            let seen = last_process(census.groups.get(group.group)?)?;
            (self.is_named(group.group) && seen > known).then(|| Piece {
                kind: processes(of, known + 1 + NEW_PROCESSES),
                // Nothing is learnt from its size, since it is not in the plan.
                origin: usize::MAX,
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
        !self.groups.is_empty() || self.too_large.contains("all")
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
    pub fn plan(&mut self, arguments: Vec<String>, groups: &Groups) -> Vec<Piece> {
        if !self.hopeless.is_empty() {
            self.plans += 1;
            if self.plans > RETRY {
                self.plans = 0;
                self.hopeless.clear();
            }
        }
        let requests = if self.is_split() {
            self.pack(arguments, groups)
        } else {
            vec![PieceKind::Arguments(arguments)]
        };
        let pieces = requests.into_iter().enumerate();
        pieces
            .map(|(origin, kind)| Piece { kind, origin })
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

    /// Learns from a scrape whose requests asked for groups, or for everything.
    pub fn learn(&mut self, census: Census, is_everything: bool) {
        let is_complete = !census.is_incomplete;
        for origin in &census.too_large {
            let size = census.sizes.get(origin).copied().unwrap_or(0);
            if (LEAST_CAPACITY..=self.usable()).contains(&size) && is_complete {
                self.capacity = (size - size / 4).max(LEAST_CAPACITY);
            }
        }
        if !census.too_large.is_empty() || self.is_split() {
            self.groups.extend(census.groups);
        }
        if is_complete && is_everything {
            self.too_large.clear();
        }
        let size: usize = self.groups.values().flat_map(BTreeMap::values).sum();
        let is_known = is_complete && self.hopeless.is_empty() && self.too_large.is_empty();
        if is_known && size <= self.usable() {
            self.groups.clear();
        }
    }

    /// Forgets what did not fit.
    pub fn forget(&mut self) {
        self.groups.clear();
        self.too_large.clear();
        self.hopeless.clear();
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

/// The element of [`PER_PROCESS`] that `argument` asks for, and its index.
fn growing(argument: &str) -> Option<(usize, &'static PerProcess)> {
    let mut groups = PER_PROCESS.iter().enumerate();
    groups.find(|(_, of)| of.is(argument))
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
