//! Where the system gives little: few descriptors, few threads, and a server that hangs while
//! everybody asks.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::attack::{
    THREADS_AFTERWARDS, THREADS_AT_REST, connect_from, idle, is_full, resets, threads, withstand,
};
use crate::support::many_processes::statistics;
use crate::support::stand_in::{Behaviour, StandIn, V2_4, V3_6};
use crate::support::{
    Exporter, PATIENCE, Response, TempDir, assert_down, assert_up, binary_path, captured, command,
    copy_program, emulator, end, server_and_exporter, server_with, wait_until,
};
use crate::{alone, with_descriptors};
use opensips_exporter::gate::MAX_CONNECTIONS;
use opensips_exporter::gate::backend::{ALL_DESCRIPTORS, GROUP, MAX_STREAMS};

#[test]
fn at_rest_it_takes_little() {
    let _alone = alone();
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    wait_until("no more threads than at rest", || {
        threads(&exporter) <= THREADS_AT_REST
    });
    let descriptors = exporter.descriptors();
    assert!(descriptors <= 25, "{descriptors}");
}

/// With few descriptors there are few slots, but strangers cannot take them.
#[test]
fn few_descriptors_are_enough() {
    let _alone = alone();
    let (_directory, _server, mut exporter) = with_descriptors(100);
    let line = exporter.wait_for_log("no more than 63 connections and 4 requests at once");
    assert!(line.contains("raise it to 161"), "{line}");
    assert_up(&exporter);
    let before = exporter.descriptors();
    withstand(
        "idle connections, few descriptors",
        &mut exporter,
        500,
        1,
        idle,
    );
    withstand("resets, few descriptors", &mut exporter, 1000, 2, resets);
    wait_until("as many descriptors as before", || {
        exporter.descriptors() <= before
    });
    assert_up(&exporter);
}

/// Changes a limit of `exporter`, as the user that it runs as.
fn prlimit(exporter: &Exporter, limit: &str) {
    let owner = fs::metadata(format!("/proc/{}", exporter.pid())).expect("proc");
    let mut command = Command::new("prlimit");
    command.args([&format!("--pid={}", exporter.pid()), limit]);
    if rustix::process::getuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let status = command.status();
    assert!(
        status
            .expect("prlimit, of the Debian package util-linux")
            .success()
    );
}

/// When even fewer can be had than there were at the start, connections wait until there are more.
#[test]
fn no_descriptor_left_is_no_end() {
    let _alone = alone();
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    let limit = |limit: &str| {
        prlimit(&exporter, &format!("--nofile={limit}:"));
    };
    // Those below are the first that it opened. Threads that wait for connections have theirs.
    limit("4");
    let mut waiting: Vec<TcpStream> = (0..MAX_CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(exporter.address).expect("the kernel takes it");
            stream
                .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .expect("the kernel takes it");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream
        })
        .collect();
    let line = exporter.wait_for_log("new connections have to wait");
    assert!(
        line.contains(&format!("the limit of open files to {ALL_DESCRIPTORS}")),
        "{line}"
    );
    limit("1000");
    for stream in &mut waiting {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = Response::read(&answer).map(|answer| answer.status);
        assert_eq!(answer, Some(200));
    }
    assert_up(&exporter);
    assert_eq!(exporter.logged("new connections have to wait").len(), 1);
}

/// A user to run the exporter as, whose threads are limited: if this is root, who has no limit, one
/// without any process, or else the one of this process.
fn limited_user(number: u32) -> u32 {
    let own = rustix::process::getuid();
    match own.is_root() {
        true => 20_000 + std::process::id() % 20_000 * 2 + number,
        false => own.as_raw(),
    }
}

/// The exporter as a user who may have so many threads more. Its directory is open to that user.
fn with_few_threads(directory: &TempDir, user: u32, threads: usize) -> Command {
    let own = directory.join("opensips_exporter");
    copy_program(&binary_path(), &own);
    let is_root = rustix::process::getuid().is_root();
    let limit = format!("--nproc={}", threads_of(user) + threads);
    let mut command = command(&["prlimit", &limit], &own);
    command
        .args(["--addr=127.0.0.1:0", "--timeout=500ms", "--socket"])
        .arg(directory.join("mi.sock"));
    if is_root {
        command.uid(user).gid(user);
    }
    command
}

