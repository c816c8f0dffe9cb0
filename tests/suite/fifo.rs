//! Servers that are asked by their FIFO, as stock configurations have it.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::golden_pages::steady;
use crate::support::fifo::{Behaviour, FifoServer, ReplyFifo, make_fifo};
use crate::support::many_processes::{assert_all, statistics};
use crate::support::stand_in::{V1_11, V2_4, V3_6, V4_0, Version, read_captured};
use crate::support::{Exporter, TempDir, assert_down, assert_up, binary, fixture, wait_until};

const VERSIONS: [Version; 4] = [V1_11, V2_4, V3_6, V4_0];

/// What a server takes of a request, and what no other client's request can get into.
const LIMIT: usize = 4096;

/// A directory with the FIFO of a server, and one for its replies.
struct Place {
    directory: TempDir,
    replies: TempDir,
}

impl Place {
    fn new() -> Self {
        Place {
            directory: TempDir::new(),
            replies: TempDir::new(),
        }
    }

    fn fifo(&self) -> PathBuf {
        self.directory.join("opensips_fifo")
    }

    fn server(&self, version: Version) -> FifoServer {
        FifoServer::start(&self.fifo(), self.replies.path(), version)
    }

    fn exporter(&self, arguments: &[&str]) -> Exporter {
        let replies = self.replies.path().to_str().expect("a path");
        let arguments = [&["--reply-dir", replies], arguments].concat();
        Exporter::start(&self.fifo(), &arguments)
    }
}

/// How many of `requests` ask for this.
fn count(requests: &[String], text: &str) -> usize {
    requests
        .iter()
        .filter(|request| request.contains(text))
        .count()
}

#[test]
fn the_page_is_that_of_a_datagram() {
    for version in VERSIONS {
        let place = Place::new();
        let captured = fixture(&format!("{}/get_statistics_all.reply", version.name));
        let all = read_captured(&fs::read(captured).expect("the captured reply"));
        let replies = place.replies.path();
        let server = FifoServer::with_statistics(&place.fifo(), replies, version, all);
        server.load_modules();
        let exporter = place.exporter(&[
            "--collect=all,tcp_connections,dialog_states",
            "--dialog-profiles=caller,inbound",
        ]);
        let page = fs::read_to_string(fixture(&format!("{}/page.txt", version.name)));
        let page = page.expect("the page of a datagram");
        assert_eq!(
            steady(&exporter.get("/metrics").text()),
            page,
            "{}",
            version.name
        );
        let first = server.take_requests();
        // What the server is, its version, its statistics, and the list of its commands.
        for (text, expected) in [
            ("\"version\",\"id\"", 1),
            ("get_statistics", 1),
            ("which", 1),
        ] {
            let asked = count(&first, text);
            assert!(asked >= expected, "{}: {text} {asked}", version.name);
        }
        assert_eq!(exporter.scrape().up(), "1");
        let second = server.take_requests();
        assert_eq!(count(&second, "version"), 0, "{second:?}");
        assert_eq!(count(&second, "get_statistics"), 1, "{second:?}");
        assert_eq!(place.replies.files(), Vec::<String>::new());
    }
}

#[test]
fn every_statistic_of_two_thousand_processes_arrives_in_one_request() {
    const PROCESSES: usize = 2000;
    for version in VERSIONS {
        let place = Place::new();
        let all = statistics(version, PROCESSES);
        let replies = place.replies.path();
        let server = FifoServer::with_statistics(&place.fifo(), replies, version, all);
        let exporter = place.exporter(&["--timeout=20s"]);
        for _ in 0..2 {
            assert_all(&exporter, version, PROCESSES);
            let requests = server.take_requests();
            assert_eq!(count(&requests, "get_statistics"), 1, "{}", version.name);
        }
        // Room for all of it, so that the server never waits for the client.
        let rooms = server.take_replies();
        assert!(rooms.iter().all(|reply| reply.room >= 1 << 20), "{rooms:?}");
    }
}

