//! What is fuzzed, and what has to hold of every input.

use std::fs;
use std::path::Path;

use opensips_exporter::exposition;
use opensips_exporter::gate::request::{self, Head, MAX_HEAD};
use opensips_exporter::mi::{Content, Dialect, Refused, Statistic, Unparsed, Value, line};
use opensips_exporter::processors::state::Parts;
use opensips_exporter::processors::{Collection, Mapping, PROCESSORS, StateMapping};
use opensips_exporter::selection::{Scope, Selection};

use crate::fuzz;
use crate::page::Page;

/// The id that captured replies are given.
const ID: u32 = 7;

const DIALECTS: [Dialect; 3] = [Dialect::Line, Dialect::JsonRpc, Dialect::Kamailio];

/// The captured replies whose names begin with `start`, as if the id of the request was [`ID`].
fn captured(start: &str) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for version in ["1.11", "2.4", "3.6", "4.0", "kamailio-5.6", "kamailio-6.1"] {
        let files = fs::read_dir(fixtures.join(version)).expect("captures");
        paths.extend(files.flatten().map(|file| file.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(start) && name.ends_with(".reply")
        }));
    }
    // The order of a directory is any.
    paths.sort();
    let mut replies = Vec::new();
    for path in paths {
        let mut reply = fs::read(path).expect("a capture");
        let id = b"\"id\":";
        if let Some(at) = reply.windows(id.len()).rposition(|part| part == id) {
            reply.truncate(at);
            reply.extend_from_slice(format!("\"id\":{ID}}}").as_bytes());
        }
        replies.push(reply);
    }
    assert!(!replies.is_empty());
    replies
}

/// How many statistics of a reply and how many other parts of it are given away, and whether it is
/// taken for a reply to the request with this id.
fn read(dialect: Dialect, reply: &[u8], id: u32) -> (usize, usize, Result<(), Refused>) {
    let (mut statistics, mut others) = (0, 0);
    let result = dialect.read_statistics(reply, id, &mut |part| match part {
        Ok(_) => statistics += 1,
        Err(_) => others += 1,
    });
    (statistics, others, result)
}

/// Each line is a statistic as servers write it, or is given back, and lies in the reply.
#[test]
fn lines() {
    let inputs = [captured("get_statistics"), captured("odd_")].concat();
    fuzz("line", inputs, |reply| {
        let within = |part: &[u8]| {
            let (whole, part) = (reply.as_ptr_range(), part.as_ptr_range());
            whole.start <= part.start && part.end <= whole.end
        };
        let lines = reply.split(|&byte| byte == b'\n').skip(1);
        let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
        let parts: Vec<_> = line::statistics(reply).collect();
        assert_eq!(parts.len(), lines.len());
        for (part, line) in parts.iter().zip(&lines) {
            match part {
                Ok(Statistic { group, name, value }) => {
                    assert!(within(group) && within(name));
                    let key = [group, b":".as_slice(), name].concat();
                    let rest = line.strip_prefix(key.as_slice()).expect("its key");
                    let digits = rest.strip_prefix(b":: ").or(rest.strip_prefix(b" = "));
                    let digits = str::from_utf8(digits.expect("a value")).expect("digits");
                    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
                    assert_eq!(digits.parse(), Ok(*value));
                }
                Err(Unparsed(part)) => assert!(within(part) && part == line),
            }
        }
        let is_whole = line::check(reply).is_ok();
        let (statistics, others, result) = read(Dialect::Line, reply, 0);
        assert_eq!(result.is_ok(), is_whole);
        assert!(!is_whole || statistics + others == lines.len());
        [usize::from(is_whole), statistics, others]
    });
}

