//! What a scrape asks for: the `collect[]` values of its URL, checked and made into arguments of
//! `get_statistics`.

use std::collections::HashSet;
use std::fmt;

/// The most bytes that all values of one selection may have together. Far above what anybody types,
/// and a request with it stays far below what a server reads at once (65,457 bytes).
const LIMIT: usize = 4096;

/// Which statistics a scrape is for. Without any term it is for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    /// `core:` selects the group.
    Group(String),
    /// `core` or `rcv_requests` may be a group or a name, only the server knows.
    GroupOrName(String),
    /// `core:rcv_requests` is how the HELP lines spell a statistic, and how no server looks one up.
    /// `whole` may still be a name: `udp:127.0.0.1:5060-load` is one.
    InGroup {
        whole: String,
        group: String,
        name: String,
    },
}

/// Why a value cannot be selected. Its text is a sentence for whoever wrote the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unselectable(String);

impl fmt::Display for Unselectable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Selection {
    /// The selection that the given `collect[]` values make. Empty values do not count, and `all`
    /// selects everything.
    ///
    /// # Errors
    ///
    /// [`Unselectable`] when a value could not reach the server as the one argument that it is: one
    /// with control characters (a newline would be a second argument), double quotes (the server
    /// refuses or strips them) or `::` (what stands before it would be the argument's name), one
    /// without a group before its colon or that is not UTF-8, or more than 4096 bytes in all.
    pub fn parse(values: impl IntoIterator<Item = Vec<u8>>) -> Result<Selection, Unselectable> {
        let mut selection = Selection::default();
        let mut everything = false;
        let mut size = 0;
        for value in values {
            size += value.len();
            if size > LIMIT {
                return Err(Unselectable(format!(
                    "collect[]: the values have more than {LIMIT} bytes in all"
                )));
            }
            let text = check(value)?;
            // The server strips blanks.
            match text.trim_matches(|c: char| c.is_ascii_whitespace()) {
                "" => {}
                "all" => everything = true,
                text => selection.terms.push(Term::new(text)),
            }
        }
        if everything {
            selection.terms.clear();
        }
        Ok(selection)
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The arguments of `get_statistics` that bring what is selected, and little more. Names come
    /// before groups: of a statistic that exists twice in a group the server gives by name the first,
    /// which is dead (`sipcapture`, all versions), and the last one that arrives counts.
    pub fn arguments(&self) -> Vec<String> {
        if self.is_everything() {
            return vec!["all".to_string()];
        }
        let (mut arguments, mut groups) = (Vec::new(), Vec::new());
        for term in &self.terms {
            match term {
                Term::Group(group) => groups.push(format!("{group}:")),
                Term::GroupOrName(word) => {
                    arguments.push(word.clone());
                    groups.push(format!("{word}:"));
                }
                Term::InGroup { whole, group, .. } => {
                    arguments.push(whole.clone());
                    groups.push(format!("{group}:"));
                }
            }
        }
        arguments.append(&mut groups);
        let mut asked = HashSet::new();
        arguments.retain(|argument| asked.insert(argument.clone()));
        arguments
    }

    /// Whether a statistic that the server reported was selected.
    pub fn contains(&self, group: &[u8], name: &[u8]) -> bool {
        // The server, too, takes a group in any case and a name only as it is spelled.
        let is_group = |text: &str| group.eq_ignore_ascii_case(text.as_bytes());
        let is_name = |text: &str| name.trim_ascii() == text.as_bytes().trim_ascii();
        self.is_everything()
            || self.terms.iter().any(|term| match term {
                Term::Group(group) => is_group(group),
                Term::GroupOrName(word) => is_group(word) || is_name(word),
                Term::InGroup { whole, group, name } => {
                    is_name(whole) || (is_group(group) && is_name(name))
                }
            })
    }
}

impl Term {
    fn new(text: &str) -> Term {
        match text.split_once(':') {
            None => Term::GroupOrName(text.to_string()),
            Some((group, "")) => Term::Group(group.to_string()),
            Some((group, name)) => Term::InGroup {
                group: group.to_string(),
                name: name.to_string(),
                whole: text.to_string(),
            },
        }
    }
}

fn check(value: Vec<u8>) -> Result<String, Unselectable> {
    let refuse = |shown: &str, why: &str| {
        Err(Unselectable(format!(
            "collect[]={shown}: {why}; select a group (core:) or a statistic (rcv_requests)"
        )))
    };
    let shown = value.escape_ascii().to_string();
    let Ok(text) = String::from_utf8(value) else {
        return refuse(&shown, "the value is not UTF-8");
    };
    if text.chars().any(char::is_control) {
        return refuse(&shown, "control characters cannot be sent to the server");
    }
    if text.contains('"') {
        return refuse(
            &shown,
            "the server takes no name with a double quote, ask for its group",
        );
    }
    if text.contains("::") {
        return refuse(
            &shown,
            "the server takes no name with two colons, ask for its group",
        );
    }
    if text.starts_with(':') {
        return refuse(&shown, "the name of the group is missing");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Selection, Unselectable> {
        Selection::parse(values.iter().map(|value| value.as_bytes().to_vec()))
    }

    fn arguments(values: &[&str]) -> Option<String> {
        Some(parse(values).ok()?.arguments().join(" "))
    }

    #[test]
    fn no_value_and_all_are_everything() {
        for values in [&[][..], &[""], &["", ""], &["all"], &["core:", "all"]] {
            assert_eq!(arguments(values).as_deref(), Some("all"), "{values:?}");
        }
    }

    #[test]
    fn values_become_what_the_server_can_look_up() {
        for (values, expected) in [
            (&["core:"][..], "core:"),
            (&["core:", "core:", "usrloc:"], "core: usrloc:"),
            (&["core"], "core core:"),
            (&["rcv_requests"], "rcv_requests rcv_requests:"),
            (&["core:rcv_requests"], "core:rcv_requests core:"),
            (&["udp:127.0.0.1:5111-load"], "udp:127.0.0.1:5111-load udp:"),
            (&["positive checks"], "positive checks positive checks:"),
            (
                &[" core: ", "rcv_requests ", " "],
                "rcv_requests core: rcv_requests:",
            ),
            (&["sipcapture:", "x"], "x sipcapture: x:"),
        ] {
            assert_eq!(arguments(values).as_deref(), Some(expected), "{values:?}");
        }
    }

    #[test]
    fn what_was_not_selected_is_not_contained() {
        for (value, group, name, expected) in [
            ("", "core", "rcv_requests", true),
            ("core:", "core", "rcv_requests", true),
            ("CORE:", "core", "rcv_requests", true),
            ("core", "core", "rcv_requests", true),
            ("core:", "tm", "core", false),
            ("rcv_requests", "core", "rcv_requests", true),
            ("RCV_REQUESTS", "core", "rcv_requests", false),
            ("core:rcv_requests", "core", "rcv_requests", true),
            ("core:rcv_requests", "core", "rcv_replies", false),
            ("core:rcv_requests", "script", "rcv_requests", false),
            ("dynamic:dyn user ", "dynamic", "dyn user ", true),
            ("rcv_requests ", "core", "rcv_requests", true),
            ("dynamic: lead", "dynamic", " lead", true),
            (
                "udp:127.0.0.1:5111-load",
                "load",
                "udp:127.0.0.1:5111-load",
                true,
            ),
        ] {
            let contains = parse(&[value]).map(|s| s.contains(group.as_bytes(), name.as_bytes()));
            assert_eq!(contains, Ok(expected), "{value} {group}:{name}");
        }
    }

    #[test]
    fn what_cannot_be_sent_as_one_argument_is_refused() {
        let long = "x".repeat(LIMIT + 1);
        for value in [
            "core:\nall",
            "\n",
            "core\r",
            "a\tb",
            "\0",
            "\x7f",
            "\u{85}",
            "a\"b",
            "a::core:",
            "::",
            ":",
            ":x",
            &long,
        ] {
            assert!(parse(&[value]).is_err(), "{value:?}");
        }
        assert!(Selection::parse([b"\xff".to_vec()]).is_err());
        assert!(parse(&[&long[..LIMIT]]).is_ok());
        assert!(parse(&[&long[..LIMIT], "x"]).is_err());
    }
}
