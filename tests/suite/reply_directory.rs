//! `--reply-dir`: replies by way of the file system, and nothing left there.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::stand_in::{Behaviour, StandIn, V1_11, V2_4};
use crate::support::{
    Exporter, TempDir, assert_down, assert_is_down, assert_up, binary, binary_path, captured,
    command, wait_until,
};

fn setup(behaviour: Behaviour) -> (TempDir, TempDir, StandIn, Exporter) {
    setup_within(behaviour, "20s")
}

fn setup_within(behaviour: Behaviour, timeout: &str) -> (TempDir, TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let replies = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V1_11, &captured());
    server.behave(behaviour);
    let path = replies.path().to_str().expect("text");
    let exporter = Exporter::start(&socket, &["--timeout", timeout, "--reply-dir", path]);
    (directory, replies, server, exporter)
}

#[test]
fn replies_come_there_and_leave_nothing() {
    let (_directory, replies, server, exporter) = setup(Behaviour::Proper);
    assert_up(&exporter);
    assert_eq!(replies.files(), Vec::<String>::new());
    server.behave(Behaviour::Silent);
    assert_is_down(&exporter.scrape_within(Duration::from_millis(200)));
    assert_eq!(replies.files(), Vec::<String>::new());
}

/// A request under way: its reply never comes.
fn scrape_in_vain(exporter: &Exporter) -> std::thread::JoinHandle<()> {
    let address = exporter.address;
    std::thread::spawn(move || drop(scrape(address)))
}

/// Asks for a page, whatever comes of it.
fn scrape(address: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())
}

#[test]
fn a_signal_in_the_middle_of_a_scrape_leaves_nothing() {
    for signal in ["TERM", "INT"] {
        let (_directory, replies, _server, mut exporter) = setup(Behaviour::Silent);
        let scrapes: Vec<_> = (0..5).map(|_| scrape_in_vain(&exporter)).collect();
        // One scrape asks at a time.
        wait_until("the reply socket is there", || replies.files().len() == 1);
        exporter.end(signal);
        assert_eq!(replies.files(), Vec::<String>::new(), "{signal}");
        for scrape in scrapes {
            scrape.join().expect("the client ends");
        }
    }
}

/// Each request comes to its end within a millisecond, and a signal at any time of that.
#[test]
fn a_signal_while_scrapes_time_out_leaves_nothing() {
    for round in 0..20 {
        let (_directory, replies, server, mut exporter) = setup_within(Behaviour::Silent, "1ms");
        let address = exporter.address;
        let scrapes: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(move || while scrape(address).is_ok() {}))
            .collect();
        wait_until("scrapes time out", || server.questions().len() > round);
        exporter.end("TERM");
        assert_eq!(replies.files(), Vec::<String>::new());
        for scrape in scrapes {
            scrape.join().expect("the client ends");
        }
    }
}

/// Other users may write to the sockets whatever the umask is, since the server may be one of them.
#[test]
fn the_umask_takes_nothing_from_the_mode_of_the_sockets() {
    let directory = TempDir::new();
    let replies = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V1_11, &captured());
    server.behave(Behaviour::Silent);
    let umask = ["sh", "-c", r#"umask 077; exec "$@""#, "sh"];
    let mut command = command(&umask, &binary_path());
    command.args(["--addr=127.0.0.1:0", "--timeout=20s", "--socket"]);
    command.arg(socket).arg("--reply-dir").arg(replies.path());
    let exporter = Exporter::run(command);
    let scrape = scrape_in_vain(&exporter);
    wait_until("the reply socket is there", || replies.files().len() == 1);
    let metadata = fs::metadata(replies.join(&replies.files()[0])).expect("the socket");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o666);
    drop(exporter);
    scrape.join().expect("the client ends");
}

/// The server would look for a relative path in its own working directory.
#[test]
fn a_relative_directory_is_that_of_the_exporter() {
    let (directory, _replies, server, _) = setup(Behaviour::Proper);
    fs::create_dir(directory.join("here")).expect("a directory");
    let mut command = binary();
    command.current_dir(directory.path()).args([
        "--addr=127.0.0.1:0",
        "--reply-dir=here",
        "--socket=mi.sock",
    ]);
    assert_up(&Exporter::run(command));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_a_killed_one_left_is_removed_by_the_next() {
    let (directory, replies, _server, mut exporter) = setup(Behaviour::Proper);
    assert_up(&exporter);
    let left = replies.join("opensips_exporter-left.sock");
    drop(UnixDatagram::bind(&left).expect("a socket that nobody holds"));
    let held = replies.join("opensips_exporter-held.sock");
    let _held = UnixDatagram::bind(&held).expect("a socket of another exporter");
    // Only sockets are removed, and only those of exporters.
    fs::write(replies.join("opensips_exporter-file.sock"), "").expect("a file");
    std::os::unix::fs::symlink(&left, replies.join("opensips_exporter-link.sock")).expect("a link");
    drop(UnixDatagram::bind(replies.join("other.sock")).expect("a socket"));
    exporter.end("KILL");
    let path = replies.path().to_str().expect("text");
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--reply-dir", path]);
    assert_up(&exporter);
    let mut files = replies.files();
    files.sort();
    assert_eq!(
        files,
        [
            "opensips_exporter-file.sock",
            "opensips_exporter-held.sock",
            "opensips_exporter-link.sock",
            "other.sock"
        ]
    );
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    let exporter = Exporter::start(&socket, &["--reply-dir", "/nonexistent"]);
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(
        line.contains("cannot make a reply socket in /nonexistent"),
        "{line}"
    );
}
