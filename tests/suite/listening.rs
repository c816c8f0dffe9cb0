//! Where the exporter listens: several addresses, unix sockets, and what systemd passes.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Exporter, PATIENCE, Response, TempDir, binary, binary_path, command};
use opensips_exporter::config::ASSETS;
use opensips_exporter::gate::MAX_CONNECTIONS;

const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Whether the exporter answers on `stream`.
fn is_healthy(mut stream: impl Read + Write) -> bool {
    stream.write_all(REQUEST).expect("the request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer ends");
    Response::read(&answer).is_some_and(|answer| answer.text() == "healthy\n")
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn run(mut command: Command) -> Exporter {
    command.args(["--socket", "/nowhere"]);
    Exporter::run(command)
}

fn listening_on(addresses: &[&str]) -> Command {
    let mut command = binary();
    for address in addresses {
        command.args(["--addr", address]);
    }
    command
}

/// What is said by an exporter that cannot start.
fn refusal(mut command: Command) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let began = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("what it wrote");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "{said}");
    said
}

#[test]
fn it_listens_on_several_addresses() {
    let directory = TempDir::new();
    let path = directory.join("http.sock");
    let unix = format!("unix:{}", path.display());
    let both = format!("127.0.0.1:0,{unix}");
    let alone = ["127.0.0.1:0", "127.0.0.1:0", &unix];
    for addresses in [&alone[..], &["127.0.0.1:0", &both]] {
        let mut exporter = run(listening_on(addresses));
        exporter.wait_for_log(&format!("serves {unix}, /metrics and asks /nowhere"));
        let lines = exporter.logged("serves http://");
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in &lines {
            let address = line.split("http://").nth(1).expect("an address");
            let address = address.split('/').next().expect("an end");
            let address: SocketAddr = address.parse().expect("an address");
            assert!(is_healthy(TcpStream::connect(address).expect("a port")));
        }
        // Everybody may connect who can reach it.
        let mode = fs::metadata(&path).expect("the socket").permissions();
        assert_eq!(mode.mode() & 0o777, 0o666);
        for _ in 0..3 {
            assert!(is_healthy(connect(&path)));
        }
        assert!(exporter.end("TERM").success());
        assert_eq!(directory.files(), Vec::<String>::new());
    }
    let environment = [("OPENSIPS_EXPORTER_ADDR", both)];
    let mut command = binary();
    command.envs(environment);
    let exporter = run(command);
    assert!(is_healthy(connect(&path)));
    assert_eq!(exporter.get("/-/healthy").status, 200);
}

/// Clients that say nothing, half of a request, or what is no request, come by a unix socket and
/// by one that systemd passed; whoever asks is answered all the same.
#[test]
fn strangers_keep_nobody_out_of_a_unix_socket() {
    let directory = TempDir::new();
    let (own, passed) = (directory.join("own.sock"), directory.join("passed.sock"));
    let port = OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let listener = OwnedFd::from(UnixListener::bind(&passed).expect("a socket"));
    let mut exporters = [
        run(listening_on(&[
            "127.0.0.1:0",
            &format!("unix:{}", own.display()),
        ])),
        run(activated(port, listener, "$$")),
    ];
    for (exporter, path) in exporters.iter_mut().zip([&own, &passed]) {
        exporter.wait_for_log("serves");
        let mut strangers = Vec::new();
        for said in [
            &b""[..],
            b"GET /metrics HT",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\n",
        ] {
            for _ in 0..MAX_CONNECTIONS {
                let mut stranger = connect(path);
                stranger.write_all(said).expect("it is taken");
                strangers.push(stranger);
            }
        }
        for _ in 0..20 {
            assert!(is_healthy(connect(path)));
        }
        let mut refused = connect(path);
        refused
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
            .expect("taken");
        let mut answer = Vec::new();
        refused.read_to_end(&mut answer).expect("the answer ends");
        assert!(
            answer.starts_with(b"HTTP/1.1 405 "),
            "{}",
            answer.escape_ascii()
        );
        assert!(exporter.is_running());
    }
}

#[test]
fn a_socket_of_a_dead_process_is_replaced_and_any_other_file_is_not() {
    let directory = TempDir::new();
    let path = directory.join("http.sock");
    let address = format!("unix:{}", path.display());
    let listen = || listening_on(&["127.0.0.1:0", &address]);
    drop(UnixListener::bind(&path).expect("a socket"));
    let mut exporter = run(listen());
    assert!(is_healthy(connect(&path)));

    // Of a process that lives.
    let said = refusal(listen());
    assert!(
        said.contains(&format!("cannot listen on {address}: ")),
        "{said}"
    );
    assert!(said.contains("another program listens there"), "{said}");
    assert!(is_healthy(connect(&path)));
    assert!(exporter.end("INT").success());

    // A file with something in it, and a socket of another kind.
    fs::write(&path, "precious").expect("a file");
    assert!(refusal(listen()).contains("it is a file of another kind"));
    assert_eq!(fs::read_to_string(&path).expect("the file"), "precious");
    fs::remove_file(&path).expect("the file");
    let _datagram = UnixDatagram::bind(&path).expect("a socket");
    assert!(refusal(listen()).contains("it is a file of another kind"));
    assert!(path.exists());
}