#[test]
fn names_that_do_not_fit_into_one_request_are_asked_for_in_several() {
    for version in VERSIONS {
        let place = Place::new();
        let all = statistics(version, 230);
        let replies = place.replies.path();
        let server = FifoServer::with_statistics(&place.fifo(), replies, version, all.clone());
        let exporter = place.exporter(&[]);
        assert_up(&exporter);
        server.take_requests();
        let names = (0..230).map(|process| format!("collect[]={process}-real_used_size"));
        let names = names.collect::<Vec<_>>().join("&");
        let page = exporter.scrape_with(&format!("/metrics?{names}"));
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        let family = page
            .family("opensips_pkmem_real_used_size")
            .expect("samples");
        let has_name = |(_, name, _): &&(_, Vec<u8>, _)| name.ends_with(b"-real_used_size");
        assert_eq!(family.samples.len(), all.iter().filter(has_name).count());
        let requests = server.take_requests();
        let (asked, longest) = (requests.len(), requests.iter().map(String::len).max());
        assert!((2..=5).contains(&asked), "{}: {asked}", version.name);
        assert!(
            longest.is_some_and(|longest| longest <= LIMIT),
            "{longest:?}"
        );

        // Names twice as long in JSON.
        let names = (0..40).map(|name| format!("collect[]={name}{}", "%5C".repeat(50)));
        let names = names.collect::<Vec<_>>().join("&");
        let page = exporter.scrape_with(&format!("/metrics?{names}&collect[]=core:"));
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        assert!(page.family("opensips_core_requests_total").is_some());
        let requests = server.take_requests();
        assert!(requests.iter().all(|request| request.len() <= LIMIT));
    }
}

#[test]
fn each_version_is_found_out_also_in_the_place_of_another() {
    let place = Place::new();
    let exporter = place.exporter(&[]);
    for version in [V3_6, V2_4, V4_0, V1_11, V3_6, V3_6, V2_4, V2_4] {
        let server = place.server(version);
        for _ in 0..2 {
            assert_up(&exporter);
        }
        let page = exporter.scrape();
        let info = &page.family("opensips_info").expect("what it is").samples[0];
        assert!(info.labels["version"].starts_with(version.name), "{info:?}");
        // Of its kind, and at once.
        let asked = server.take_requests();
        assert_eq!(
            count(&asked, "\"method\":\"version\",\"id\""),
            1 + usize::from(!version.speaks_like(V2_4)),
            "{asked:?}"
        );
        server.stop();
    }
    assert!(exporter.logged("opensips_up is 0").is_empty());
}

/// A dialect that the operator names is no reason to spoil the FIFO of a server that speaks the
/// other.
#[test]
fn a_wrong_dialect_is_not_spoken() {
    for (version, right, wrong) in [
        (V3_6, "jsonrpc", "line"),
        (V3_6, "jsonrpc", "kamailio"),
        (V2_4, "line", "jsonrpc"),
    ] {
        let place = Place::new();
        let server = place.server(version);
        let exporter = place.exporter(&["--dialect", wrong]);
        assert_down(&exporter);
        let line = exporter.wait_for_log("opensips_up is 0");
        assert!(line.contains("--dialect is auto"), "{line}");
        assert_eq!(count(&server.take_requests(), "get_statistics"), 0);
        assert_up(&place.exporter(&["--dialect", right]));
    }
}

/// Between two requests of one scrape.
#[test]
fn a_server_that_is_replaced_in_the_middle_is_not_spoken_to_in_the_old_way() {
    for (before, after) in [(V2_4, V3_6), (V3_6, V2_4), (V1_11, V4_0)] {
        for moment in ["version", "get_statistics", "which"] {
            let place = Place::new();
            let server = place.server(before);
            let exporter = place.exporter(&["--timeout=2s"]);
            let (replacing, replaced) = std::sync::mpsc::channel();
            let (path, replies) = (place.fifo(), place.replies.path().to_path_buf());
            server.before_answers(move |request| {
                // Not the question for the dialect, which comes first.
                if request.contains(moment) && !request.contains("opensips_exporter-\"") {
                    let _ = replacing.send(FifoServer::start(&path, &replies, after));
                }
            });
            exporter.scrape();
            let _after = replaced.try_recv().expect("it was replaced");
            server.before_answers(|_| {});
            exporter.scrape();
            assert_up(&exporter);
        }
    }
}

