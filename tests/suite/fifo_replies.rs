//! The files by way of which replies over a FIFO come: who may write to them, and that none is
//! left.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::fifo::{Behaviour, FifoServer, Place, ReplyFifo, make_fifo};
use crate::support::stand_in::{V2_4, V3_6};
use crate::support::{Exporter, TempDir, assert_down, assert_up, binary, wait_until};

#[test]
fn two_exporters_get_their_own_replies() {
    for version in [V2_4, V3_6] {
        let place = Place::new();
        let _server = place.server(version);
        let exporters = [place.exporter(&[]), place.exporter(&[])];
        std::thread::scope(|scope| {
            for exporter in &exporters {
                scope.spawn(|| (0..30).for_each(|_| assert_up(exporter)));
            }
        });
        assert_eq!(place.replies.files(), Vec::<String>::new());
    }
}

#[test]
fn the_server_may_write_by_its_group() {
    let place = Place::new();
    let server = place.server(V3_6);
    let group = fs::metadata(place.fifo()).expect("the FIFO").gid();
    let exporter = place.exporter(&[]);
    assert_up(&exporter);
    let replies = server.take_replies();
    assert!(!replies.is_empty());
    for ReplyFifo {
        mode, group: of, ..
    } in replies
    {
        assert_eq!((mode, of), (0o620, group));
    }
}

#[test]
fn replies_come_to_tmp_by_default() {
    let directory = TempDir::new();
    let fifo = directory.join("opensips_fifo");
    let server = FifoServer::start(&fifo, Path::new("/tmp"), V3_6);
    let mut command = binary();
    command
        .env("TMPDIR", directory.path())
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&fifo);
    let exporter = Exporter::run(command);
    assert_up(&exporter);
    assert!(!server.take_replies().is_empty());
    assert_eq!(directory.files(), ["opensips_fifo"]);
}

#[test]
fn a_directory_without_room_for_replies_is_named() {
    let place = Place::new();
    let _server = place.server(V3_6);
    let exporter = Exporter::start(&place.fifo(), &["--reply-dir", "/nonexistent"]);
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(
        line.contains("cannot make a FIFO for the reply in /nonexistent"),
        "{line}"
    );
}

#[test]
fn a_signal_leaves_nothing_and_what_a_killed_one_left_goes_later() {
    let place = Place::new();
    let server = place.server(V3_6);
    for is_known in [true, false] {
        let mut exporter = place.exporter(&["--timeout=50s"]);
        server.behave(Behaviour::Proper);
        if is_known {
            assert_up(&exporter);
        }
        server.behave(Behaviour::Silent);
        let left = |exporter: &mut Exporter, signal: &str| {
            let scrape = exporter.address;
            let scrape = std::thread::spawn(move || {
                let stream = TcpStream::connect(scrape);
                let _ = stream.map(|mut stream| {
                    let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                    let _ = stream.read_to_end(&mut Vec::new());
                });
            });
            let files = if is_known { 1 } else { 2 };
            wait_until("it waits for the reply", || {
                place.replies.files().len() == files
            });
            exporter.end(signal);
            scrape.join().expect("the client ends");
            place.replies.files()
        };
        assert_eq!(left(&mut exporter, "TERM"), Vec::<String>::new());
        let mut exporter = place.exporter(&["--timeout=50s"]);
        server.behave(Behaviour::Proper);
        if is_known {
            assert_up(&exporter);
        }
        server.behave(Behaviour::Silent);
        let files = left(&mut exporter, "KILL");
        assert_eq!(files.len(), if is_known { 1 } else { 2 });
        server.behave(Behaviour::Proper);

        // Others' files, and what may still be waited for.
        make_fifo(&place.replies.join("other"));
        fs::write(place.replies.join("opensips_exporter-file"), "").expect("a file");
        let target = place.replies.join("other");
        symlink(target, place.replies.join("opensips_exporter-link")).expect("a link");
        assert_up(&place.exporter(&[]));
        assert_eq!(place.replies.files().len(), files.len() + 3);
        for file in place.replies.files() {
            let path = place.replies.join(&file);
            let touched = Command::new("touch")
                .args(["--no-dereference", "--date", "121 seconds ago"])
                .arg(path)
                .status();
            assert!(touched.expect("touch").success());
        }
        assert_up(&place.exporter(&[]));
        let mut files = place.replies.files();
        files.sort();
        assert_eq!(
            files,
            ["opensips_exporter-file", "opensips_exporter-link", "other"]
        );
        for file in files {
            fs::remove_file(place.replies.join(&file)).expect("it is there");
        }
    }
}
