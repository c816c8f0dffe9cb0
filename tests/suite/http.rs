//! How the gate speaks HTTP with friends, odd ones included (RFC 9112), and how long it has
//! patience.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::page::Page;
use crate::support::stand_in::V2_4;
use crate::support::{
    Exporter, PATIENCE, Response, TempDir, server_and_exporter, server_with, wait_until,
};
use opensips_exporter::gate::MAX_CONNECTIONS;
use rustix::net::sockopt;

fn without_server() -> (TempDir, Exporter) {
    let directory = TempDir::new();
    let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
    (directory, exporter)
}

fn connect(exporter: &Exporter) -> TcpStream {
    let stream = TcpStream::connect(exporter.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Reads one answer from a connection that stays open.
fn read_answer(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
        if let Some(answer) = Response::read(&bytes)
            && answer.headers["content-length"] == answer.body.len().to_string()
        {
            return answer;
        }
    }
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end");
    bytes
}

/// The answers to what is sent over one connection, which is closed at the end.
fn answers(exporter: &Exporter, requests: &str) -> Vec<Response> {
    let mut stream = connect(exporter);
    stream.write_all(requests.as_bytes()).expect("taken");
    Response::read_all(&read_to_end(&mut stream))
}

fn rejected(exporter: &Exporter, reason: &str) -> u32 {
    let page = exporter.scrape();
    let value = page.value(
        "opensips_exporter_http_rejected_total",
        &[("reason", reason)],
    );
    value.and_then(|value| value.parse().ok()).expect(reason)
}

#[test]
fn a_request_may_come_in_single_bytes() {
    let (_directory, exporter) = without_server();
    let mut stream = connect(&exporter);
    stream.set_nodelay(true).expect("no delay");
    for byte in b"\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).expect("taken");
    }
    let answers = Response::read_all(&read_to_end(&mut stream));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].text(), "healthy\n");
}

#[test]
fn what_becomes_of_the_connection_is_said_and_done() {
    let (_directory, exporter) = without_server();
    for (request, connection) in [
        (
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            Some("close"),
        ),
        (
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: Foo, CLOSE\r\n\r\n",
            Some("close"),
        ),
        (
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: foo\r\nConnection: close\r\n\r\n",
            Some("close"),
        ),
        ("GET /-/healthy HTTP/1.0\r\n\r\n", Some("close")),
        ("GET /-/healthy HTTP/1.0\r\nHost: x\r\n\r\n", Some("close")),
        (
            "GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            Some("keep-alive"),
        ),
        ("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
            None,
        ),
        (
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n",
            None,
        ),
    ] {
        let mut stream = connect(&exporter);
        stream.write_all(request.as_bytes()).expect("taken");
        let answer = read_answer(&mut stream);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "healthy\n"),
            "{request}"
        );
        let said = answer.headers.get("connection").map(String::as_str);
        assert_eq!(said, connection, "{request}");
        if connection == Some("close") {
            assert_eq!(read_to_end(&mut stream), b"", "{request}");
        } else {
            stream.write_all(request.as_bytes()).expect("taken");
            assert_eq!(read_answer(&mut stream).status, 200, "{request}");
        }
    }
}

#[test]
fn a_target_may_name_the_server() {
    let (_directory, exporter) = without_server();
    for (target, expected) in [
        ("http://x/-/healthy", "healthy\n"),
        ("HTTP://example.com:9434/-/healthy?a=b", "healthy\n"),
        ("https://[::1]:9434/-/healthy", "healthy\n"),
    ] {
        assert_eq!(exporter.get(target).text(), expected, "{target}");
    }
    for target in ["http://x", "http://x?a=b"] {
        let answer = exporter.get(target);
        assert!(
            answer.text().contains("<h1>opensips_exporter</h1>"),
            "{target}"
        );
    }
}

