//! One request for statistics, and what follows it when its reply is there or does not fit. No I/O.

use super::per_process::{PER_PROCESS, names_in};

/// Processes that are asked for at once as long as nothing is known of their number. Their private memory
/// fills most of the smallest buffer.
const PROCESSES: usize = 128;

/// Requests for processes to which nothing came, after which there are taken to be no more. The numbers have
/// gaps where processes ended.
const EMPTY: usize = 3;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it asks for.
    pub kind: PieceKind,
    /// The request of the plan that it is a part of.
    pub origin: usize,
    /// Whether it is asked for the second time.
    pub is_second: bool,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PieceKind {
    /// These arguments of `get_statistics`.
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
pub fn processes(of: usize, from: usize) -> PieceKind {
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

    /// This once more, since a reply may be lost. Not a third time.
    pub fn again(&self) -> Option<Piece> {
        let mut second = self.clone();
        second.is_second = true;
        (!self.is_second).then_some(second)
    }

    /// The one group that this asks for, with its colon.
    pub fn group(&self) -> Option<String> {
        match &self.kind {
            PieceKind::Arguments(arguments) => match arguments.as_slice() {
                [argument] if argument.ends_with(':') => Some(argument.clone()),
                _ => None,
            },
            PieceKind::Processes { .. } => None,
        }
    }

    /// A part of this.
    pub fn with(&self, kind: PieceKind) -> Piece {
        Piece {
            kind,
            origin: self.origin,
            is_second: false,
        }
    }
}