/// With few threads there are few connections and streams.
#[test]
fn few_threads_are_enough() {
    let _alone = alone();
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V2_4, &captured());
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("the socket");
    let command = with_few_threads(&directory, limited_user(0), THREADS_AT_REST + 10);
    let mut exporter = Exporter::run(command);
    assert_up(&exporter);
    withstand("idle connections, few threads", &mut exporter, 500, 1, idle);
    withstand("resets, few threads", &mut exporter, 1000, 2, resets);

    // Now there can be no further thread at all.
    prlimit(&exporter, "--nproc=1:");
    withstand("resets, no further thread", &mut exporter, 1000, 2, resets);
    server.behave(Behaviour::Silent);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| exporter.get("/metrics"));
        }
    });
    let line = exporter.wait_for_log("no more than 4 requests at once instead of 16");
    assert!(line.contains("raise the limits of threads"), "{line}");
    server.behave(Behaviour::Proper);
    assert_up(&exporter);
    assert!(
        exporter.logged("level=error").is_empty(),
        "{:?}",
        exporter.log()
    );
}

/// Where there are too few threads for the first scrape the exporter does not say that it serves.
#[test]
fn a_start_without_threads_ends() {
    let _alone = alone();
    if emulator().is_some() {
        // It ends in its own way.
        return;
    }
    let directory = TempDir::new();
    let mut served = 0;
    // tiny_http begins with more threads than stay.
    for threads in 1..=THREADS_AT_REST + GROUP + 3 {
        let mut command = with_few_threads(&directory, limited_user(1), threads);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log"));
        let mut line = String::new();
        log.read_line(&mut line).expect("a line");
        let address = line.split("serves http://").nth(1);
        let Some(address) = address.and_then(|rest| rest.split('/').next()) else {
            assert!(
                line.contains("raise the limits of threads"),
                "{threads}: {line}"
            );
            assert_eq!(
                child.wait().expect("its end").code(),
                Some(1),
                "{threads}: {line}"
            );
            let mut rest = String::new();
            log.read_to_string(&mut rest).expect("an end");
            assert_eq!(rest, "", "{threads}");
            continue;
        };
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("the request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let status = Response::read(&answer).map(|answer| answer.status);
        assert_eq!(status, Some(200), "{threads}");
        end(&mut child, "TERM");
        served += 1;
    }
    assert!(served > 0);
}

/// The threads of a user.
fn threads_of(user: u32) -> usize {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    processes
        .filter(|process| {
            process
                .metadata()
                .is_ok_and(|metadata| metadata.uid() == user)
        })
        .filter_map(|process| fs::read_dir(process.path().join("task")).ok())
        .map(Iterator::count)
        .sum()
}

/// The answers to requests for the metrics while the server hangs: each says so, or that there are
/// too many, and in time.
fn assert_down_or_busy(exporter: &Exporter) {
    let began = Instant::now();
    let response = exporter.get("/metrics");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(response.headers["connection"], "close");
    match response.status {
        200 => assert!(response.text().contains("\nopensips_up 0\n")),
        status => assert_eq!(status, 503, "{}", response.text()),
    }
}

/// Sets a flag when it goes out of scope, whatever the reason.
struct SetInTheEnd<'a>(&'a AtomicBool);

impl Drop for SetInTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Requests that need no SIP server, among as many that wait for it as there can be connections.
#[test]
fn a_hanging_server_delays_nothing_else() {
    let _alone = alone();
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=3s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..MAX_CONNECTIONS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_down_or_busy(&exporter);
                }
            });
        }
        let _end = SetInTheEnd(&is_over);
        wait_until("as many requests as may wait are on their way", || {
            threads(&exporter) >= THREADS_AFTERWARDS
        });
        let mut times: Vec<Duration> = (0..100)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(exporter.get("/-/healthy").status, 200);
                start.elapsed()
            })
            .collect();
        for (path, status) in [("/", 200), ("/nosuch", 404), ("/x", 404)] {
            assert_eq!(exporter.get(path).status, status, "{path}");
        }
        times.sort();
        println!(
            "a hanging server: /-/healthy takes {:?}, at most {:?}",
            times[50], times[99]
        );
        // One of them may meet a busy machine, and all others when other attacks go on.
        let most = Duration::from_millis(if is_full() { 200 } else { 2000 });
        assert!(times[98] < most, "{times:?}");
    });
}