/// One of those that start at once takes the place of the dead one, and is not displaced itself.
#[test]
fn a_socket_of_a_dead_process_is_replaced_once() {
    let directory = TempDir::new();
    let path = directory.join("http.sock");
    let address = format!("unix:{}", path.display());
    for _ in 0..10 {
        drop(UnixListener::bind(&path).expect("a socket"));
        let start = |_| {
            let mut command = listening_on(&[&address]);
            command.args(["--socket", "/nowhere"]).stderr(Stdio::null());
            command.spawn().expect("it starts")
        };
        let mut children: Vec<_> = (0..6).map(start).collect();
        let began = Instant::now();
        while children.len() > 1 && began.elapsed() < PATIENCE {
            children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            thread::sleep(Duration::from_millis(2));
        }
        let count = children.len();
        let answers = count == 1 && is_healthy(connect(&path));
        for mut child in children {
            child.kill().expect("killed");
            child.wait().expect("its end");
        }
        assert!(answers, "{count} listen");
        fs::remove_file(&path).expect("the socket");
    }
}

/// What it has opened already is removed when it cannot go on.
#[test]
fn a_start_that_fails_leaves_no_socket() {
    let directory = TempDir::new();
    let first = format!("unix:{}", directory.join("a.sock").display());
    let second = format!("unix:{}", directory.join("no/b.sock").display());
    let said = refusal(listening_on(&[&first, &second]));
    assert!(
        said.contains(&format!("cannot listen on {second}: ")),
        "{said}"
    );
    assert_eq!(directory.files(), Vec::<String>::new());
}

/// The exporter with `first` and `second` as its descriptors 3 and 4, as systemd passes them to the
/// process `pid`, in the words of a shell.
fn activated(first: impl Into<Stdio>, second: impl Into<Stdio>, pid: &str) -> Command {
    let script = format!(
        "export LISTEN_PID={pid} LISTEN_FDS=2; exec \"$@\" 3<&0 4<&1 </dev/null >/dev/null"
    );
    let mut command = command(&["sh", "-c", &script, "sh"], &binary_path());
    command.arg("--web.systemd-socket");
    command.stdin(first).stdout(second);
    command
}

#[test]
fn it_listens_on_what_systemd_passes() {
    let directory = TempDir::new();
    let path = directory.join("http.sock");
    let listeners = || {
        let _ = fs::remove_file(&path);
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = port.local_addr().expect("its address");
        let file = UnixListener::bind(&path).expect("a socket");
        (address, OwnedFd::from(port), OwnedFd::from(file))
    };
    let (address, port, file) = listeners();
    let mut exporter = run(activated(port, file, "$$"));
    exporter.wait_for_log(&format!(
        "serves unix:{}, /metrics and asks",
        path.display()
    ));
    assert_eq!(exporter.address, address);
    assert!(is_healthy(connect(&path)));
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert!(exporter.end("TERM").success());
    // It is systemd that has made it.
    assert!(path.exists());

    let (_, port, file) = listeners();
    let said = refusal(activated(port, file, "1"));
    assert!(said.contains("no socket was passed (LISTEN_FDS"), "{said}");
    let (_, port, _file) = listeners();
    let said = refusal(activated(port, Stdio::null(), "$$"));
    assert!(said.contains("descriptor 4 of LISTEN_FDS is no"), "{said}");
    let (_, _port, file) = listeners();
    let datagram = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let said = refusal(activated(datagram, file, "$$"));
    assert!(said.contains("descriptor 3 of LISTEN_FDS is no"), "{said}");
    let mut command = binary();
    command.env("OPENSIPS_EXPORTER_WEB_SYSTEMD_SOCKET", "true");
    assert!(refusal(command).contains("start the socket unit"));
}

/// The socket unit goes with the service unit, and tells what makes that take the sockets.
#[test]
fn the_units_go_together() {
    let text = |name: &str| {
        let asset = ASSETS.iter().find(|asset| asset.name == name);
        asset.expect("a file").text()
    };
    let (socket, unit) = (text("socket"), text("unit"));
    for line in ["ListenStream=9434", "WantedBy=sockets.target"] {
        assert!(socket.lines().any(|found| found == line), "{line}");
    }
    let flag = "OPENSIPS_EXPORTER_WEB_SYSTEMD_SOCKET=true in /etc/default/opensips_exporter";
    assert!(socket.contains(flag));
    assert!(unit.contains("\nEnvironmentFile=-/etc/default/opensips_exporter\n"));
    // What the README tells to listen on is in a directory that the unit makes.
    assert!(include_str!("../../README.md").contains("--addr unix:/run/opensips_exporter/"));
    assert!(unit.contains("\nRuntimeDirectory=opensips_exporter\n"));
}