/// As many members or elements are given away as there are, and none of another request's reply.
#[test]
fn json() {
    let inputs = [
        captured("get_statistics"),
        captured("odd_"),
        captured("cmd_"),
    ]
    .concat();
    fuzz("json", inputs, |reply| {
        let mut outcome = [0; 3];
        for dialect in [Dialect::JsonRpc, Dialect::Kamailio] {
            let (statistics, others, result) = read(dialect, reply, ID);
            let _ = dialect.read_version(reply, ID);
            if result.is_ok() {
                let (statistics, others, result) = read(dialect, reply, ID + 1);
                assert!(matches!(result, Err(Refused::NotOurs)), "{result:?}");
                assert_eq!(statistics + others, 0);
            }
            if let Ok(text) = str::from_utf8(reply) {
                let known: Result<serde_json::Value, _> = serde_json::from_str(text);
                let is_once = |name: &str| text.matches(name).count() <= 1;
                match (&known, &result) {
                    (Err(_), _) => assert!(result.is_err()),
                    (Ok(reply), Ok(())) if ["\"result", "\"id"].into_iter().all(is_once) => {
                        let (members, elements) = match &reply["result"] {
                            serde_json::Value::Object(members) => (members.len(), 0),
                            serde_json::Value::Array(elements) => (0, elements.len()),
                            other => panic!("{other}"),
                        };
                        assert_eq!(reply["id"], ID);
                        // Of members with the same name, `serde_json` keeps the last one.
                        assert!(statistics + others >= members + elements);
                        assert!(dialect != Dialect::Kamailio || statistics + others == elements);
                    }
                    _ => {}
                }
            }
            outcome = [
                outcome[0] * 2 + usize::from(result.is_ok()),
                statistics,
                others,
            ];
        }
        outcome
    });
}

/// A tree has no more values than its text can name, and what the tables make of it is a valid
/// page.
#[test]
fn trees() {
    let mapping = StateMapping::new(PROCESSORS);
    fuzz("tree", captured("cmd_"), |reply| {
        let mut outcome = [0; 3];
        for (number, dialect) in DIALECTS.into_iter().enumerate() {
            let listings = PROCESSORS.iter().flat_map(|processor| processor.listings);
            let mut page = exposition::Page::default();
            let mut known = 0;
            let mut values = 0;
            for listing in listings {
                let attributes = listing.command.attributes;
                let read = dialect.read_tree(reply, ID, attributes, |root| {
                    values = count(root);
                    known += usize::from(mapping.add(listing, root, "part", &mut page));
                    if let Parts::Listed {
                        nodes,
                        field,
                        without,
                        ..
                    } = listing.parts
                    {
                        for part in Parts::read(nodes, field, without, root) {
                            assert!(!part.is_empty() && !part.contains(['\n', '"']));
                        }
                    }
                });
                if read.is_err() {
                    break;
                }
            }
            assert!(values <= 2 * reply.len());
            let samples = assert_valid(|out| page.write(mapping.headers(), out));
            outcome = [
                outcome[0] * 4 + number,
                outcome[1].max(values),
                samples.max(known),
            ];
        }
        outcome
    });
}

/// How many values there are in `value`, and itself. Their names and texts can all be read.
fn count(value: &Value<'_>) -> usize {
    let mut stack = vec![*value];
    let mut count = 0;
    while let Some(value) = stack.pop() {
        count += 1;
        let (name, text) = (value.name(), value.text());
        assert_eq!(
            value.member(name).is_some(),
            value.values().any(|value| value.name() == name)
        );
        assert_eq!(
            text.is_some(),
            matches!(value.content(), Content::Number(_) | Content::Text(_))
        );
        stack.extend(value.values());
    }
    count
}

/// Checks that what `write` writes is a page as the tests' own reader wants it, and returns how
/// many samples it has.
fn assert_valid(write: impl FnOnce(&mut Vec<u8>)) -> usize {
    let mut out = Vec::new();
    write(&mut out);
    let page = Page::read(&out).unwrap_or_else(|error| panic!("{error}"));
    page.families
        .iter()
        .map(|family| family.samples.len())
        .sum()
}

/// What any reply becomes is a valid page, on which nothing is missing that was read.
#[test]
fn pages() {
    let mapping = Mapping::new(PROCESSORS);
    let inputs = [captured("get_statistics"), captured("odd_")].concat();
    fuzz("page", inputs, |reply| {
        let mut outcome = [0; 3];
        for dialect in DIALECTS {
            let mut collection = Collection::new(&mapping);
            let mut keys = std::collections::BTreeSet::new();
            let read = dialect.read_statistics(reply, ID, &mut |statistic| {
                if let Ok(statistic) = statistic {
                    keys.insert((statistic.group.to_vec(), statistic.name.to_vec()));
                    collection.add(&statistic);
                }
            });
            let samples = assert_valid(|out| collection.write(out));
            assert_eq!(samples == 0, keys.is_empty());
            outcome = [
                outcome[0] * 2 + usize::from(read.is_ok()),
                outcome[1].max(samples),
                outcome[2].max(keys.len()),
            ];
        }
        outcome
    });
}

