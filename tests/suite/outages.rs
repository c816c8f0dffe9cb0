//! A server that is down, sick or strange: the page says so, the exporter lives, the log tells what
//! to do, once.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::stand_in::{Behaviour, StandIn, V2_4, read_captured};
use crate::support::{
    Exporter, TempDir, assert_down, assert_is_down, assert_up, binary, captured, copy_program,
    server_and_exporter, server_with, wait_until,
};

#[test]
fn the_exporter_starts_first_and_survives_the_server() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let mut exporter = Exporter::start(&socket, &[]);
    for _ in 0..3 {
        assert_down(&exporter);
    }
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(
        line.contains("level=warn") && line.contains("mi.sock does not exist: start the server"),
        "{line}"
    );

    let server = StandIn::start(&socket, V2_4, &captured());
    for _ in 0..3 {
        assert_up(&exporter);
    }
    let line = exporter.wait_for_log("opensips_up is 1");
    assert!(
        line.contains("level=info") && line.contains("again after"),
        "{line}"
    );

    // It dies and leaves its socket.
    server.die();
    for _ in 0..3 {
        assert_down(&exporter);
    }
    exporter.wait_for_log("nobody listens on");

    // The reason changes: that is news.
    fs::remove_file(&socket).expect("the socket");
    assert_down(&exporter);

    let _server = StandIn::start(&socket, V2_4, &captured());
    assert_up(&exporter);

    assert!(exporter.is_running());
    let news = exporter.logged("opensips_up is");
    assert_eq!(news.len(), 5, "one line for each change: {news:#?}");
}

#[test]
fn the_first_scrape_that_works_is_one_line() {
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    assert_up(&exporter);
    let news = exporter.logged("opensips_up is");
    assert_eq!(news.len(), 1, "{news:#?}");
    assert!(news[0].contains("opensips_up is 1: "), "{news:#?}");
}

#[test]
fn sick_answers_are_no_values() {
    let whole = captured();
    let garbage: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let (_directory, server, mut exporter) = server_with(V2_4, read_captured(&whole), &[]);
    for (behaviour, advice) in [
        (Behaviour::Silent, "no reply from"),
        (
            Behaviour::Raw(b"500 command not available\n".to_vec()),
            "500 command not available",
        ),
        (
            Behaviour::Raw(b"400 Parse_error".to_vec()),
            "neither as OpenSIPS nor as Kamailio",
        ),
        (
            Behaviour::Raw(b"404 Statistics Not Found\n\n".to_vec()),
            "holds no statistic",
        ),
        (Behaviour::Raw(b"".to_vec()), "cannot make sense of"),
        (Behaviour::Raw(b"20".to_vec()), "cannot make sense of"),
        (Behaviour::Raw(garbage), "cannot make sense of"),
        (Behaviour::Raw(b"200 OK".to_vec()), "was cut off"),
        (
            Behaviour::Raw(b"200 OK\ncore:rcv_req".to_vec()),
            "was cut off",
        ),
        // Half of the number 370 would be the number 37.
        (
            Behaviour::Raw(b"200 OK\ncore:rcv_requests:: 37".to_vec()),
            "was cut off",
        ),
        (Behaviour::Truncated(9), "was cut off"),
        (Behaviour::Raw(b"200 OK\n".to_vec()), "holds no statistic"),
        (
            Behaviour::Raw(b"200 OK\nrubbish\nmore rubbish\n".to_vec()),
            "holds no statistic",
        ),
        (Behaviour::Slow(Duration::from_secs(1)), "no reply from"),
    ] {
        server.behave(behaviour.clone());
        let before = exporter.log().len();
        assert_is_down(&exporter.scrape_within(Duration::from_millis(500)));
        server.behave(Behaviour::Proper);
        wait_until("the server is itself again", || {
            exporter.get("/-/ready").status == 200
        });
        assert_up(&exporter);
        let log = exporter.log().split_off(before);
        assert!(
            log.iter().any(|line| line.contains(advice)),
            "{behaviour:?}: {log:#?}"
        );
    }
    assert!(exporter.is_running());
}

