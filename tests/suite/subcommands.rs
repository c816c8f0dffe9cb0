//! What operators run by hand: `check`, `dump` and `print`.

use std::process::{Output, Stdio};

use crate::support::page::Page;
use crate::support::stand_in::{
    Behaviour, StandIn, V1_11, V2_4, V3_6, V4_0, Version, script_variable,
};
use crate::support::{TempDir, binary, captured, end, wait_until};
use opensips_exporter::config::ASSETS;

fn run(arguments: &[&str]) -> Output {
    let mut command = binary();
    let output = command.args(arguments).stdin(Stdio::null()).output();
    output.expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Checks, and asserts that this is the only problem.
fn check_finds_only(arguments: &[&str], problem: &str) {
    let output = run(&[&["check"], arguments].concat());
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output);
    assert!(
        report.contains(&format!("PROBLEM      {problem}")) && report.ends_with("1 problem\n"),
        "{report}"
    );
}

fn server(version: Version) -> (TempDir, StandIn, String) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, version, &captured());
    server.load_modules();
    let flag = format!("--socket={}", socket.display());
    (directory, server, flag)
}

#[test]
fn a_check_tells_what_the_server_is() {
    for (version, name, dialect) in [
        (V1_11, "opensips 1.11.11-notls", "line"),
        (V4_0, "opensips 4.0.1", "jsonrpc"),
    ] {
        let (_directory, _server, socket) = server(version);
        let output = run(&["check", &socket]);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(output.stderr.is_empty());
        for expected in [
            format!("server       {name}, dialect {dialect}\n"),
            "statistics   288 in 22 groups:".to_string(),
            " core 12".to_string(),
            "replies      1 in ".to_string(),
            " % of what the server can send\n".to_string(),
            "dispatcher, drouting, load_balancer".to_string(),
            "result       all is well\n".to_string(),
        ] {
            assert!(text.contains(&expected), "{expected} in {text}");
        }
    }
}

#[test]
fn a_check_tells_what_is_wrong() {
    let (directory, server, socket) = server(V2_4);
    server.teach("dr_gw_status", "500 trouble\n");
    check_finds_only(
        &[&socket],
        "drouting, dr_gw_status: the server answered \"500 trouble\"",
    );

    let output = run(&["check", &socket, "--collect=nosuch"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("--collect"), "{}", text(&output));

    for (flag, group) in [
        ("--collect=core,Dispatcher,usrlock", "usrlock"),
        ("--collect=all,tcp_connectoins", "tcp_connectoins"),
    ] {
        check_finds_only(
            &[&socket, flag, "--exclude=drouting"],
            &format!("the server has nothing of {group}: "),
        );
    }

    let output = run(&["check", &socket, "--exclude=drouting,pkmen"]);
    let report = text(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(
        report.contains("excluded     pkmen: unknown, check the spelling"),
        "{report}"
    );
    // One that the script makes.
    server.change(|all| all.push(script_variable(1)));
    let output = run(&["check", &socket, "--exclude=drouting,script"]);
    assert!(!text(&output).contains("excluded "), "{}", text(&output));

    let output = run(&["check", &socket, "--collect=clusterer"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    check_finds_only(
        &[&socket, "--collect=nosuch,clusterer"],
        "the server has nothing of nosuch",
    );

    let named = "--collect=core,dispatcher,gr\u{f6}\u{df}e,script";
    let one = |number| ("gr\u{f6}\u{df}e".into(), vec![b'a', number], 1);
    server.change(|all| all.push(one(b'1')));
    let output = run(&["check", &socket, named]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    server.teach("which", "500 trouble\n");
    check_finds_only(&[&socket, named], "the server does not list its commands");

    server.teach("which", "get_statistics\n");
    server.change(|all| all.extend((0..3000).map(script_variable)));
    check_finds_only(
        &[&socket, "--collect=core,script"],
        "left out of the page, each too large for one reply of the server or not answered in time: script: load mi_fifo",
    );

    server.behave(Behaviour::Silent);
    let output = run(&["check", &socket, "--timeout=300ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("PROBLEM      no reply from "),
        "{}",
        text(&output)
    );

    server.stop();
    let output = run(&["check", &socket]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("does not exist"),
        "{}",
        text(&output)
    );
    drop(directory);
}

#[test]
fn a_dump_is_the_page() {
    let (_directory, server, socket) = server(V3_6);
    let output = run(&["dump", &socket]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "cron would send a mail");
    let page = Page::read(&output.stdout).expect("a page");
    assert_eq!(page.up(), "1");
    assert!(page.family("opensips_core_requests_total").is_some());
    assert!(page.family("opensips_dispatcher_destination_up").is_some());
    // They would be those of a process that has ended, in the place of another one's.
    assert!(page.family("process_open_fds").is_none());
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = binary();
    let status = command
        .args(["dump", &socket])
        .stdout(full.expect("a full disk"));
    let status = status.stderr(Stdio::null()).status();
    assert_eq!(status.expect("the program runs").code(), Some(1));
    server.stop();
    let output = run(&["dump", &socket]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(Page::read(&output.stdout).expect("a page").up(), "0");
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not exist"));
}

/// A page that is not there must not replace the one of before, nor a check that did not end be a
/// good one.
#[test]
fn what_a_signal_ends_did_not_work() {
    let (_directory, server, socket) = server(V3_6);
    server.behave(Behaviour::Silent);
    for command in ["check", "dump"] {
        for signal in ["TERM", "INT", "HUP"] {
            let asked = server.questions().len();
            let mut child = binary();
            let child = child.args([command, &socket]).stdout(Stdio::null());
            let mut child = child.stderr(Stdio::null()).spawn().expect("the program");
            wait_until("it has asked", || server.questions().len() > asked);
            let status = end(&mut child, signal);
            assert_eq!(status.code(), Some(1), "{command}, {signal}");
        }
    }
}

#[test]
fn each_file_is_printed_whole() {
    for asset in ASSETS {
        let output = run(&["print", asset.name]);
        assert_eq!(output.status.code(), Some(0), "{}", asset.name);
        assert_eq!(text(&output), asset.text(), "{}", asset.name);
        assert!(output.stdout.ends_with(b"\n"), "{}", asset.name);
        assert!(output.stderr.is_empty());
    }
    for wrong in [
        &["print"][..],
        &["print", "nosuch"],
        &["print", "unit", "man"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.contains("use one of unit, ") && told.lines().count() == 1,
            "{told}"
        );
    }
}

/// The flags that the files name are those of the program.
#[test]
fn the_files_name_flags_that_there_are() {
    let help = text(&run(&["--help"]));
    for asset in ASSETS {
        let text = asset.text();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        for word in words.filter(|word| word.starts_with("OPENSIPS_EXPORTER_")) {
            assert!(
                help.contains(word) || word.ends_with("..."),
                "{word} in {}",
                asset.name
            );
        }
        for word in text
            .split_whitespace()
            .filter(|word| word.starts_with("--reply") || word.starts_with("--socket"))
        {
            let flag = word.trim_matches([',', '.', '"']);
            assert!(help.contains(flag), "{word} in {}", asset.name);
        }
    }
}