/// What a URL selects reaches the server as the arguments that it is.
#[test]
fn selections() {
    let inputs = [
        "core:",
        "rcv_requests",
        "core:rcv_requests&tm:",
        "all",
        "&&",
        " core: & positive checks",
        "udp:[2001:db8::1]:5060-load",
        "dynamic:dyn_\u{fc}",
        "pkmem:12-used_size&load:load-proc-3",
    ];
    let inputs = inputs.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("selection", inputs, |text| {
        let is_plain = |text: &str| !text.contains(char::is_control) && !text.contains(['"', '\n']);
        let groups = Scope::parse_groups(&String::from_utf8_lossy(text)).unwrap_or_default();
        assert!(
            groups
                .iter()
                .all(|group| is_plain(group) && !group.contains(':'))
        );
        let values = text.split(|&byte| byte == b'&').map(<[u8]>::to_vec);
        let Ok(selection) = Selection::parse(values, &Default::default()) else {
            return [0; 3];
        };
        let arguments = selection.wanted().arguments;
        let is_right = |argument: &String| {
            is_plain(argument) && !argument.is_empty() && !argument.contains("::")
        };
        assert!(arguments.iter().all(is_right), "{arguments:?}");
        for dialect in DIALECTS {
            let request = dialect.get_statistics(&arguments, ID);
            if dialect == Dialect::Line {
                let lines = request.split(|&byte| byte == b'\n').count();
                assert_eq!(lines, arguments.len() + 2);
            } else {
                let request: serde_json::Value = serde_json::from_slice(&request).expect("JSON");
                let list = match dialect {
                    Dialect::JsonRpc => &request["params"][0],
                    _ => &request["params"],
                };
                assert_eq!(*list, serde_json::json!(arguments));
            }
        }
        let _ = selection.contains(b"core", text) || selection.contains(text, b"");
        [
            1 + usize::from(selection.is_everything()),
            arguments.len(),
            groups.len(),
        ]
    });
}

/// A head that passes is plain, and is the same however its bytes come.
#[test]
fn requests() {
    const FORWARDED: &[&str] = &["X-Prometheus-Scrape-Timeout-Seconds"];
    let inputs = [
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /metrics?collect[]=core:&collect[]=tm%3a HTTP/1.1\r\nHost: 127.0.0.1:9434\r\n\
         User-Agent: Prometheus/2.42.0\r\nAccept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\
         Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
        "HEAD http://x/-/ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: Foo, CLOSE\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n\
         GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    let inputs = inputs.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("request", inputs, |received| {
        // The gate holds no more.
        let received = &received[..received.len().min(MAX_HEAD)];
        match request::read(received, FORWARDED) {
            Head::Incomplete => {
                assert!(received.len() < MAX_HEAD);
                [0; 3]
            }
            Head::Refused { refusal, is_head } => {
                assert!(refusal.status() >= 400);
                [1, refusal.label().len(), usize::from(is_head)]
            }
            Head::Complete(length, request) => {
                let whole = request::read(&received[..length], FORWARDED);
                assert_eq!(whole, request::read(received, FORWARDED));
                for end in [length / 3, length / 2, length - 1] {
                    assert_eq!(request::read(&received[..end], FORWARDED), Head::Incomplete);
                }
                let head = request.canonical.strip_suffix("\r\n\r\n").expect("its end");
                let lines: Vec<&str> = head.split("\r\n").collect();
                let is_plain = |line: &&str| line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                assert!(lines.iter().all(is_plain) && lines.len() <= 2, "{head}");
                let words: Vec<&str> = lines[0].split(' ').collect();
                let [method, target, "HTTP/1.1"] = words.as_slice() else {
                    panic!("{head}");
                };
                assert_eq!(*method, if request.is_head { "HEAD" } else { "GET" });
                assert!(target.starts_with('/'));
                [2, target.len(), lines.len()]
            }
        }
    });
}