#[test]
fn a_reply_that_comes_too_late_is_no_ones() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    server.behave(Behaviour::Slow(Duration::from_millis(800)));
    assert_is_down(&exporter.scrape_within(Duration::from_millis(400)));
    server.behave(Behaviour::Proper);
    // The server still sends the late reply, and then this one.
    let page = exporter.scrape_with("/metrics?collect[]=net:");
    assert_eq!(page.up(), "1");
    assert_eq!(page.of_server(), ["opensips_net_waiting"]);
}

#[test]
fn a_stopped_server_with_a_full_queue_costs_no_more_than_the_timeout() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    // Never read from.
    let _full = UnixDatagram::bind(&socket).expect("a socket");
    let filler = UnixDatagram::unbound().expect("a socket");
    filler.set_nonblocking(true).expect("a socket");
    while filler.send_to(b"x", &socket).is_ok() {}
    let exporter = Exporter::start(&socket, &["--timeout=200ms"]);
    let start = Instant::now();
    assert_down(&exporter);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(line.contains("took no request within 200ms"), "{line}");
}

#[test]
fn what_is_not_from_the_server_is_not_heeded() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    let forged = b"200 OK\ncore:rcv_requests:: 1\n".to_vec();
    server.behave(Behaviour::WrongSender(forged.clone()));
    assert_up(&exporter);
    server.behave(Behaviour::Twice(forged));
    assert_up(&exporter);
    assert_up(&exporter);
}

#[test]
fn a_bad_line_costs_itself_alone() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    server.behave(Behaviour::Raw(
        b"200 OK\ncore:rcv_requests:: 370\nrubbish\ncore:rcv_replies:: many\n\ncore:timestamp:: 5\n".to_vec(),
    ));
    let page = exporter.scrape();
    assert_eq!(page.up(), "1");
    assert_eq!(
        page.value("opensips_exporter_unparsed_lines", &[]),
        Some("2")
    );
    assert_eq!(
        page.of_server(),
        [
            "opensips_core_requests_total",
            "opensips_core_uptime_seconds"
        ]
    );
    server.behave(Behaviour::Proper);
    assert_eq!(
        exporter
            .scrape()
            .value("opensips_exporter_unparsed_lines", &[]),
        Some("0")
    );
}

#[test]
fn statistics_of_one_name_or_given_twice_do_not_spoil_the_page() {
    let statistic = |group: &str, name: &str, value| (group.into(), name.into(), value);
    let statistics = vec![
        statistic("sipcapture", "captured_requests", 0),
        statistic("shmem", "total_size", 1),
        statistic("mine", "total_size", 2),
        statistic("mine", "rcv_requests", 3),
        statistic("core", "rcv_requests", 4),
        statistic("sipcapture", "captured_requests", 5),
        statistic("core", "rcv_requests", 6),
        statistic("uri", "positive checks", 7),
        statistic("uri", "positive_checks", 8),
    ];
    let (_directory, _server, exporter) = server_with(V2_4, statistics, &[]);
    let page = exporter.scrape();
    let unclaimed =
        |group, name| page.value("opensips_statistic", &[("group", group), ("name", name)]);
    assert_eq!(page.value("opensips_shmem_total_size", &[]), Some("1"));
    assert_eq!(unclaimed("mine", "total_size"), Some("2"));
    assert_eq!(unclaimed("mine", "rcv_requests"), Some("3"));
    assert_eq!(page.value("opensips_core_requests_total", &[]), Some("6"));
    assert_eq!(
        page.value("opensips_sipcapture_requests_total", &[]),
        Some("5")
    );
    assert_eq!(page.value("opensips_uri_positive_checks", &[]), Some("8"));
}

#[test]
fn a_page_may_be_as_large_as_a_datagram() {
    let mut reply = b"200 OK\n".to_vec();
    let count = 7200;
    for number in 0..count {
        reply.extend_from_slice(format!("script:counter_{number}:: {number}\n").as_bytes());
    }
    assert!(reply.len() > 190_000);
    let (_directory, server, exporter) = server_with(V2_4, Vec::new(), &[]);
    server.behave(Behaviour::Raw(reply));
    let page = exporter.scrape();
    assert_eq!(page.up(), "1");
    let family = page
        .family("opensips_statistic")
        .expect("the script's counters");
    assert_eq!(family.samples.len(), count);
}