#[test]
fn a_server_that_does_not_answer_costs_no_more_than_the_timeout() {
    for version in [V2_4, V3_6] {
        let place = Place::new();
        let server = place.server(version);
        let exporter = place.exporter(&["--timeout=300ms"]);
        for (behaviour, expected) in [
            (Behaviour::Silent, "no reply from "),
            (Behaviour::Hanging, "no reply from "),
            (
                Behaviour::Slow(Duration::from_millis(600)),
                "no reply from ",
            ),
            (Behaviour::Stopped, "took no request within 300ms"),
        ] {
            for is_known in [true, false] {
                assert_up(&exporter);
                let other = place.exporter(&["--timeout=300ms"]);
                let exporter = if is_known { &exporter } else { &other };
                server.behave(behaviour.clone());
                let began = Instant::now();
                assert_down(exporter);
                assert!(began.elapsed() >= Duration::from_millis(300));
                assert!(began.elapsed() < Duration::from_secs(5), "{behaviour:?}");
                let line = exporter.wait_for_log(expected);
                let causes = ["PrivateTmp=", "reply_dir", "spoilt", "blocks"];
                let causes = causes.map(|cause| line.find(cause));
                assert!(
                    !expected.starts_with("no reply") || causes.is_sorted(),
                    "{line}"
                );
                assert_eq!(
                    causes[0].is_some(),
                    expected.starts_with("no reply"),
                    "{line}"
                );
                assert_eq!(place.replies.files(), Vec::<String>::new());
                server.behave(Behaviour::Proper);
                wait_until("it answers again", || {
                    exporter.get("/-/ready").status == 200
                });
            }
        }
        assert_up(&exporter);
    }
}

/// A queue of requests that is full, since nobody reads it.
#[test]
fn a_full_fifo_is_named() {
    let place = Place::new();
    let server = place.server(V3_6);
    server.behave(Behaviour::Stopped);
    let mut filler = File::options()
        .write(true)
        .open(place.fifo())
        .expect("the FIFO");
    // As much as a pipe holds.
    filler.write_all(&[b'\n'; 64 << 10]).expect("room");
    let exporter = place.exporter(&["--timeout=200ms"]);
    assert_down(&exporter);
    exporter.wait_for_log("opensips_fifo took no request within 200ms");
    assert_eq!(place.replies.files(), Vec::<String>::new());
    server.behave(Behaviour::Proper);
    assert_up(&exporter);
}

