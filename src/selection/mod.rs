//! What a scrape asks for: the `collect[]` values of its URL, checked, within what the operator
//! lets be collected, and made into arguments of `get_statistics`.

mod argument;
mod scope;

use std::sync::Arc;

use crate::mi::Wanted;
use crate::sorted;
pub use argument::Unselectable;
use argument::check;
pub use scope::Scope;

/// The most bytes that all values of one selection may have together. Far above what anybody types,
/// and a request with it stays far below what a server reads at once (65,457 bytes).
const LIMIT: usize = 4096;

/// Which statistics a scrape is for. Without any term it is for all in its scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    terms: Vec<Term>,
    scope: Arc<Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    /// `core:` selects the group.
    Group(String),
    /// `core` or `rcv_requests` may be a group or a name, only the server knows.
    GroupOrName(String),
    /// `core:rcv_requests` is how the HELP lines spell a statistic, and how no server looks one up.
    /// `whole` may still be a name: `udp:127.0.0.1:5060-load` is one.
    InGroup { whole: String, group: String, name: String },
}

impl Selection {
    /// The selection that the given `collect[]` values make within `scope`. Empty values do not
    /// count, and `all` selects everything.
    ///
    /// # Errors
    ///
    /// [`Unselectable`] when a value could not reach the server as the one argument that it is: one
    /// with control characters (a newline would be a second argument), double quotes (the server
    /// refuses or strips them) or `::` (what stands before it would be the argument's name), one
    /// without a group before its colon or that is not UTF-8, or more than 4096 bytes in all; and
    /// when it is a group out of scope.
    pub fn parse(
        values: impl IntoIterator<Item = Vec<u8>>,
        scope: &Arc<Scope>,
    ) -> Result<Selection, Unselectable> {
        let mut selection = Selection { terms: Vec::new(), scope: Arc::clone(scope) };
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
                text => selection.terms.push(Term::new(text, scope)?),
            }
        }
        if everything {
            selection.terms.clear();
        }
        Ok(selection)
    }

    /// Everything in `scope`.
    pub fn of(scope: Scope) -> Selection {
        Selection { terms: Vec::new(), scope: Arc::new(scope) }
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the server must have statistics for it. Groups that the operator names may come
    /// later, or have commands alone.
    pub fn needs_statistics(&self) -> bool {
        self.is_everything() && self.scope.only.is_empty()
    }

    /// What `get_statistics` has to be asked for to bring what is selected, and little more. Names
    /// come before groups: of a statistic that exists twice in a group the server gives by name the
    /// first, which is dead (`sipcapture`, all versions), and the last one that arrives counts.
    pub fn wanted(&self) -> Wanted {
        // In order, since what was too large is remembered by the list.
        let (mut arguments, mut groups) = (Vec::new(), Vec::new());
        if self.is_everything() {
            let only = self.scope.only.iter();
            let only = only.filter(|group| self.scope.allows(group.as_bytes()));
            only.for_each(|group| sorted::add(argument(group), &mut groups));
            if groups.is_empty() {
                groups.push("all".to_string());
            }
        }
        for term in &self.terms {
            match term {
                Term::Group(group) => sorted::add(argument(group), &mut groups),
                Term::GroupOrName(word) => {
                    sorted::add(word.clone(), &mut arguments);
                    if self.scope.allows(word.as_bytes()) {
                        sorted::add(argument(word), &mut groups);
                    }
                }
                Term::InGroup { whole, group, .. } => {
                    sorted::add(whole.clone(), &mut arguments);
                    if self.scope.allows(group.as_bytes()) {
                        sorted::add(argument(group), &mut groups);
                    }
                }
            }
        }
        arguments.append(&mut groups);
        Wanted {
            arguments,
            excluded: self.scope.excluded.clone(),
            named: self.scope.named().map(str::to_string).collect(),
            is_everything: self.is_everything(),
        }
    }

    /// Whether the whole `group` is selected.
    pub fn has_group(&self, group: &str) -> bool {
        let mut terms = self.terms.iter();
        let is_term = |term: &Term| match term {
            Term::Group(word) | Term::GroupOrName(word) => word.eq_ignore_ascii_case(group),
            Term::InGroup { .. } => false,
        };
        self.scope.allows(group.as_bytes()) && (self.is_everything() || terms.any(is_term))
    }

    /// Whether a statistic that the server reported was selected.
    pub fn contains(&self, group: &[u8], name: &[u8]) -> bool {
        // The server, too, takes a group in any case and a name only as it is spelled.
        let is_group = |text: &str| group.eq_ignore_ascii_case(text.as_bytes());
        let is_name = |text: &str| name.trim_ascii() == text.as_bytes().trim_ascii();
        let mut terms = self.terms.iter();
        let is_selected = self.is_everything()
            || terms.any(|term| match term {
                Term::Group(group) => is_group(group),
                Term::GroupOrName(word) => is_group(word) || is_name(word),
                Term::InGroup { whole, group, name } => {
                    is_name(whole) || (is_group(group) && is_name(name))
                }
            });
        is_selected && self.scope.allows(group)
    }
}

