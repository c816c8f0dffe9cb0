//! The line protocol of OpenSIPS 1.x and 2.x: requests to bytes, replies from bytes, no I/O.
//!
//! A reply is a status line `CODE REASON` and then a line for each statistic,
//! `group:name:: value` since 1.11, `group:name = value` up to 1.10. The tips of 2.2 and 2.4 end
//! it with an empty line (OpenSIPS, `modules/mi_datagram/mi_datagram_writer.c`).

use std::iter;

use memchr::memchr;

use super::tree::{Content, Tree};
use super::{Statistic, Unparsed};
use crate::mi::error::Error;

/// Digits of the largest number. With fewer of them none is too large.
const DIGITS: usize = 20;

/// The datagram that calls `command` with `arguments`, which must not hold a newline.
pub fn request(command: &str, arguments: &[String]) -> Vec<u8> {
    let mut request = format!(":{command}:\n").into_bytes();
    for argument in arguments {
        request.extend_from_slice(argument.as_bytes());
        request.push(b'\n');
    }
    request
}

/// The code and the reason in the status line of `reply`.
pub fn status(reply: &[u8]) -> Option<(u16, &[u8])> {
    let line = reply.split(|&byte| byte == b'\n').next()?;
    let (code, reason) = line.split_at_checked(3)?;
    let code = parse_number(code)?;
    let reason = reason.strip_prefix(b" ")?;
    Some((u16::try_from(code).ok()?, reason))
}

/// Checks that `reply` is whole and says 200.
///
/// # Errors
///
/// [`Error::Answered`] for another code, [`Error::Unintelligible`] when there is no status line,
/// [`Error::Truncated`] when the last line is not ended: every version ends its replies of code
/// 200 with a newline, and half a number is another number.
pub fn check(reply: &[u8]) -> Result<(), Error> {
    let (code, reason) = status(reply).ok_or_else(|| unintelligible(reply))?;
    if code != 200 {
        return Err(Error::Answered { code: i64::from(code), reason: printable(reason) });
    }
    if reply.last() != Some(&b'\n') {
        return Err(Error::Truncated { bytes: reply.len() });
    }
    Ok(())
}

/// That `reply` starts like nothing that is known.
pub fn unintelligible(reply: &[u8]) -> Error {
    let start = reply.split(|&byte| byte == b'\n').next();
    Error::Unintelligible { start: printable(start.unwrap_or_default()) }
}

/// The statistics of a reply that passed [`check`], in its order.
pub fn statistics(reply: &[u8]) -> impl Iterator<Item = Result<Statistic<'_>, Unparsed<'_>>> {
    lines(reply)
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| parse_statistic(line).ok_or(Unparsed(line)))
}

