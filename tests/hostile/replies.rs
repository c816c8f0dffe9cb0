//! Replies that are as large as they may be and hold as much as they can: what they take of memory
//! while many scrapes ask for them at once.

use std::fs;
use std::thread;

use crate::alone;
use crate::support::attack::is_full;
use crate::support::network::Server;
use crate::support::stand_in::{KAMAILIO, V2_4, V3_6, Version};
use crate::support::{Exporter, assert_up, binary, emulator};

/// Bytes of a reply in JSON in full size, and else. `mi_http` may send 16 MiB.
const JSON: (usize, usize) = ((16 << 20) - 100, 2 << 20);

/// Bytes of one of the line protocol, which is silent about what is too large: no reply is waited
/// for so long.
const LINES: usize = 1 << 20;

/// Bytes that a reply may take beyond four times its size.
const MORE: usize = 12 << 20;

/// Scrapes at once.
const SCRAPES: usize = 8;

/// `start`, `part` as often as there is room, and `end`.
fn filled(start: &str, part: &str, end: &str, size: usize) -> String {
    let count = (size - start.len() - end.len()) / part.len();
    format!("{start}{}{end}", part.repeat(count))
}

/// The most memory that the process ever had, in bytes. That of an emulator says nothing.
fn most_memory(exporter: &Exporter) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.pid())).expect("proc");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|most| most.trim().strip_suffix(" kB")?.parse().ok());
    let most: usize = most.expect("a number");
    emulator().map_or(most << 10, |_| 0)
}

/// Scrapes a server whose reply to `command` is `reply`, and expects the value of `opensips_up` and
/// what the log says.
fn assert_bounded(
    (version, dialect): (Version, &str),
    command: &str,
    reply: &str,
    (up, line): (&str, &str),
) {
    let server = Server::http(version.with_limit(usize::MAX));
    let (which, nothing) = match dialect {
        "line" => (format!("{command}\n"), ""),
        _ => (format!("[\"{command}\"]"), "[]"),
    };
    let list = if dialect == "kamailio" {
        "system.listMethods"
    } else {
        "which"
    };
    server.teach(list, &which);
    if !command.contains("statistics") {
        server.teach(command, nothing);
    }
    let mut exporter = binary();
    exporter.args(["--addr=127.0.0.1:0", "--timeout=40s", "--dialect", dialect]);
    // glibc, which only tests use, keeps what is freed unless that was never of its heap.
    exporter.env("MALLOC_MMAP_THRESHOLD_", "131072");
    exporter.arg(format!("--socket=http://{}/mi", server.address));
    let exporter = Exporter::run(exporter);
    assert_up(&exporter);
    let before = most_memory(&exporter);

    server.teach(command, reply);
    thread::scope(|scope| {
        for number in 0..SCRAPES {
            let exporter = &exporter;
            scope.spawn(move || {
                // Who asks for the same gets the page of another scrape.
                let target =
                    format!("/metrics?collect[]=core:&collect[]=dispatcher:&collect[]={number}");
                let page = exporter.scrape_with(&target);
                assert_eq!(page.up(), up, "{:#?}", exporter.log());
            });
        }
    });
    let taken = most_memory(&exporter).saturating_sub(before);
    println!(
        "{command} of {} MB in {dialect}, \"{}...\": {} MB of memory",
        reply.len() / 1_000_000,
        reply.chars().take(20).collect::<String>().escape_debug(),
        taken / 1_000_000
    );
    exporter.wait_for_log(line);
    assert!(taken < 4 * reply.len() + MORE, "{taken} bytes");
}

#[test]
fn a_reply_takes_a_few_times_its_size() {
    let _alone = alone();
    let down = ("0", "opensips_up is 0");
    let is_too_large = ("1", "ds_list: the reply is too large to read");
    let is_unreadable = ("1", "ds_list: the reply has an unknown form");
    let (line, jsonrpc, kamailio) = ((V2_4, "line"), (V3_6, "jsonrpc"), (KAMAILIO, "kamailio"));
    let json = if is_full() { JSON.0 } else { JSON.1 };
    let ones = filled("[1", ",1", "]", json);
    let strings = filled("[\"\\n\"", ",\"\\n\"", "]", json);
    let members = filled("{\"\":1", ",\"\":1", "}", json);
    let nested = filled("[[]", ",[[]]", "]", json);
    let numbers = filled("[1", ",1e300", "]", json);
    let text = filled("{\"", "x", "\":1}", json);
    let lines = filled("", "a\n", "", LINES);
    let indented = filled("", "a\n\ta\n", "", LINES);
    for (server, command, reply, expected) in [
        (jsonrpc, "get_statistics", &ones, down),
        (jsonrpc, "get_statistics", &members, down),
        (kamailio, "stats.get_statistics", &ones, down),
        (kamailio, "stats.get_statistics", &strings, down),
        (jsonrpc, "ds_list", &ones, is_too_large),
        (jsonrpc, "ds_list", &strings, is_too_large),
        (jsonrpc, "ds_list", &members, is_too_large),
        (jsonrpc, "ds_list", &nested, is_too_large),
        (jsonrpc, "ds_list", &numbers, is_too_large),
        (jsonrpc, "ds_list", &text, is_unreadable),
        (line, "ds_list", &lines, is_too_large),
        (line, "ds_list", &indented, is_too_large),
    ] {
        assert_bounded(server, command, reply, expected);
    }
}
