//! Replies as trees: the nodes of the line protocol become the values that JSON has. No I/O.
//!
//! A line is a node, `name:: value attribute=value`, and those that stand further to the right below it are its
//! children (OpenSIPS 1.11 and 2.4, `modules/mi_datagram/mi_datagram_writer.c`). How far is a parameter of the
//! module, `reply_indent`.

use std::borrow::Cow;
use std::iter::Peekable;

use super::Refused;
use super::dialect::{Dialect, check_lines, result};
use super::json::{self, Value};

/// Gives the tree of a reply to `take`, in JSON its result. `attributes` are for [`read`].
///
/// # Errors
///
/// Why there is none, see [`Refused`].
pub fn of<T>(
    dialect: Dialect,
    reply: &[u8],
    id: u32,
    attributes: &[&'static str],
    take: impl FnOnce(&Value<'_>) -> T,
) -> Result<T, Refused> {
    if dialect == Dialect::Line {
        check_lines(reply)?;
        let text = json::utf8(reply, "\\x");
        return Ok(take(&read(&text, attributes)));
    }
    let text = json::text(reply);
    Ok(take(&result(reply, &text, id)?))
}

/// The nodes of `reply` behind its status line, each a member of its name.
///
/// A node with neither attributes nor children is its value. Another one has its value as a member of its own
/// name, its attributes and then its children. Nothing quotes an attribute, and both names and values may hold
/// spaces: they are told apart by `attributes`, the names in the order in which the server prints them.
fn read<'r>(reply: &'r str, attributes: &[&'static str]) -> Value<'r> {
    let lines = reply.lines().skip(1).filter(|line| !line.trim().is_empty());
    Value::Members(nodes(&mut lines.peekable(), 0, attributes))
}

/// The nodes of the next lines, as long as these are indented by so much.
fn nodes<'r>(
    lines: &mut Peekable<impl Iterator<Item = &'r str>>,
    indent: usize,
    attributes: &[&'static str],
) -> Vec<(Cow<'r, str>, Value<'r>)> {
    let mut nodes = Vec::new();
    while let Some(line) = lines.next_if(|line| indent_of(line) >= indent) {
        let own = indent_of(line);
        let line = line.trim_start();
        let (name, rest) = line.split_once("::").unwrap_or((line, ""));
        let mut members = members(name, rest, attributes);
        if lines.peek().is_some_and(|next| indent_of(next) > own) {
            members.extend(self::nodes(lines, own + 1, attributes));
        }
        let value = match members.pop() {
            Some((_, value)) if members.is_empty() => value,
            last => {
                members.extend(last);
                Value::Members(members)
            }
        };
        nodes.push((name.into(), value));
    }
    nodes
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The value of the node `name` and its attributes, which are what follows the colons.
fn members<'r>(
    name: &'r str,
    text: &'r str,
    attributes: &[&'static str],
) -> Vec<(Cow<'r, str>, Value<'r>)> {
    let mut members = Vec::new();
    let (mut name, mut rest) = (Cow::Borrowed(name), text);
    for attribute in attributes {
        let found = rest.match_indices(attribute).find_map(|(at, _)| {
            let before = rest.get(..at)?.strip_suffix(' ')?;
            let after = rest.get(at + attribute.len()..)?.strip_prefix('=')?;
            Some((before, after))
        });
        if let Some((before, after)) = found {
            let name = std::mem::replace(&mut name, Cow::Borrowed(attribute));
            members.push((name, Value::Text(before.trim().into())));
            rest = after;
        }
    }
    members.push((name, Value::Text(rest.trim().into())));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in short: `name(value){members}`.
    fn shown(value: &Value<'_>) -> String {
        match value {
            Value::Text(text) => format!("({text})"),
            Value::Members(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| format!("{name}{}", shown(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn nodes_have_values_attributes_and_children() {
        for (reply, expected) in [
            ("200 OK\n", "{}"),
            ("200 OK\n\n", "{}"),
            ("200 OK\nwhich\nps\n", "{which() ps()}"),
            (
                "200 OK\nattr:: attr:with colon\n",
                "{attr(attr:with colon)}",
            ),
            (
                "200 OK\nID:: gw4 IP=127.0.0.1:7098 State=Disabled MI\nID:: x\n",
                "{ID{ID(gw4) IP(127.0.0.1:7098) State(Disabled MI)} ID(x)}",
            ),
            (
                "200 OK\nNode:: 2 ID=-1 State=Down    Hop=none Text=free ID=1 State=Up\n",
                "{Node{Node(2) ID(-1) State(Down) Hop(none) Text(free ID=1 State=Up)}}",
            ),
            (
                "200 OK\nSET:: 2\n\tURI:: sip:a State=Active\n\t\tattr:: A\n\tURI:: b\nSET:: 1\n\n",
                "{SET{SET(2) URI{URI(sip:a) State(Active) attr(A)} URI(b)} SET(1)}",
            ),
            (
                "200 OK\nA:: 1\n    B:: 2\n        C:: 3\n  D:: 4\nE:: 5\n",
                "{A{A(1) B{B(2) C(3)} D(4)} E(5)}",
            ),
            ("200 OK\nP::  ID=0 State=\n", "{P{P() ID(0) State()}}"),
            ("200 OK\n\tA:: 1\nB:: State=x\n", "{A(1) B{B() State(x)}}"),
        ] {
            let attributes = ["ID", "IP", "State", "Hop", "Text"];
            assert_eq!(shown(&read(reply, &attributes)), expected, "{reply:?}");
        }
    }
}