/// Adds the nodes behind the status line of `reply` to `tree`, in an object, each a member of its
/// name.
///
/// A line is a node, `name:: value attribute=value`, and those that stand further to the right
/// below it are its children (OpenSIPS 1.11 and 2.4, `modules/mi_datagram/mi_datagram_writer.c`).
/// How far is a parameter of the module, `reply_indent`.
///
/// A node with neither attributes nor children is its value. Another one has its value as a member
/// of its own name, its attributes and then its children. Nothing quotes an attribute, and both
/// names and values may hold spaces: they are told apart by `attributes`, the names in any order.
pub fn add_nodes<'t>(reply: &'t str, attributes: &[&str], tree: &mut Tree<'t>) {
    let lines = reply.lines().skip(1);
    let mut lines = lines.filter(|line| !line.trim().is_empty()).peekable();
    // The objects that are not complete, each with how far those in it are indented at least.
    let mut open = vec![(0, tree.push("".into()))];
    let close = |(_, at): (usize, usize), tree: &mut Tree<'t>| {
        let below = tree.len().saturating_sub(at + 1);
        tree.set(at, Some(Content::Members(below)));
    };
    while let Some(line) = lines.next() {
        let indent = indent_of(line);
        while let Some(object) = open.pop_if(|(least, _)| *least > indent) {
            close(object, tree);
        }
        let line = line.trim_start();
        let (name, rest) = line.split_once("::").unwrap_or((line, ""));
        let fields = fields(name, rest, attributes);
        let has_children = lines.peek().is_some_and(|next| indent_of(next) > indent);
        if has_children || fields.len() > 1 {
            open.push((indent + 1, tree.push(name.into())));
        }
        for (name, value) in fields {
            let at = tree.push(name.into());
            tree.set(at, Some(Content::Text(value.into())));
        }
    }
    for object in open.into_iter().rev() {
        close(object, tree);
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The value of the node `name` and its attributes, which are what follows the colons.
fn fields<'t>(
    mut name: &'t str,
    mut rest: &'t str,
    attributes: &[&str],
) -> Vec<(&'t str, &'t str)> {
    let mut fields: Vec<(&str, &str)> = Vec::new();
    loop {
        // None stands twice on a line: the last one may be free text.
        let is_new = |attribute: &str| fields.iter().all(|(known, _)| *known != attribute);
        let others = attributes.iter().filter(|attribute| is_new(attribute) && name != **attribute);
        let found = others.filter_map(|attribute| {
            rest.match_indices(attribute).find_map(|(at, attribute)| {
                let before = rest.get(..at)?.strip_suffix(' ')?;
                let after = rest.get(at + attribute.len()..)?.strip_prefix('=')?;
                Some((before, attribute, after))
            })
        });
        let Some((before, attribute, after)) = found.min_by_key(|(before, ..)| before.len()) else {
            break;
        };
        fields.push((name, before.trim()));
        (name, rest) = (attribute, after);
    }
    fields.push((name, rest.trim()));
    fields
}

/// The lines of `text`, without the newlines that end them.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    iter::from_fn(move || {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        (!line.is_empty() || !behind.is_empty()).then_some(line)
    })
}

/// Parses `group:name:: value` or `group:name = value`.
///
/// The value is what follows the last space, and what stands before that space tells the spelling.
/// So a name may itself hold spaces, ` = ` and `:: `. The group ends at the first colon.
pub fn parse_statistic(line: &[u8]) -> Option<Statistic<'_>> {
    let mut start = line;
    let (mut value, mut unit) = (0_u64, 1_u64);
    while let [before @ .., digit @ b'0'..=b'9'] = start {
        value = value.wrapping_add(unit.wrapping_mul(u64::from(digit - b'0')));
        unit = unit.wrapping_mul(10);
        start = before;
    }
    let (_, digits) = line.split_at_checked(start.len())?;
    if digits.is_empty() || digits.len() >= DIGITS {
        value = parse_number(digits)?;
    }
    let key = start.strip_suffix(b":: ").or_else(|| start.strip_suffix(b" = "))?;
    let (group, name) = parse_key(key)?;
    Some(Statistic { group, name, value })
}

/// The group and the name in `group:name`.
pub fn parse_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = key.iter().position(|&byte| byte == b':')?;
    let (group, name) = key.split_at(colon);
    let name = name.get(1..)?;
    (!group.is_empty() && !name.is_empty()).then_some((group, name))
}

/// A number of nothing but decimal digits.
pub fn parse_number(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(digits).ok().filter(|_| is_number)?;
    digits.parse().ok()
}

