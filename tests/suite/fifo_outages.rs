//! Servers whose FIFO or replies are not as they should be.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use crate::outages::as_user_without_privileges;
use crate::support::fifo::{Behaviour, Place, make_fifo};
use crate::support::stand_in::{V1_11, V2_4, V3_6, V4_0};
use crate::support::{assert_down, assert_up, wait_until};

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
                let causes = ["PrivateTmp=", "reply_dir", "broke its FIFO", "blocks"];
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
    let expected = "opensips_fifo is a file, not the datagram socket of mi_datagram or jsonrpcs or the FIFO of mi_fifo";
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
fn permission_denied_names_user_mode_and_owner() {
    let place = Place::new();
    let _server = place.server(V3_6);
    for directory in [&place.directory, &place.replies] {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("its mode");
    }
    fs::set_permissions(place.fifo(), Permissions::from_mode(0o440)).expect("the mode");
    let (exporter, user) = as_user_without_privileges(&place.directory, &place.fifo());
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    let expected = format!(
        "permission denied on {} (mode 0440, owner ",
        place.fifo().display()
    );
    assert!(line.contains(&expected) && line.contains(&user), "{line}");
    assert!(line.contains("fifo_mode"), "{line}");
}
