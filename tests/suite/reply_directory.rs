//! `--reply-dir`: replies by way of the file system, and nothing left there.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::stand_in::{Behaviour, StandIn, V1_11, V2_4};
use crate::support::{
    Exporter, TempDir, assert_down, assert_is_down, assert_up, binary, captured, wait_until,
};

fn setup(behaviour: Behaviour) -> (TempDir, TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let replies = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V1_11, &captured());
    server.behave(behaviour);
    let path = replies.path().to_str().expect("text");
    let exporter = Exporter::start(&socket, &["--timeout=20s", "--reply-dir", path]);
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
    std::thread::spawn(move || {
        let _ = std::net::TcpStream::connect(address).map(|mut stream| {
            let _ =
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        });
    })
}

#[test]
fn a_signal_in_the_middle_of_a_scrape_leaves_nothing() {
    for signal in ["TERM", "INT"] {
        let (_directory, replies, _server, mut exporter) = setup(Behaviour::Silent);
        let scrapes: Vec<_> = (0..5).map(|_| scrape_in_vain(&exporter)).collect();
        // One scrape asks at a time.
        wait_until("the reply socket is there", || replies.files().len() == 1);
        for file in replies.files() {
            // The server may run as another user: its right to write is the mode.
            let mode = fs::metadata(replies.join(&file))
                .expect("the socket")
                .permissions()
                .mode();
            assert_eq!(mode & 0o222, 0o222, "{file}");
        }
        exporter.end(signal);
        assert_eq!(replies.files(), Vec::<String>::new(), "{signal}");
        for scrape in scrapes {
            scrape.join().expect("the client ends");
        }
    }
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
