//! Crowds that ask for pages again and again, from one address, while the server takes its time:
//! whoever comes from another address is answered soon.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::alone;
use crate::support::attack::{Attack, connect_from, is_full, withstand_for};
use crate::support::stand_in::Behaviour;
use crate::support::{Response, assert_up, server_and_exporter};

/// Threads of a crowd.
const THREADS: usize = 64;

/// Connections of each thread at once: 64 and 640 strangers.
const CONNECTIONS: [usize; 2] = [1, 10];

/// What the server takes for a page, in milliseconds.
const TIMES: [u64; 4] = [0, 1, 5, 20];

#[test]
fn a_crowd_of_one_address_lets_others_in() {
    let _alone = alone();
    let (_directory, server, mut exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    for connections in CONNECTIONS {
        for time in TIMES {
            for is_different in [false, true] {
                if !is_full() && (connections, time, is_different) != (10, 20, true) {
                    continue;
                }
                server.behave(Behaviour::Slow(Duration::from_millis(time)));
                let strangers = THREADS * connections;
                let what = if is_different {
                    "another page"
                } else {
                    "the page"
                };
                let name = format!("{strangers} ask for {what}, {time} ms each");
                withstand_for(
                    Duration::ZERO,
                    &name,
                    &mut exporter,
                    strangers,
                    THREADS,
                    |attack| {
                        ask(attack, connections, is_different);
                    },
                );
            }
        }
    }
}

/// Few strangers whose pages take long keep nobody waiting for more than one of them.
#[test]
fn slow_pages_of_one_address_let_others_in() {
    let _alone = alone();
    let (_directory, server, mut exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    server.behave(Behaviour::SlowAt(&["stranger"], Duration::from_millis(450)));
    let name = "12 ask for another page, 450 ms each";
    withstand_for(Duration::ZERO, name, &mut exporter, 12, 12, |attack| {
        ask(attack, 1, true)
    });
}

/// Asks on so many connections at once, again and again, for the page or for one each time that
/// nobody else asks for.
fn ask(attack: &Attack, connections: usize, is_different: bool) {
    static PAGES: AtomicUsize = AtomicUsize::new(0);
    while attack.once_more() {
        let connections = (0..connections).filter_map(|_| {
            let mut stream = connect_from(2, attack.address, None).ok()?;
            let query = match is_different {
                true => format!(
                    "?collect[]=stranger{}",
                    PAGES.fetch_add(1, Ordering::Relaxed)
                ),
                false => String::new(),
            };
            write!(
                stream,
                "GET /metrics{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            .ok()?;
            Some(stream)
        });
        for mut stream in connections.collect::<Vec<TcpStream>>() {
            let mut answer = Vec::new();
            // The kernel resets what it has no room for, and the gate closes what is in the way.
            if stream.read_to_end(&mut answer).is_ok() && !answer.is_empty() {
                let status = Response::read(&answer).map(|answer| answer.status);
                assert!(matches!(status, Some(200 | 503)), "{status:?}");
            }
        }
    }
}
