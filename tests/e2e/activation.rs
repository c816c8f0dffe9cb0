//! Started by systemd when somebody asks. `make e2e` runs this; it needs the Debian package
//! systemd.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::support::{PATIENCE, TempDir, binary_path, wait_until};

#[test]
#[ignore = "needs the Debian package systemd: make e2e"]
fn systemd_passes_its_socket() {
    let directory = TempDir::new();
    let path = directory.join("http.sock");
    // What it starts takes its place.
    let mut exporter = Command::new("systemd-socket-activate")
        .arg("--listen")
        .arg(&path)
        .arg(binary_path())
        .args(["--web.systemd-socket", "--socket", "/nowhere"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate: install the Debian package systemd");
    wait_until("systemd listens", || path.exists());
    for (asked, expected) in [
        ("/-/healthy", "healthy\n"),
        ("/metrics", "\nopensips_up 0\n"),
    ] {
        let mut stream = UnixStream::connect(&path).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {asked} HTTP/1.0\r\nHost: x\r\n\r\n").expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains(expected), "{answer}");
    }
    let pid = exporter.id().to_string();
    let ended = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(ended.expect("kill").success());
    assert!(exporter.wait().expect("its end").success());
    assert!(path.exists());
}