#[test]
fn nothing_is_left_behind() {
    let directory = TempDir::new();
    let elsewhere = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V2_4, &captured());
    let mut command = binary();
    command
        .current_dir(elsewhere.path())
        .env("TMPDIR", elsewhere.path())
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    let mut exporter = Exporter::run(command);
    assert_up(&exporter);
    let before = exporter.descriptors();
    server.behave(Behaviour::Silent);
    for _ in 0..20 {
        assert_is_down(&exporter.scrape_within(Duration::from_millis(50)));
    }
    assert_eq!(directory.files(), ["mi.sock"]);
    server.stop();
    for _ in 0..20 {
        assert_down(&exporter);
    }
    wait_until("as few descriptors as before", || {
        exporter.descriptors() <= before
    });
    exporter.end("KILL");
    assert_eq!(directory.files(), Vec::<String>::new());
    assert_eq!(elsewhere.files(), Vec::<String>::new());
}

/// What is at the path is not what should be there.
#[test]
fn other_things_than_a_datagram_socket_are_named() {
    let directory = TempDir::new();
    let path = directory.join("mi.sock");
    let reason = |path: &Path| {
        let exporter = Exporter::start(path, &[]);
        assert_down(&exporter);
        exporter.wait_for_log("opensips_up is 0")
    };

    fs::write(&path, "").expect("a file");
    assert!(reason(&path).contains("mi.sock is a file, not the datagram socket"));
    fs::remove_file(&path).expect("the file");

    let _stream = UnixListener::bind(&path).expect("a socket");
    assert!(reason(&path).contains("mi.sock is a stream socket, not the datagram socket"));

    assert!(reason(directory.path()).contains("is a directory, not the datagram socket"));
    assert!(
        reason(Path::new("/nonexistent/mi.sock")).contains("/nonexistent/mi.sock does not exist")
    );
    assert!(reason(Path::new("relative.sock")).contains("relative.sock does not exist"));
}

#[test]
fn permission_denied_names_user_mode_and_owner() {
    let directory = TempDir::new();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("the mode");
    let socket = directory.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    fs::set_permissions(&socket, Permissions::from_mode(0o400)).expect("the mode");
    let (exporter, user) = as_user_without_privileges(&directory, &socket);
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(
        line.contains(&format!(
            "permission denied on {} (mode 0400, owner ",
            socket.display()
        )),
        "{line}"
    );
    let (_, runs_as) = line.split_once("this process runs as ").expect("the user");
    assert!(runs_as.contains(&user), "{line}");

    let inner = directory.join("run");
    fs::create_dir(&inner).expect("a directory");
    fs::set_permissions(&inner, Permissions::from_mode(0o600)).expect("the mode");
    let (exporter, _) = as_user_without_privileges(&directory, &inner.join("mi.sock"));
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(
        line.contains(&format!("{} (mode 0600, owner ", inner.display())),
        "{line}"
    );
}

/// The binary as a user whom permissions bind: not root, but nobody. With what it calls that user.
pub fn as_user_without_privileges(directory: &TempDir, socket: &Path) -> (Exporter, String) {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    // The build directory may be closed to others.
    let copy = directory.join("opensips_exporter");
    if !copy.exists() {
        copy_program(env!("CARGO_BIN_EXE_opensips_exporter").as_ref(), &copy);
    }
    let mut command = std::process::Command::new(&copy);
    command
        .env_clear()
        .args(["--addr", "127.0.0.1:0", "--socket"])
        .arg(socket);
    let uid = fs::metadata("/proc/self").expect("proc").uid();
    let user = if uid == 0 {
        command.uid(65534).gid(65534);
        "nobody (65534)".to_string()
    } else {
        format!("({uid})")
    };
    (Exporter::run(command), user)
}
