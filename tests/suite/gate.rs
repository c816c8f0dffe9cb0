//! The gate with a tiny_http that answers what a test wants: every byte arrives, however fast
//! either side is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::attack::connect_from;
use crate::support::{PATIENCE, Response, wait_until};
use opensips_exporter::files::Files;
use opensips_exporter::gate::address::Address;
use opensips_exporter::gate::backend::MAX_STREAMS;
use opensips_exporter::gate::connection::ANSWER_TIME;
use opensips_exporter::gate::listener;
use opensips_exporter::gate::request::{self, Head, MAX_HEAD};
use opensips_exporter::gate::{self, MAX_CONNECTIONS, Rules};
use opensips_exporter::telemetry::Telemetry;
use proptest::prelude::*;
use tiny_http::Request;

const FORWARDED: &[&str] = &["X-Forwarded"];

fn serve(handle: impl Fn(Request) + Send + Sync + 'static) -> SocketAddr {
    let address: Address = "127.0.0.1:0".parse().expect("an address");
    let listener = listener::listen(&address, &Files::default()).expect("a port");
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().expect("its address");
    let rules = Rules {
        forwarded: FORWARDED,
        is_slow: Box::new(|target| target.starts_with("/slow")),
        rejections: Telemetry::new([]).expect("a registry").rejections(),
    };
    gate::start(vec![listener.into()], rules, handle).expect("a gate");
    address
}

/// Bytes that show where one is missing.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index * 7 + index / 251) as u8)
        .collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[test]