impl Term {
    /// What `text` selects. A word that is no group in scope may still be a name in one.
    fn new(text: &str, scope: &Scope) -> Result<Term, Unselectable> {
        let (group, term) = match text.split_once(':') {
            None => (text, Term::GroupOrName(text.to_string())),
            Some((group, "")) => (group, Term::Group(group.to_string())),
            Some((group, name)) => {
                let in_group = Term::InGroup {
                    group: group.to_string(),
                    name: name.to_string(),
                    whole: text.to_string(),
                };
                (group, in_group)
            }
        };
        let is_out = match term {
            Term::Group(_) => !scope.allows(group.as_bytes()),
            _ => scope.excludes(group.as_bytes()),
        };
        if is_out {
            let how = match scope.is_off_by_default(group.as_bytes()) {
                true => format!("start it with --collect=all,{group}"),
                false => "see --collect and --exclude".to_string(),
            };
            return Err(Unselectable(format!(
                "collect[]={text}: the group {group} is not collected by this exporter, {how}"
            )));
        }
        Ok(term)
    }
}

/// The argument that asks for `group`. Servers take groups in any case, and have lower case
/// themselves.
fn argument(group: &str) -> String {
    format!("{}:", group.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Selection, Unselectable> {
        parse_in(&Scope::default(), values)
    }

    fn parse_in(scope: &Scope, values: &[&str]) -> Result<Selection, Unselectable> {
        let values = values.iter().map(|value| value.as_bytes().to_vec());
        Selection::parse(values, &Arc::new(scope.clone()))
    }

    fn arguments(values: &[&str]) -> Option<String> {
        Some(parse(values).ok()?.wanted().arguments.join(" "))
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
            (&[" core: ", "rcv_requests ", " "], "rcv_requests core: rcv_requests:"),
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
            ("udp:127.0.0.1:5111-load", "load", "udp:127.0.0.1:5111-load", true),
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
        assert!(Selection::parse([b"\xff".to_vec()], &Arc::default()).is_err());
        assert!(parse(&[&long[..LIMIT]]).is_ok());
        assert!(parse(&[&long[..LIMIT], "x"]).is_err());
    }

    #[test]
    fn what_is_out_of_scope_is_neither_asked_for_nor_contained() {
        let scope = |only: &str, excluded: &str| {
            let groups = |text: &str| match text {
                "" => Ok(Vec::new()),
                _ => Scope::parse_groups(text),
            };
            Ok::<_, String>(Scope {
                only: groups(only)?,
                added: Vec::new(),
                excluded: groups(excluded)?,
            })
        };
        for (only, excluded, value, expected) in [
            ("", "pkmem,load:", "", Some("all")),
            ("", "pkmem", "core:", Some("core:")),
            ("", "pkmem", "PKMEM:", None),
            ("", "pkmem", "pkmem", None),
            ("", "pkmem", "pkmem:0-used_size", None),
            ("core, tm", "", "", Some("core: tm:")),
            ("core, tm", "", "all", Some("core: tm:")),
            ("core, tm", "tm", "", Some("core:")),
            ("core", "", "tm:", None),
            ("core", "", "rcv_requests", Some("rcv_requests")),
            ("load", "", "udp:127.0.0.1:5060-load", Some("udp:127.0.0.1:5060-load")),
            ("core", "", "core", Some("core core:")),
        ] {
            let scope = scope(only, excluded).unwrap_or_default();
            let selection = parse_in(&scope, &[value]);
            let arguments = selection.map(|selection| selection.wanted().arguments.join(" "));
            assert_eq!(arguments.ok().as_deref(), expected, "{only} {excluded} {value}");
        }
        let scope = scope("core", "").unwrap_or_default();
        let everything = parse_in(&scope, &[]).unwrap_or_default();
        assert!(everything.contains(b"CORE", b"x") && everything.has_group("core"));
        assert!(!everything.contains(b"tm", b"x") && !everything.has_group("tm"));
    }

    #[test]
    fn a_list_of_groups_holds_groups() {
        for text in ["", ",", "core,", "core:x", "a\"b", "a\nb", ":", "all", "core,all"] {
            assert!(Scope::parse_groups(text).is_err(), "{text:?}");
        }
    }
}
