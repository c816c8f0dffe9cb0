//! Which statistics the server calls incremental: the command `list_statistics` of OpenSIPS 2.1 and later.
//! No I/O.
//!
//! It goes by the flags of a statistic alone. What the script decreases is incremental all the same, unless
//! it was declared with `/no_reset` (OpenSIPS 3.6, `statistics.c` and `modules/statistics`).

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::dialect::{Dialect, Refused, check_lines, result};
use super::json::{self, Value};
use super::line;

/// Scrapes in which the server is asked for the kinds of a group in vain, before it is taken to tell none.
const PATIENCE: u32 = 3;

/// The most names that are remembered.
const MAX_KNOWN: usize = 50_000;

/// What a server says of a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// That it is incremental.
    Incremental,
    /// That it is not, or nothing although it says so of others.
    NotIncremental,
    /// Nothing, as of all others.
    Nothing,
    /// It did not answer yet.
    NoAnswer,
}

/// The kinds of the statistics of one server, as far as it was asked.
#[derive(Debug, Default)]
pub struct Kinds {
    /// By `group:name`: whether it is incremental, or `None` if the server would not say so.
    known: HashMap<Vec<u8>, Option<bool>, RandomState>,
    /// Whether it said so of any.
    speaks: bool,
    /// Groups of which it said nothing when it was asked, and in how many scrapes.
    silent: HashMap<String, u32, RandomState>,
}

impl Kinds {
    /// Whether the server said of `key`, a `group:name`, what it will.
    pub fn is_known(&self, key: &[u8]) -> bool {
        self.known.contains_key(key)
    }

    /// What it said of `key`.
    pub fn said(&self, key: &[u8]) -> Said {
        match self.known.get(key) {
            None => Said::NoAnswer,
            Some(Some(true)) => Said::Incremental,
            Some(Some(false)) => Said::NotIncremental,
            Some(None) if self.speaks => Said::NotIncremental,
            Some(None) => Said::Nothing,
        }
    }

    /// Notes what the server said. What was noted before stays.
    pub fn note(&mut self, key: &[u8], is_incremental: Option<bool>) {
        self.speaks |= is_incremental.is_some();
        if !self.is_known(key) {
            self.known.insert(key.to_vec(), is_incremental);
        }
    }

    /// Notes that it said nothing of `group`, and returns whether it never will: an answer may be late or lost,
    /// and the server may have no memory for a moment.
    pub fn note_silence(&mut self, group: &str) -> bool {
        let scrapes = self.silent.entry(group.to_string()).or_default();
        *scrapes += 1;
        *scrapes >= PATIENCE
    }

    /// Forgets all but `keys` if there are too many: the script may make and drop names without end.
    pub fn make_room(&mut self, keys: &[&[u8]]) {
        if self.known.len() > MAX_KNOWN {
            self.silent.clear();
            let keys: HashSet<&[u8], RandomState> = keys.iter().copied().collect();
            self.known.retain(|key, _| keys.contains(key.as_slice()));
        }
    }
}

/// The request for the kinds of the statistics in groups with their colons, or of all for none. Kamailio has no
/// such command.
pub fn request(dialect: Dialect, groups: &[String], id: u32) -> Vec<u8> {
    let parameters = match groups {
        [] => String::new(),
        _ => format!("[{}]", json::array(groups)),
    };
    match dialect {
        Dialect::Line => line::request("list_statistics", groups),
        _ => json::request("list_statistics", &parameters, id),
    }
}

/// Gives to `sink` each `group:name` of a reply, and whether it is incremental.
///
/// # Errors
///
/// Why the reply says nothing of it, see [`Refused`].
pub fn read(
    dialect: Dialect,
    reply: &[u8],
    id: u32,
    mut sink: impl FnMut(&[u8], bool),
) -> Result<(), Refused> {
    let mut note = |key: &[u8], kind: &[u8]| match kind {
        b"incremental" => sink(key, true),
        b"non-incremental" => sink(key, false),
        _ => {}
    };
    if dialect == Dialect::Line {
        check_lines(reply)?;
        for line in reply.split(|&byte| byte == b'\n').skip(1) {
            let space = line.iter().rposition(|&byte| byte == b' ');
            let (key, kind) = line.split_at(space.unwrap_or(0));
            if let Some(key) = key.strip_suffix(b"::") {
                note(key, kind.trim_ascii());
            }
        }
        return Ok(());
    }
    let text = json::text(reply);
    if let Value::Members(members) = result(reply, &text, id)? {
        for (key, value) in members {
            if let Value::Text(kind) = value {
                note(key.as_bytes(), kind.as_bytes());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(dialect: Dialect, reply: &str) -> Option<Vec<(String, bool)>> {
        let mut kinds = Vec::new();
        let note = |key: &[u8], is_incremental| {
            kinds.push((String::from_utf8_lossy(key).into_owned(), is_incremental));
        };
        read(dialect, reply.as_bytes(), 7, note).ok()?;
        Some(kinds)
    }

    #[test]
    fn both_dialects_are_read() {
        let expected = vec![
            ("core:timestamp".to_string(), false),
            ("script:a b:: c".to_string(), true),
        ];
        let lines =
            "200 OK\ncore:timestamp:: non-incremental\nscript:a b:: c:: incremental\nodd\n\n";
        assert_eq!(kinds(Dialect::Line, lines), Some(expected.clone()));
        let json = r#"{"result":{"core:timestamp":"non-incremental","x:y":1,"x:z":"?","script:a b:: c":"incremental"},"id":7}"#;
        assert_eq!(kinds(Dialect::JsonRpc, json), Some(expected));
        assert_eq!(kinds(Dialect::Line, "500 command not available\n"), None);
        assert_eq!(
            kinds(Dialect::JsonRpc, r#"{"error":{"code":-32601},"id":7}"#),
            None
        );
    }

    #[test]
    fn what_was_noted_first_stays() {
        let mut kinds = Kinds::default();
        assert_eq!(kinds.said(b"a:b"), Said::NoAnswer);
        kinds.note(b"a:b", None);
        assert_eq!(kinds.said(b"a:b"), Said::Nothing);
        kinds.note(b"a:c", Some(true));
        kinds.note(b"a:d", Some(false));
        kinds.note(b"a:b", Some(true));
        assert_eq!(kinds.said(b"a:b"), Said::NotIncremental);
        assert_eq!(kinds.said(b"a:c"), Said::Incremental);
        assert_eq!(kinds.said(b"a:d"), Said::NotIncremental);
    }

    #[test]
    fn names_without_end_are_not_remembered() {
        let mut kinds = Kinds::default();
        for number in 0..3 * MAX_KNOWN {
            let key = format!("dynamic:{number}");
            kinds.make_room(&[b"dynamic:0"]);
            kinds.note(key.as_bytes(), Some(true));
        }
        assert!(kinds.known.len() <= MAX_KNOWN + 1);
        assert!(kinds.is_known(b"dynamic:0"));
    }
}