/// As much of `bytes` as fits into a log line, with what is not plain text escaped.
pub fn printable(bytes: &[u8]) -> String {
    const LIMIT: usize = 60;
    match bytes.split_at_checked(LIMIT) {
        Some((start, _)) => format!("{}...", start.escape_ascii()),
        None => bytes.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mi::wire::Value;

    fn parsed(line: &str) -> Option<(&str, &str, u64)> {
        let statistic = parse_statistic(line.as_bytes())?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some((text(statistic.group)?, text(statistic.name)?, statistic.value))
    }

    #[test]
    fn both_spellings_are_read() {
        let expected = Some(("core", "rcv_requests", 364));
        assert_eq!(parsed("core:rcv_requests:: 364"), expected);
        assert_eq!(parsed("core:rcv_requests = 364"), expected);
    }

    #[test]
    fn names_may_hold_what_separates() {
        for name in [
            "positive checks",
            "udp:[2001:DB8:0:0:0:0:0:1]:5060-load",
            "custom=equals",
            "a = b",
            "odd a:: 77",
            "trailing ",
            ":leading",
            "custom\"quote",
            "tab\there",
            "ünï",
        ] {
            for separator in ["::", " ="] {
                let line = format!("dynamic:{name}{separator} 7");
                assert_eq!(parsed(&line), Some(("dynamic", name, 7)), "{line}");
            }
        }
    }

    #[test]
    fn values_are_unsigned_64_bit_numbers() {
        assert_eq!(
            parsed("dynamic:dyn_neg:: 18446744073709551610"),
            Some(("dynamic", "dyn_neg", 18_446_744_073_709_551_610))
        );
        for value in ["18446744073709551616", "-1", "1.5", "1e3", "0x1", "", "٣"] {
            assert_eq!(parsed(&format!("core:x:: {value}")), None, "{value}");
        }
    }

    #[test]
    fn what_is_no_statistic_is_refused() {
        for line in [
            "",
            " ",
            "::",
            "core:x",
            "core:x::1",
            "x:: 1",
            ":x:: 1",
            "core::: 1",
            "core:x: 1",
            "= 1",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn a_bad_line_does_not_cost_the_rest() {
        let reply = b"200 OK\ncore:a:: 1\nrubbish\ncore:b:: 2\n\n";
        assert!(check(reply).is_ok());
        let lines: Vec<_> = statistics(reply).map(|line| line.map(|s| s.value)).collect();
        assert_eq!(lines, [Ok(1), Err(Unparsed(b"rubbish")), Ok(2)]);
    }

    #[test]
    fn the_status_line_decides() {
        let error = |reply: &[u8]| check(reply).err().map(|error| format!("{error:?}"));
        assert_eq!(error(b"200 OK\n"), None);
        assert_eq!(error(b"200 OK\ncore:a:: 1\n\n"), None);
        for (reply, expected) in [
            (
                &b"404 Statistics Not Found\n\n"[..],
                "Answered { code: 404, reason: \"Statistics Not Found\" }",
            ),
            (b"400 Parse_error", "Answered { code: 400, reason: \"Parse_error\" }"),
            (b"200 OK", "Truncated { bytes: 6 }"),
            (b"200 OK\ncore:a:: 12", "Truncated { bytes: 18 }"),
            (b"", "Unintelligible { start: \"\" }"),
            (b"20", "Unintelligible { start: \"20\" }"),
            (b"2000 OK\n", "Unintelligible { start: \"2000 OK\" }"),
            (b"\x00\xff\n", "Unintelligible { start: \"\\\\x00\\\\xff\" }"),
            (b"core:a:: 1\n", "Unintelligible { start: \"core:a:: 1\" }"),
        ] {
            assert_eq!(error(reply).as_deref(), Some(expected));
        }
        assert!(matches!(
            check(&[b'x'; 500]),
            Err(Error::Unintelligible { start }) if start.len() == 63
        ));
    }

    #[test]
    fn a_request_is_the_command_and_a_line_for_each_argument() {
        let arguments = ["core:".to_string(), "positive checks".to_string()];
        assert_eq!(
            request("get_statistics", &arguments),
            b":get_statistics:\ncore:\npositive checks\n"
        );
    }

    /// The tree in short: `name(value){members}`.
    fn shown(value: &Value<'_>) -> String {
        match value.text() {
            Some(text) => format!("({text})"),
            None => {
                let members = value.values();
                let members = members.map(|value| format!("{}{}", value.name(), shown(&value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn nodes_have_values_attributes_and_children() {
        for (reply, expected) in [
            ("200 OK\n", "{}"),
            ("200 OK\n\n", "{}"),
            ("200 OK\nwhich\nps\n", "{which() ps()}"),
            ("200 OK\nattr:: attr:with colon\n", "{attr(attr:with colon)}"),
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
            for attributes in
                [["ID", "IP", "State", "Hop", "Text"], ["Text", "Hop", "State", "IP", "ID"]]
            {
                let mut tree = Tree::new(reply.as_bytes(), reply);
                add_nodes(reply, &attributes, &mut tree);
                let root = tree.root().map(|root| shown(&root)).unwrap_or_default();
                assert_eq!(root, expected, "{reply:?}");
            }
        }
    }
}
