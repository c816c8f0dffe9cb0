//! Attacks by strangers on the network: none of them stops a scrape, grows the process or ends it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::alone;
use crate::support::attack::{
    Attack, REQUEST, Rest, connect_from, idle, is_full, resets, withstand,
};
use crate::support::{Response, assert_up, server_and_exporter};

/// A row: what it is called, its size in full and by default, in how many threads it runs, and what
/// it does.
type Row = (&'static str, usize, usize, usize, fn(&Attack));

const ROWS: &[Row] = &[
    ("idle connections", 5000, 500, 1, idle),
    ("slow heads", 1000, 200, 1, slow_heads),
    ("readers that never read", 500, 64, 1, never_reads),
    ("resets behind the request", 20_000, 1000, 2, resets),
    (
        "new connections as fast as they go",
        200_000,
        5000,
        2,
        floods,
    ),
    ("lengths", 100, 5, 1, lengths),
    ("codings, expectations, upgrades", 100, 5, 1, codings),
    ("no requests", 100, 5, 1, no_requests),
    ("heads without end", 100, 5, 1, endless_heads),
    ("smuggling", 100, 5, 1, smuggling),
    (
        "pipelined requests, never read",
        100_000,
        10_000,
        1,
        pipelines,
    ),
    (
        "clients that always have another request",
        20_000,
        500,
        64,
        insatiable,
    ),
    ("scrapes from everywhere", 2_000, 500, 64, |attack| {
        scrapes(attack, Attack::connect);
    }),
    ("scrapes from one address", 2_000, 500, 64, |attack| {
        scrapes(attack, |attack| connect_from(2, attack.address, None));
    }),
    ("random bytes", 10_000, 300, 2, random_bytes),
];

const REQUEST_AND_CLOSE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn scrapes_go_on_during_every_attack() {
    let _alone = alone();
    let (_directory, _server, mut exporter) = server_and_exporter(&[]);
    let rest = Rest::of(&exporter);
    for (name, full, small, threads, attack) in ROWS {
        let size = if is_full() { *full } else { *small };
        withstand(name, &mut exporter, size, *threads, attack);
    }
    rest.wait_for("all of them", &exporter);
    assert_up(&exporter);
    assert!(exporter.logged("level=error").is_empty());
    assert!(exporter.log().len() < 10, "{:?}", exporter.log());
}

/// One byte per second on each connection.
fn slow_heads(attack: &Attack) {
    let mut head = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Endless: "
        .iter()
        .chain([b'a'].iter().cycle());
    let mut connections = Vec::new();
    while attack.once_more() {
        connections.extend(attack.connect());
        if connections.len() < attack.size {
            continue;
        }
        let next = Instant::now() + Duration::from_secs(1);
        let byte = *head.next().expect("an endless head");
        connections.retain_mut(|stream| stream.write_all(&[byte]).is_ok());
        while attack.goes_on() && Instant::now() < next {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Each asks for more than all buffers on the way hold.
fn never_reads(attack: &Attack) {
    attack.hold(attack.size, |stream| stream.write_all(&REQUEST.repeat(50)));
}

fn floods(attack: &Attack) {
    let until = Instant::now() + Duration::from_secs(if is_full() { 10 } else { 1 });
    while attack.once_more() || Instant::now() < until {
        let _ = attack.connect();
    }
}

/// Each request has one answer, and its connection ends.
fn refused(attack: &Attack, cases: &[(u16, &[u8])]) {
    while attack.once_more() {
        for (status, request) in cases {
            let answers = Response::read_all(&attack.exchange(request));
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            let shown = request[..request.len().min(200)].escape_ascii();
            assert_eq!(statuses, [*status], "{shown}");
            assert_eq!(answers[0].headers["connection"], "close", "{shown}");
            if *status >= 400 {
                assert_eq!(answers[0].text().matches('\n').count(), 1, "{shown}");
                assert!(answers[0].body.ends_with(b"\n"), "{shown}");
            }
        }
    }
}

fn lengths(attack: &Attack) {
    refused(
        attack,
        &[
            (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n"),
            (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"),
            (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x10\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
            (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"),
            (405, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"),
            (405, b"POST / HTTP/1.0\r\nContent-Length: 100000000000\r\n\r\n"),
            (405, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
            (405, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        ],
    );
}

fn codings(attack: &Attack) {
    refused(
        attack,
        &[
            (501, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
            (501, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n"),
            (501, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
            (501, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"),
            (400, b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (417, b"GET / HTTP/1.1\r\nHost: x\r\nExpect: the-unexpected\r\n\r\n"),
            (405, b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"),
        ],
    );
}

fn no_requests(attack: &Attack) {
    let headers = [
        b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec(),
        b"a: b\r\n".repeat(100_000),
        b"\r\n".to_vec(),
    ]
    .concat();
    refused(
        attack,
        &[
            (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
            (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            (505, b"GET / HTTP/0.9\r\n\r\n"),
            (505, b"GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
            (505, b"GET / HTTP/11.1\r\nHost: x\r\n\r\n"),
            (505, b"GET / http/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /\r\n\r\n"),
            (400, b"GET\r\n\r\n"),
            (501, b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (501, b"get / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (405, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
            (405, b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (405, b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"),
            (400, b"\0\0\0\0"),
            (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            (400, "GET /ü HTTP/1.1\r\nHost: x\r\n\r\n".as_bytes()),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nÜ: y\r\n\r\n".as_bytes()),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
            (400, b"GET metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET ftp://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET http:///metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\nHost: x\nConnection: close\n\n"),
            (200, "GET /-/healthy HTTP/1.1\r\nHost: x\r\nUser-Agent: Gerät\r\nConnection: close\r\n\r\n".as_bytes()),
            (431, &headers),
        ],
    );
}

/// 200 MiB each, of which the exporter takes little.
fn endless_heads(attack: &Attack) {
    let starts: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: ",
    ];
    let piece = vec![b'a'; 1 << 20];
    let mut answered = 0;
    while attack.once_more() {
        for start in starts {
            let Ok(mut stream) = attack.connect() else {
                continue;
            };
            let mut sent = 0;
            if stream.write_all(start).is_ok() {
                while sent < 200 && stream.write_all(&piece).is_ok() {
                    sent += 1;
                }
            }
            assert!(sent < 100, "{sent} MiB were taken");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            // Whoever sends on after the end can lose the answer.
            if let Some(answer) = Response::read(&answer) {
                assert_eq!(answer.status, 431);
                answered += 1;
            }
        }
    }
    assert!(answered > 0);
}

/// Shapes that two servers behind each other read differently.
fn smuggling(attack: &Attack) {
    refused(
        attack,
        &[
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nX: y\rTransfer-Encoding: chunked\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, b"GET /-/healthy HTTP/1.0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
        ],
    );
}

fn pipelines(attack: &Attack) {
    let batch = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let mut stream = attack.connect();
    while attack.once_more() {
        // Counts requests, of which the batch holds a hundred.
        for _ in 1..100 {
            attack.once_more();
        }
        if let Ok(connected) = &mut stream
            && connected.write_all(&batch).is_err()
        {
            stream = attack.connect();
        }
    }
}

/// Each sends its next requests before it has read the answers, and reads them all.
fn insatiable(attack: &Attack) {
    const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    const REQUESTS: usize = 8;
    let mut connected: Option<BufReader<TcpStream>> = None;
    while attack.once_more() {
        let Some(mut stream) = connected
            .take()
            .or_else(|| Some(BufReader::new(attack.connect().ok()?)))
        else {
            continue;
        };
        if stream
            .get_mut()
            .write_all(&REQUEST.repeat(REQUESTS))
            .is_err()
        {
            continue;
        }
        // It may be closed for another one, with the last answer or without.
        let is_kept = |answer: Response| {
            assert_eq!((answer.status, answer.text().as_str()), (200, "healthy\n"));
            !answer.headers.contains_key("connection")
        };
        if (0..REQUESTS).all(|_| read_answer(&mut stream).is_some_and(is_kept)) {
            connected = Some(stream);
        }
    }
}

/// The next answer on a connection, if it comes.
fn read_answer(stream: &mut BufReader<TcpStream>) -> Option<Response> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let count = stream.read_until(b'\n', &mut bytes).ok()?;
        if count == 0 {
            return None;
        }
    }
    let mut answer = Response::read(&bytes).expect("a head");
    let length = answer.headers["content-length"].parse().expect("a length");
    answer.body.resize(length, 0);
    stream.read_exact(&mut answer.body).ok()?;
    Some(answer)
}

/// Several scrapes at once in each thread, again and again.
fn scrapes(attack: &Attack, connect: impl Fn(&Attack) -> io::Result<TcpStream>) {
    let count = if is_full() { 10 } else { 2 };
    while attack.once_more() {
        let connections = (0..count).filter_map(|_| {
            let mut stream = connect(attack).ok()?;
            stream.write_all(REQUEST_AND_CLOSE).ok()?;
            Some(stream)
        });
        for mut stream in connections.collect::<Vec<_>>() {
            let mut answer = Vec::new();
            // The kernel resets what it has no room for.
            if stream.read_to_end(&mut answer).is_ok() {
                let status = Response::read(&answer).map(|answer| answer.status);
                assert!(matches!(status, Some(200 | 503)), "{status:?}");
            }
        }
    }
}

fn random_bytes(attack: &Attack) {
    // Marsaglia's xorshift, so that each run is the same.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut answered = 0;
    while attack.once_more() {
        let length = random() % 300 + 1;
        let bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let valid: &[u8] = match random() % 2 {
            0 => b"",
            _ => b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        let Ok(mut stream) = attack.connect() else {
            continue;
        };
        if stream.write_all(&[valid, &bytes].concat()).is_err()
            || stream.shutdown(std::net::Shutdown::Write).is_err()
        {
            continue;
        }
        let mut received = Vec::new();
        // It can be closed for others before it is read.
        let _ = stream.read_to_end(&mut received);
        let answers = Response::read_all(&received);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let shown = bytes.escape_ascii();
        match statuses.as_slice() {
            [] => {}
            [status] if valid.is_empty() => assert!(*status >= 400, "{status} for {shown}"),
            [200] => {}
            [200, status] => assert!(*status >= 400, "{status} for {shown}"),
            _ => panic!("{statuses:?} for {shown}"),
        }
        answered += usize::from(!statuses.is_empty());
    }
    assert!(answered > attack.size / 4, "{answered}");
}