/// More requests than streams wait for the server: whoever comes then is told so, and not for
/// longer.
#[test]
fn one_too_many_is_told_so() {
    let _alone = alone();
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=4s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    thread::scope(|scope| {
        // The last stream is for another address.
        for _ in 0..MAX_STREAMS * 3 / 4 - 1 {
            scope.spawn(|| assert_down(&exporter));
        }
        wait_until("all requests are on their way", || {
            threads(&exporter) >= THREADS_AFTERWARDS
        });
        let began = Instant::now();
        let response = exporter.get("/metrics");
        assert_eq!(response.status, 503, "{}", response.text());
        assert_eq!(response.headers["connection"], "close");
        let took = began.elapsed();
        assert!((1.0..3.5).contains(&took.as_secs_f64()), "{took:?}");
    });
    assert_down(&exporter);
}

/// One request from another address, behind as many of one address as wait for the server twice.
#[test]
fn the_address_that_has_least_is_next() {
    let _alone = alone();
    const AT_ONCE: usize = MAX_STREAMS * 3 / 4;
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=1s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    let ask = |host: u8| {
        let mut stream = connect_from(host, exporter.address, None).expect("a connection");
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("taken");
        stream
    };
    let many: Vec<TcpStream> = (0..3 * AT_ONCE).map(|_| ask(2)).collect();
    let mut other = ask(3);
    let mut answer = Vec::new();
    other.read_to_end(&mut answer).expect("an answer");
    assert_eq!(
        Response::read(&answer).map(|answer| answer.status),
        Some(200)
    );
    let is_unanswered = |stream: &&TcpStream| {
        stream.set_nonblocking(true).expect("a mode");
        stream.peek(&mut [0]).is_err()
    };
    let unanswered = many.iter().filter(is_unanswered).count();
    assert!(unanswered >= AT_ONCE / 2, "{unanswered}");
}

/// They are read once a second at most, and not more seldom.
#[test]
fn the_metrics_of_the_process_get_newer() {
    let _alone = alone();
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    let open = || -> usize {
        let page = exporter.scrape();
        let value = page.value("process_open_fds", &[]).expect("descriptors");
        value.parse().expect("a number")
    };
    let before = open();
    let held: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(exporter.address).expect("a connection");
            stream.write_all(b"GET /").expect("a part of a request");
            stream
        })
        .collect();
    wait_until("more descriptors", || open() >= before + held.len());
}

/// The pages of a large server, which strangers ask for and do not read.
#[test]
fn pages_that_nobody_reads_have_a_bound() {
    let _alone = alone();
    let (processes, rounds, count) = if is_full() {
        (10_000, 3, MAX_CONNECTIONS)
    } else {
        (2000, 1, 8)
    };
    let all = statistics(V3_6, processes);
    let (_directory, _server, exporter) = server_with(V3_6, all, &["--timeout=20s"]);
    let page = exporter.get("/metrics");
    assert!(page.body.len() > 300 * processes, "{}", page.body.len());
    for round in 0..rounds {
        let strangers: Vec<TcpStream> = (0..count)
            .map(|number| {
                let mut stream = TcpStream::connect(exporter.address).expect("a connection");
                // Each another page, or all the same.
                let group = match round {
                    0 => format!("collect[]=pkmem:&collect[]=load:&collect[]=x{number}"),
                    _ => String::new(),
                };
                write!(stream, "GET /metrics?{group} HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
                stream
            })
            .collect();
        // All from one address, so that it may be told to come again.
        wait_until("a scrape goes on", || {
            exporter
                .get("/metrics")
                .text()
                .contains("\nopensips_up 1\n")
        });
        drop(strangers);
    }
    let most = peak(&exporter);
    println!("pages that nobody reads: at most {most} kB");
    // The README says 50 MB. glibc keeps memory for each thread, the static binary does
    // not.
    assert!(!is_full() || most < 48 << 10, "{most} kB");
}

/// The most memory that the exporter had, in kB.
fn peak(exporter: &Exporter) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.pid())).expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.and_then(|line| line.trim().strip_suffix(" kB"));
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}
