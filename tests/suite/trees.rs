//! Replies to commands as trees: those of real servers find room when they are large, and none is
//! too deep.

use std::fs;

use crate::support::fixture;
use opensips_exporter::mi::{Content, Dialect, Refused, Value};

/// Bytes of the largest replies that are known. Those of Kamailio have most values for their size.
const LARGE: usize = 4 << 20;
const LARGE_OF_KAMAILIO: usize = 3 << 20;

/// How many values are in a reply to a command, in one another or not.
fn count(dialect: Dialect, reply: &[u8]) -> Result<usize, Refused> {
    fn below(value: &Value<'_>) -> usize {
        1 + value.values().map(|value| below(&value)).sum::<usize>()
    }
    dialect.read_tree(reply, 7, &["State", "ID"], below)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// A reply that says so often what the captured one says.
fn repeated(dialect: Dialect, reply: &[u8], times: usize) -> Vec<u8> {
    if dialect == Dialect::Line {
        let end = find(reply, b"\n").expect("a status line");
        let (status, lines) = reply.split_at(end + 1);
        return [status, lines.repeat(times).as_slice()].concat();
    }
    let reply: serde_json::Value = serde_json::from_slice(reply).expect("JSON");
    let result = reply["result"].to_string();
    let results = vec![result; times].join(",");
    format!("{{\"jsonrpc\":\"2.0\",\"result\":[{results}],\"id\":7}}").into_bytes()
}

/// Of each version the reply with the most values for its size.
#[test]
fn large_replies_of_real_servers_find_room() {
    for (version, dialect) in [
        ("1.11", Dialect::Line),
        ("2.4", Dialect::Line),
        ("3.6", Dialect::JsonRpc),
        ("4.0", Dialect::JsonRpc),
        ("kamailio-5.6", Dialect::Kamailio),
        ("kamailio-6.1", Dialect::Kamailio),
    ] {
        let large = match dialect {
            Dialect::Kamailio => LARGE_OF_KAMAILIO,
            _ => LARGE,
        };
        let files = fs::read_dir(fixture(version)).expect("captures").flatten();
        let names = files.map(|file| file.file_name().into_string().expect("a name"));
        let names = names.filter(|name| name.starts_with("cmd_") && name.ends_with(".reply"));
        let replies = names.filter_map(|name| {
            let reply = fs::read(fixture(&format!("{version}/{name}"))).expect("a capture");
            let is_right = reply.starts_with(b"200") || find(&reply, b"\"result\"").is_some();
            let one = is_right.then(|| repeated(dialect, &reply, 1))?;
            let values = count(dialect, &one).expect("a tree");
            Some((values * 1000 / one.len(), values, one.len(), reply, name))
        });
        let (_, values, bytes, reply, name) = replies.max().expect("a reply");
        let times = large / bytes;
        let all = count(dialect, &repeated(dialect, &reply, times));
        assert_eq!(all.ok(), Some((values - 1) * times + 1), "{version} {name}");
    }
}

#[test]
fn nothing_is_too_deep() {
    const DEPTH: usize = 6000;
    let line = |level| format!("{}x:: 1\n", " ".repeat(level));
    let lines: String = (0..DEPTH).map(line).collect();
    let depth = Dialect::Line.read_tree(format!("200 OK\n{lines}").as_bytes(), 7, &[], |root| {
        let mut depth = 0;
        let mut value = *root;
        while let Some(below) = value.values().last() {
            value = below;
            depth += 1;
        }
        assert!(matches!(value.content(), Content::Text(_)));
        depth
    });
    assert_eq!(depth.ok(), Some(DEPTH));

    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let json = |depth: usize| {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            format!("{{\"result\":{open}1{close},\"id\":7}}")
        };
        assert_eq!(count(Dialect::JsonRpc, json(64).as_bytes()).ok(), Some(65));
        assert!(count(Dialect::JsonRpc, json(100_000).as_bytes()).is_err());
    }
}
