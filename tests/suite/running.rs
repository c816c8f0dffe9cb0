//! The log, the port and the exit codes of a running exporter, as an operator meets them.

use std::net::TcpListener;

use crate::command_line::{run, started};
use crate::support::stand_in::{StandIn, V2_4};
use crate::support::{Exporter, TempDir};

#[test]
fn the_log_can_be_json() {
    let exporter = started(
        &["-addr=127.0.0.1:0", "--log.format=json", "-socket", "/a\"b"],
        &[],
    );
    let line = exporter.wait_for_log("serves");
    assert!(
        line.starts_with("{\"ts\":\"") && line.ends_with("/a\\\"b\"}"),
        "{line}"
    );
}

#[test]
fn the_log_level_is_heeded() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let exporter = Exporter::start(&socket, &["--log.level=debug"]);
    assert_eq!(
        exporter.send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n").status,
        501
    );
    exporter.wait_for_log("level=debug");
    let exporter = Exporter::start(&socket, &["--log.level=info"]);
    exporter.send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n");
    exporter.scrape();
    exporter.wait_for_log("level=warn");
    assert!(exporter.logged("level=debug").is_empty());
}

#[test]
fn an_empty_host_is_every_address() {
    let directory = TempDir::new();
    let _server = StandIn::with_statistics(&directory.join("mi.sock"), V2_4, Vec::new());
    let mut exporter = started(&["--addr", ":0"], &[]);
    for host in ["127.0.0.1", "::1"] {
        let Ok(ip) = host.parse() else { continue };
        if TcpListener::bind((ip, 0)).is_err() {
            // This machine has no such address.
            assert_eq!(host, "::1");
            continue;
        }
        exporter.address.set_ip(ip);
        assert_eq!(exporter.get("/-/healthy").status, 200, "{host}");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = run(&["--addr", &address], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    let expected = format!("cannot listen on {address}: ");
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("choose another port with --addr"), "{text}");

    // The same when it is taken on one address only and asked for on all.
    let port = format!(":{}", taken.local_addr().expect("its address").port());
    let output = run(&["--addr", &port], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// A port that no client gets by itself, as one of another test would in between.
fn port_for_servers() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok());
    let offset = std::process::id() as usize % 4096;
    let mut ports = (1024..first.unwrap_or(32768)).rev().skip(offset);
    let is_free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    ports.find(is_free).expect("a free port")
}

/// Connections of the former process that wait for their end do not keep the port.
#[test]
fn it_starts_again_at_once_on_its_port() {
    let address = format!("127.0.0.1:{}", port_for_servers());
    let mut exporter = started(&["--addr", &address], &[]);
    for _ in 0..3 {
        assert_eq!(exporter.get("/-/healthy").status, 200);
    }
    let port = exporter.address.port();
    exporter.end("TERM");
    // On all addresses and on one.
    for host in ["", "127.0.0.1"] {
        let mut exporter = started(&["--addr", &format!("{host}:{port}")], &[]);
        assert_eq!(exporter.get("/-/healthy").status, 200);
        exporter.end("TERM");
    }
}

#[test]
fn an_address_of_another_host_is_one_line_and_exit_code_1() {
    let output = run(&["--addr", "192.0.2.1:0"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.contains("this host does not have that address"),
        "{text}"
    );
}

#[test]
fn a_signal_ends_it_well() {
    for signal in ["TERM", "INT"] {
        let mut exporter = started(&["--addr", "127.0.0.1:0"], &[]);
        // What tells daemons to read their settings again is no end.
        exporter.signal("HUP");
        assert_eq!(exporter.get("/-/healthy").status, 200);
        assert_eq!(exporter.end(signal).code(), Some(0), "{signal}");
    }
}
