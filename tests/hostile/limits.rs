//! Where the system gives little: few descriptors, few threads, and a server that hangs while everybody asks.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::alone;
use crate::support::attack::{idle, resets, withstand};
use crate::support::stand_in::{Behaviour, StandIn, V2_4};
use crate::support::{
    Exporter, Response, TempDir, assert_down, assert_up, binary_path, captured, command,
    server_and_exporter, wait_until,
};
use opensips_exporter::gate::MAX_CONNECTIONS;

/// With few descriptors there are few places, but strangers cannot take them.
#[test]
fn few_descriptors_are_enough() {
    let _alone = alone();
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    let mut command = command(&["prlimit", "--nofile=100"], &binary_path());
    command
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    let mut exporter = Exporter::run(command);
    let line = exporter.wait_for_log("no more than 12 connections at once");
    assert!(line.contains("raise it to 400"), "{line}");
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
    let (_directory, _server, mut exporter) = server_and_exporter(&["--log.level=debug"]);
    exporter.wait_for_log("there are places for");
    let limit = |limit: &str| {
        prlimit(&exporter, &format!("--nofile={limit}:"));
    };
    // Those below are the first that it opened.
    limit("4");
    let mut waiting = std::net::TcpStream::connect(exporter.address).expect("the kernel takes it");
    waiting
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("the kernel takes it");
    let line = exporter.wait_for_log("new connections have to wait");
    assert!(
        line.contains("raise the limit of open files to 400"),
        "{line}"
    );
    limit("1000");
    let mut answer = Vec::new();
    waiting.read_to_end(&mut answer).expect("an answer");
    assert_eq!(
        Response::read(&answer).map(|answer| answer.status),
        Some(200)
    );
    assert_up(&exporter);
    assert!(exporter.is_running());
    assert_eq!(exporter.logged("new connections have to wait").len(), 1);
}

/// The user to run the exporter as, whose threads are limited: if this is root, who has no limit,
/// one without any process, or else the one of this process.
fn limited_user() -> u32 {
    let own = rustix::process::getuid();
    if own.is_root() {
        20_000 + std::process::id() % 40_000
    } else {
        own.as_raw()
    }
}

/// With few threads there are few places, and requests share the threads that there are.
#[test]
fn few_threads_are_enough() {
    let _alone = alone();
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V2_4, &captured());
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("the socket");
    let own = directory.join("opensips_exporter");
    fs::copy(binary_path(), &own).expect("a copy that everybody can start");
    let user = limited_user();
    let limit = format!("--nproc={}", threads_of(user) + 40);
    let mut command = command(&["prlimit", &limit], &own);
    command
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    if rustix::process::getuid().is_root() {
        command.uid(user).gid(user);
    }
    let mut exporter = Exporter::run(command);
    let line = exporter.wait_for_log("connections at once instead of");
    assert!(line.contains("raise their limit"), "{line}");
    assert_up(&exporter);
    withstand("idle connections, few threads", &mut exporter, 500, 1, idle);
    withstand("resets, few threads", &mut exporter, 1000, 2, resets);

    // Now there can be no further thread at all.
    prlimit(&exporter, "--nproc=1:");
    withstand("resets, no further thread", &mut exporter, 1000, 2, resets);
    server.behave(Behaviour::Silent);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| exporter.scrape_within(Duration::from_millis(500)));
        }
    });
    server.behave(Behaviour::Proper);
    assert_up(&exporter);
    assert!(
        exporter.logged("level=error").is_empty(),
        "{:?}",
        exporter.log()
    );
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

#[test]
fn a_hanging_server_delays_nothing_else() {
    let _alone = alone();
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=5s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| assert_down(&exporter));
        }
        let workers = || {
            exporter
                .threads()
                .into_iter()
                .filter(|name| name == "worker\n")
        };
        wait_until("all requests wait", || workers().count() > 50);
        let mut times: Vec<Duration> = (0..100)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(exporter.get("/-/healthy").status, 200);
                start.elapsed()
            })
            .collect();
        assert_eq!(exporter.get("/").status, 200);
        times.sort();
        println!(
            "a hanging server: /-/healthy takes {:?}, at most {:?}",
            times[50], times[99]
        );
        // One of them may meet a busy machine.
        assert!(times[98] < Duration::from_secs(1), "{times:?}");
    });
}

/// More requests than places wait for answers: whoever comes then is told so, and not for longer.
#[test]
fn one_too_many_is_told_so() {
    let _alone = alone();
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=6s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    thread::scope(|scope| {
        for _ in 0..MAX_CONNECTIONS {
            scope.spawn(|| assert_down(&exporter));
        }
        let workers = || {
            exporter
                .threads()
                .into_iter()
                .filter(|name| name == "worker\n")
        };
        wait_until("all requests wait", || workers().count() > MAX_CONNECTIONS);
        let began = Instant::now();
        let response = exporter.get("/-/healthy");
        assert_eq!(response.status, 503, "{}", response.text());
        assert_eq!(response.headers["connection"], "close");
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    });
    assert_eq!(exporter.get("/-/healthy").status, 200);
}

/// They are read once a second at most, and not more seldom.
#[test]
fn the_metrics_of_the_process_get_newer() {
    let _alone = alone();
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    exporter.wait_for_lanes();
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