#[test]
fn a_reply_that_is_not_whole_is_no_value() {
    for (version, reply) in [
        (V2_4, &b""[..]),
        // The server drops what does not fit into its buffer, and says nothing.
        (V2_4, b"200 OK\ncore:rcv_requests:: 37\n"),
        (V1_11, b"200 OK\ncore:rcv_requests:: 3"),
        (V1_11, b"500 command"),
        (V3_6, b""),
        (
            V3_6,
            b"{\"jsonrpc\":\"2.0\",\"result\":{\"core:rcv_requests\":3",
        ),
        (
            V4_0,
            b"{\"jsonrpc\":\"2.0\",\"result\":{\"key\":\"big\",\"value\":failed to print response",
        ),
    ] {
        let place = Place::new();
        let server = place.server(version);
        let exporter = place.exporter(&["--timeout=20s"]);
        assert_up(&exporter);
        server.behave(Behaviour::Raw(reply.to_vec()));
        assert_down(&exporter);
        let line = exporter.wait_for_log("opensips_up is 0");
        let expected = format!("the reply was cut off after {} bytes", reply.len());
        assert!(line.contains(&expected), "{line}");
        assert_eq!(place.replies.files(), Vec::<String>::new());
        server.behave(Behaviour::Proper);
        assert_up(&exporter);
    }
    let place = Place::new();
    let server = place.server(V3_6);
    let exporter = place.exporter(&["--timeout=20s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Truncated(9));
    assert_down(&exporter);
    let other = br#"{"jsonrpc":"2.0","result":{"core:rcv_requests":1},"id":1}"#;
    server.behave(Behaviour::Raw(other.to_vec()));
    assert_down(&exporter);
    server.behave(Behaviour::Proper);
    assert_up(&exporter);
}

#[test]
fn a_command_that_is_silent_costs_itself_alone() {
    for version in [V2_4, V3_6] {
        let place = Place::new();
        let server = place.server(version);
        server.load_modules();
        let exporter = place.exporter(&["--timeout=2s"]);
        assert_up(&exporter);
        server.behave(Behaviour::Mute("ds_list"));
        assert_up(&exporter);
        exporter.wait_for_log("dispatcher is not complete on the page");
        assert_eq!(place.replies.files(), Vec::<String>::new());
    }
}

#[test]
fn a_server_that_ends_is_not_waited_for() {
    for behaviour in [Behaviour::Silent, Behaviour::Stopped] {
        let place = Place::new();
        let server = place.server(V3_6);
        let exporter = place.exporter(&["--timeout=50s"]);
        assert_up(&exporter);
        server.behave(behaviour);
        let began = Instant::now();
        std::thread::scope(|scope| {
            let scrape = scope.spawn(|| assert_down(&exporter));
            wait_until("it is asked", || !place.replies.files().is_empty());
            server.die();
            scrape.join().expect("the scrape ends");
        });
        assert!(began.elapsed() < Duration::from_secs(25));
        exporter.wait_for_log("nobody listens on");
        // Another one makes the FIFO anew.
        let server = place.server(V2_4);
        assert_up(&exporter);
        server.stop();
        assert_down(&exporter);
        exporter.wait_for_log("opensips_fifo does not exist");
    }
}

#[test]
fn what_is_in_the_place_of_the_fifo_is_named_and_left_alone() {
    let place = Place::new();
    place.server(V3_6).stop();
    fs::write(place.fifo(), "mine").expect("a file");
    let exporter = place.exporter(&[]);
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    let expected =
        "opensips_fifo is a file, not the datagram socket of mi_datagram or the FIFO of mi_fifo";
    assert!(line.contains(expected), "{line}");
    assert_eq!(fs::read(place.fifo()).expect("the file"), b"mine");
    // Somebody else's, which nobody reads.
    fs::remove_file(place.fifo()).expect("the file");
    make_fifo(&place.fifo());
    assert_down(&exporter);
    exporter.wait_for_log("nobody listens on");
    assert_eq!(
        fs::metadata(place.fifo()).expect("it").mode() & 0o7777,
        0o666
    );
    let _server = place.server(V3_6);
    assert_up(&exporter);
}

/// What other clients do to servers of the line protocol.
#[test]
fn what_others_left_unfinished_costs_nothing() {
    for version in [V1_11, V2_4] {
        let place = Place::new();
        let server = place.server(version);
        let exporter = place.exporter(&["--timeout=2s"]);
        assert_up(&exporter);
        for unfinished in [
            ":uptime:nobody",
            ":uptime:nobody\n",
            ":get_statistics:nobody\ncore:\n",
            ":get_statistics:nobody\nco\"re:\n\n",
        ] {
            let other = File::options().write(true).open(place.fifo());
            let mut other = other.expect("the FIFO");
            other.write_all(unfinished.as_bytes()).expect("it is taken");
            drop(other);
            assert_up(&exporter);
        }
        drop(server);
    }
}

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
                let stream = std::net::TcpStream::connect(scrape);
                let _ = stream.map(|mut stream| {
                    let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                    let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
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

#[test]
fn permission_denied_names_user_mode_and_owner() {
    let place = Place::new();
    let _server = place.server(V3_6);
    for directory in [&place.directory, &place.replies] {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("its mode");
    }
    fs::set_permissions(place.fifo(), Permissions::from_mode(0o440)).expect("the mode");
    let (exporter, user) =
        crate::outages::as_user_without_privileges(&place.directory, &place.fifo());
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    let expected = format!(
        "permission denied on {} (mode 0440, owner ",
        place.fifo().display()
    );
    assert!(line.contains(&expected) && line.contains(&user), "{line}");
    assert!(line.contains("fifo_mode"), "{line}");
}