#[test]
fn the_page_is_sent_as_it_is() {
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    for request in [
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nTE: trailers, chunked\r\nConnection: close, TE\r\n\r\n",
        "GET /metrics HTTP/1.0\r\n\r\n",
    ] {
        let answers = answers(&exporter, request);
        assert_eq!(answers.len(), 1);
        assert!(!answers[0].headers.contains_key("content-encoding"));
        assert!(!answers[0].headers.contains_key("transfer-encoding"));
        let page = Page::read(&answers[0].body).expect("a valid page");
        assert_eq!(page.up(), "1");
    }
}

#[test]
fn requests_may_follow_each_other_without_waiting() {
    let (_directory, exporter) = without_server();
    let answers = answers(
        &exporter,
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n\
         GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 503, 404, 503]);
}

#[test]
fn an_answer_to_head_has_no_body_even_if_it_refuses() {
    let (_directory, exporter) = without_server();
    for (status, request) in [
        (
            413,
            "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
        ),
        (400, "HEAD / HTTP/1.1\r\n\r\n"),
        (505, "HEAD / HTTP/2.0\r\n\r\n"),
    ] {
        let answer = exporter.send(request);
        assert_eq!(answer.status, status);
        assert_eq!(answer.text(), "");
        assert!(answer.headers["content-length"] != "0");
        assert!(answer.headers["date"].ends_with(" GMT"));
    }
}

#[test]
fn half_a_connection_is_enough_for_an_answer() {
    let (_directory, exporter) = without_server();
    let mut stream = connect(&exporter);
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("taken");
    stream.shutdown(Shutdown::Write).expect("half of it");
    let answers = Response::read_all(&read_to_end(&mut stream));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].text(), "healthy\n");

    let mut stream = connect(&exporter);
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHo")
        .expect("taken");
    stream.shutdown(Shutdown::Write).expect("half of it");
    let answers = Response::read_all(&read_to_end(&mut stream));
    assert_eq!(answers[0].status, 400);
}

#[test]
fn what_is_refused_is_counted_and_logged_at_debug() {
    let directory = TempDir::new();
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--log.level=debug"]);
    assert_eq!(rejected(&exporter, "malformed"), 0);
    assert_eq!(exporter.send("nonsense\r\n\r\n").status, 400);
    assert_eq!(
        exporter.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n").headers["allow"],
        "GET, HEAD"
    );
    assert_eq!(rejected(&exporter, "malformed"), 1);
    assert_eq!(rejected(&exporter, "method_not_allowed"), 1);
    let line = exporter.wait_for_log("this is not HTTP/1.1");
    assert!(
        line.contains("level=debug") && line.contains("127.0.0.1:"),
        "{line}"
    );
}

#[test]
fn a_head_has_five_seconds_however_often_something_comes() {
    let (_directory, exporter) = without_server();
    let began = Instant::now();
    let mut silent = connect(&exporter);
    let mut kept = connect(&exporter);
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("taken");
    assert_eq!(read_answer(&mut kept).status, 200);
    let mut slow = connect(&exporter);
    slow.write_all(b"GET /-/healthy HTTP/1.1\r\n")
        .expect("taken");
    let mut dripping = slow.try_clone().expect("a descriptor");
    thread::spawn(move || {
        while dripping.write_all(b"a: b\r\n").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
    });
    // Lines that are left out before a request.
    let mut blank = connect(&exporter);
    let mut dripping = blank.try_clone().expect("a descriptor");
    thread::spawn(move || {
        while dripping.write_all(b"\r\n").is_ok() {
            thread::sleep(Duration::from_micros(100));
        }
    });
    let mut received = Vec::new();
    // It is reset when it sends on.
    let _ = slow.read_to_end(&mut received);
    assert_eq!(
        Response::read(&received).map(|answer| answer.status),
        Some(408)
    );
    assert_eq!(read_to_end(&mut silent), b"");
    let _ = blank.read_to_end(&mut Vec::new());
    let took = began.elapsed();
    assert!((5..10).contains(&took.as_secs()), "{took:?}");
    assert_eq!(rejected(&exporter, "head_too_slow"), 1);

    // One that was kept after an answer waits for the next request of Prometheus.
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("taken");
    assert_eq!(read_answer(&mut kept).status, 200);
}