fn every_byte_of_an_answer_arrives() {
    let address = serve(|request| {
        let length = request.url()[1..].parse().unwrap_or(0);
        let response = tiny_http::Response::from_data(pattern(length));
        let _ = request.respond(response.with_chunked_threshold(usize::MAX));
    });
    let lengths = [
        0, 1, 1023, 1024, 1025, 8191, 65_000, 65_535, 65_536, 65_537, 1_000_000, 5_000_000,
    ];
    for pause in [None, Some(Duration::from_millis(1))] {
        for length in lengths {
            let mut stream = connect(address);
            write!(
                stream,
                "GET /{length} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            .expect("taken");
            let mut bytes = Vec::new();
            let mut piece = [0; 50_000];
            loop {
                if let Some(pause) = pause {
                    thread::sleep(pause);
                }
                match stream.read(&mut piece).expect("an answer") {
                    0 => break,
                    count => bytes.extend_from_slice(&piece[..count]),
                }
            }
            let answers = Response::read_all(&bytes);
            assert_eq!(answers.len(), 1, "{length}");
            assert!(answers[0].body == pattern(length), "{length}");
        }
    }
    // And over one connection that is kept, HEAD among them.
    let mut stream = connect(address);
    let mut expected = Vec::new();
    for length in lengths {
        write!(
            stream,
            "HEAD /{length} HTTP/1.1\r\nHost: x\r\n\r\nGET /{length} HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        .expect("taken");
        expected.push(length);
    }
    for length in expected {
        let head = read_head(&mut stream);
        assert!(
            head.contains(&format!("Content-Length: {length}\r\n")),
            "{head}"
        );
        let head = read_head(&mut stream);
        assert!(
            head.contains(&format!("Content-Length: {length}\r\n")),
            "{head}"
        );
        let mut body = vec![0; length];
        stream.read_exact(&mut body).expect("a body");
        assert!(body == pattern(length), "{length}");
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("ASCII")
}

#[test]
fn tiny_http_sees_the_target_and_what_is_forwarded_only() {
    let address = serve(|request| {
        let headers = request.headers().iter().map(ToString::to_string);
        let mut headers: Vec<String> = headers.collect();
        // The gate adds this, and nobody else.
        headers.retain(|header| header != "X-Client: 127.0.0.1");
        let text = format!("{} {} {headers:?}", request.method(), request.url());
        let _ = request.respond(tiny_http::Response::from_string(text));
    });
    for (request, expected) in [
        (
            "GET /a?b=c&d[]=%0a HTTP/1.1\r\nHost: x\r\n",
            "GET /a?b=c&d[]=%0a []",
        ),
        ("GET http://x/a HTTP/1.0\r\n", "GET /a []"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nCookie: a\r\nX-Client: b\r\nx-forwarded:  5.5 \r\n",
            "GET / [\"X-Forwarded: 5.5\"]",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded: 1\r\nX-Forwarded: 2\r\n",
            "GET / [\"X-Forwarded: 1\"]",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded: a b\r\n",
            "GET / []",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded: \u{fc}\r\n",
            "GET / []",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded:\r\n",
            "GET / [\"X-Forwarded: \"]",
        ),
    ] {
        let mut stream = connect(address);
        write!(stream, "{request}Connection: close\r\n\r\n").expect("taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let answers = Response::read_all(&bytes);
        assert_eq!(answers[0].text(), expected, "{request}");
    }
}

/// A connection with a request after which it ends.
fn ask(address: SocketAddr, target: &str) -> TcpStream {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("taken");
    stream
}

/// The answer on it.
fn answer(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let mut answers = Response::read_all(&bytes);
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn respond(request: Request, bytes: Vec<u8>) {
    let response = tiny_http::Response::from_data(bytes);
    let _ = request.respond(response.with_chunked_threshold(usize::MAX));
}

#[test]
fn a_panic_costs_its_own_request() {
    let address = serve(|request| {
        assert!(request.url() != "/panic");
        respond(request, b"well".to_vec());
    });
    for _ in 0..2 * MAX_STREAMS {
        assert_eq!(answer(ask(address, "/panic")).status, 500);
    }
    assert_eq!(answer(ask(address, "/")).text(), "well");
}

/// Slow ones are as many as they may be, and others are answered beside them.
#[test]
fn as_many_requests_as_there_are_streams_are_answered_at_once() {
    const SLOW: usize = MAX_STREAMS - MAX_STREAMS / 4;
    let (all, arrived) = (Barrier::new(MAX_STREAMS), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&arrived);
    let address = serve(move |request| {
        // Streams are tried when they are opened.
        if request.url() != "*" {
            count.fetch_add(1, Ordering::SeqCst);
            all.wait();
        }
        respond(request, b"well".to_vec());
    });
    let targets = (1..MAX_STREAMS).map(|number| if number < SLOW { "/slow" } else { "/" });
    let mut asked: Vec<TcpStream> = targets.map(|target| ask(address, target)).collect();
    // The last one for slow requests is for another address.
    wait_until("the others", || {
        arrived.load(Ordering::SeqCst) == asked.len()
    });
    let mut other = connect_from(2, address, None).expect("a connection");
    write!(
        other,
        "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("taken");
    asked.push(other);
    for stream in asked {
        assert_eq!(answer(stream).text(), "well");
    }
}

/// A gate whose answers no buffer holds, but for requests for `/small`.
fn serve_large(body: &'static [u8]) -> SocketAddr {
    serve(move |request| {
        let body = match request.url() {
            "/large" => body,
            _ => b"small",
        };
        let response = tiny_http::Response::new(200.into(), vec![], body, Some(body.len()), None);
        let _ = request.respond(response.with_chunked_threshold(usize::MAX));
    })
}

/// There are more of them than streams.
#[test]
fn clients_that_do_not_read_keep_no_stream() {
    let address = serve_large(Box::leak(pattern(2_000_000).into()));
    let unread: Vec<TcpStream> = (0..2 * MAX_STREAMS)
        .map(|_| {
            let mut stream = connect_from(2, address, Some(2048)).expect("a connection");
            let request = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request).expect("taken");
            stream
        })
        .collect();
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(answer(ask(address, "/small")).text(), "small");
    }
    assert!(began.elapsed() < ANSWER_TIME / 2, "{:?}", began.elapsed());
    drop(unread);
}

/// As many as there are streams, of which none waits for another one, and less than is held at
/// once.
#[test]
fn clients_that_read_at_once_get_everything() {
    let body: &[u8] = Box::leak(pattern(1_000_000).into());
    let address = serve_large(body);
    thread::scope(|scope| {
        for _ in 0..MAX_STREAMS {
            scope.spawn(|| {
                let answer = answer(ask(address, "/large"));
                assert!(answer.body == body, "{}", answer.body.len());
            });
        }
    });
}

/// A client that reads its answer is not closed for a crowd whose requests only wait.
#[test]
fn a_crowd_cuts_no_answer_short() {
    let (body, is_over) = (pattern(5_000_000), Arc::new(AtomicUsize::new(0)));
    let (whole, flag) = (body.clone(), Arc::clone(&is_over));
    let address = serve(move |request| {
        while request.url() == "/slow" && flag.load(Ordering::SeqCst) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        respond(request, whole.clone());
    });
    let mut reading = connect_from(3, address, Some(2048)).expect("a connection");
    let request = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    reading.write_all(request).expect("taken");
    read_head(&mut reading);
    let crowd: Vec<TcpStream> = (0..2 * MAX_CONNECTIONS)
        .filter_map(|_| {
            let mut stream = connect_from(2, address, None).ok()?;
            let request = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request).ok()?;
            Some(stream)
        })
        .collect();
    let is_over_for = |stream: &TcpStream| {
        stream.set_nonblocking(true).expect("a mode");
        let answer = stream.peek(&mut [0]);
        answer.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true)
    };
    wait_until("places are short", || crowd.iter().any(is_over_for));
    let mut answer = Vec::new();
    reading.read_to_end(&mut answer).expect("all of it");
    assert!(answer == body, "{}", answer.len());
    is_over.store(1, Ordering::SeqCst);
}

fn read(bytes: &[u8]) -> Head {
    request::read(bytes, FORWARDED)
}

proptest! {
    /// What passes is one head of plain ASCII with nothing in it but what is meant to be.
    #[test]
    fn what_passes_is_canonical(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for start in ["", "GET /", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.0\r\nX-Forwarded: "] {
            let bytes = [start.as_bytes(), &bytes, b"\r\n\r\n"].concat();
            if let Head::Complete(length, request) = read(&bytes) {
                prop_assert!(length <= bytes.len());
                let head = request.canonical.strip_suffix("\r\n\r\n").expect("its end");
                prop_assert!(head.bytes().all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(&byte)));
                let lines: Vec<&str> = head.split("\r\n").collect();
                prop_assert!(lines[0].starts_with("GET /") && lines[0].ends_with(" HTTP/1.1"));
                prop_assert_eq!(lines[0].matches(' ').count(), 2);
                prop_assert!(lines.len() <= 2 && lines[1..].iter().all(|line| line.starts_with("X-Forwarded: ")));
            }
        }
    }

    /// How the bytes are cut does not matter.
    #[test]
    fn a_head_is_the_same_in_pieces(
        target in "/[!-~]{0,40}",
        name in "[A-Za-z-]{1,20}",
        value in "[ -~]{0,40}",
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nX-{name}: {value}\r\n\r\n");
        let whole = read(&[head.as_bytes(), &rest].concat());
        for end in 0..head.len() {
            prop_assert_eq!(read(&head.as_bytes()[..end]), Head::Incomplete);
        }
        let is_whole = matches!(whole, Head::Complete(length, _) if length == head.len());
        prop_assert!(is_whole, "{:?}", whole);
        prop_assert_eq!(read(head.as_bytes()), whole);
    }

    /// Nothing is waited for without end.
    #[test]
    fn a_full_buffer_is_decided(byte in any::<u8>()) {
        let bytes = [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".as_slice(), &vec![byte; MAX_HEAD]].concat();
        prop_assert!(!matches!(read(&bytes[..MAX_HEAD]), Head::Incomplete));
    }
}
