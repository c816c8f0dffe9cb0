//! Which statistics the server calls incremental: the command `list_statistics` of OpenSIPS 2.1 and later.
//! No I/O.
//!
//! It goes by the flags of a statistic alone. What the script decreases is incremental all the same, unless
//! it was declared with `/no_reset` (OpenSIPS 3.6, `statistics.c` and `modules/statistics`).

use std::collections::HashMap;

use super::dialect::{Dialect, Refused, check_lines, result};
use super::json::{self, Value};
use super::line;

/// The kinds of the statistics of one server, as far as it was asked.
#[derive(Debug, Default)]
pub struct Kinds {
    /// By `group:name`: whether it is incremental, or `None` if the server did not say so when it was asked.
    known: HashMap<Vec<u8>, Option<bool>>,
    /// Whether it was asked once in vain. Then it is not asked again.
    pub is_mute: bool,
}

impl Kinds {
    /// Whether `key`, a `group:name`, was asked for already.
    pub fn is_known(&self, key: &[u8]) -> bool {
        self.known.contains_key(key)
    }

    /// Whether the statistic `key` is incremental, if that is known.
    pub fn is_incremental(&self, key: &[u8]) -> Option<bool> {
        self.known.get(key).copied().flatten()
    }

    /// Whether the server says such things.
    pub fn is_empty(&self) -> bool {
        !self.known.values().any(Option::is_some)
    }

    /// Notes what the server said. What was noted before stays.
    pub fn note(&mut self, key: &[u8], is_incremental: Option<bool>) {
        if !self.is_known(key) {
            self.known.insert(key.to_vec(), is_incremental);
        }
    }
}

/// The request for the kinds of the statistics in groups with their colons, or of all for none. `None` if the
/// server has no such command: Kamailio has not.
pub fn request(dialect: Dialect, groups: &[String], id: u32) -> Option<Vec<u8>> {
    let parameters = match groups {
        [] => String::new(),
        _ => format!("[{}]", json::array(groups)),
    };
    match dialect {
        Dialect::Line => Some(line::request("list_statistics", groups)),
        Dialect::JsonRpc => Some(json::request("list_statistics", &parameters, id)),
        Dialect::Kamailio => None,
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
        assert_eq!(request(Dialect::Kamailio, &[], 1), None);
    }

    #[test]
    fn what_was_noted_first_stays() {
        let mut kinds = Kinds::default();
        kinds.note(b"a:b", None);
        kinds.note(b"a:b", Some(true));
        assert_eq!(kinds.is_incremental(b"a:b"), None);
        assert!(kinds.is_known(b"a:b") && kinds.is_empty());
        kinds.note(b"a:c", Some(false));
        assert!(!kinds.is_empty());
    }
}