/// Whether all threads of the exporter wait for something (proc(5), stat).
fn is_at_rest(exporter: &Exporter) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", exporter.pid())).expect("proc");
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default();
        state.starts_with('S')
    })
}

#[test]
fn an_idle_connection_is_the_first_to_go() {
    let directory = TempDir::new();
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--log.level=debug"]);
    let begin = || {
        let mut stream = connect(&exporter);
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\n")
            .expect("taken");
        stream
    };
    let mut oldest = begin();
    wait_until("it is the oldest", || is_at_rest(&exporter));
    let beginnings: Vec<TcpStream> = (2..MAX_CONNECTIONS).map(|_| begin()).collect();
    let mut kept = connect(&exporter);
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("taken");
    assert_eq!(read_answer(&mut kept).status, 200);
    wait_until("it is noticed to be idle", || is_at_rest(&exporter));

    // One more needs its place.
    let last = begin();
    assert_eq!(read_to_end(&mut kept), b"");
    // And another one that of the oldest.
    let response = exporter.get("/-/healthy");
    assert_eq!(response.status, 200);
    let mut received = Vec::new();
    // It may be reset.
    let _ = oldest.read_to_end(&mut received);
    assert_eq!(received, b"");
    for mut stream in beginnings.into_iter().chain([last]) {
        stream
            .write_all(b"Host: x\r\nConnection: close\r\n\r\n")
            .expect("taken");
        assert_eq!(read_answer(&mut stream).status, 200);
    }
    assert_eq!(rejected(&exporter, "place_needed"), 1);
}

/// More connections are kept than there can be, and each of many new ones is answered.
#[test]
fn whoever_is_new_is_answered_beside_those_who_stay() {
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    let kept: Vec<TcpStream> = (0..2 * MAX_CONNECTIONS)
        .map(|_| {
            let mut stream = connect(&exporter);
            stream
                .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                .expect("taken");
            assert_eq!(read_answer(&mut stream).status, 200);
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(exporter.scrape().up(), "1");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    thread::scope(|scope| {
        for _ in 0..2 * MAX_CONNECTIONS {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(exporter.get("/-/healthy").text(), "healthy\n");
                }
            });
        }
    });
    drop(kept);
}

/// Requests come by all connections that are idle, and by new ones, while the exporter does not
/// run: when it does again it must not close any of them unanswered.
#[test]
fn no_request_that_has_arrived_is_lost() {
    let (_directory, exporter) = without_server();
    let request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..5 {
        let mut streams: Vec<TcpStream> =
            (0..MAX_CONNECTIONS).map(|_| connect(&exporter)).collect();
        for stream in &mut streams {
            stream.write_all(request).expect("taken");
            assert_eq!(read_answer(stream).status, 200);
        }
        wait_until("they are noticed to be idle", || is_at_rest(&exporter));
        exporter.signal("STOP");
        streams.extend((0..MAX_CONNECTIONS).map(|_| connect(&exporter)));
        for stream in &mut streams {
            stream.write_all(request).expect("taken");
        }
        exporter.signal("CONT");
        for stream in &mut streams {
            assert_eq!(read_answer(stream).status, 200);
        }
    }
}

#[test]
fn an_answer_has_ten_seconds() {
    // More than the kernel's buffers hold.
    let name = "n".repeat(1000);
    let statistics = (0..60)
        .map(|number| {
            (
                b"script".to_vec(),
                format!("{name}{number}").into_bytes(),
                1,
            )
        })
        .collect();
    let (_directory, _server, exporter) = server_with(V2_4, statistics, &["--log.level=debug"]);
    let began = Instant::now();
    let mut stream = connect(&exporter);
    sockopt::set_socket_recv_buffer_size(&stream, 2048).expect("a small buffer");
    stream
        .write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100))
        .expect("taken");
    exporter.wait_for_log("the client does not read its answer");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(10), "{took:?}");
    wait_until("it is counted", || {
        rejected(&exporter, "answer_not_taken") == 1
    });
}
