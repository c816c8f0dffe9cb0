//! A real Kamailio, of the Debian package kamailio.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use opensips_exporter::assets::KAMAILIO_CONFIG;

use crate::support::{PATIENCE, TempDir, wait_until};

/// A running Kamailio. It is ended with all its processes when the test ends.
pub struct Kamailio {
    child: Child,
    port: u16,
}

impl Kamailio {
    pub fn start(directory: &TempDir, port: u16) -> Self {
        Kamailio::start_with(directory, port, &[], &[])
    }

    /// With a dispatcher set of these destinations, and what the configuration asks for.
    pub fn start_with(
        directory: &TempDir,
        port: u16,
        destinations: &[String],
        defined: &[&str],
    ) -> Self {
        let socket = directory.join("mi.sock");
        let list = directory.join("dispatcher.list");
        let lines = destinations.iter().map(|uri| format!("1 {uri}\n"));
        fs::write(&list, lines.collect::<String>()).expect("the list");
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kamailio.cfg");
        let configuration = fs::read_to_string(template)
            .expect("the template")
            .replace("<PRINTED>", &printed(defined))
            .replace("SOCKET", &socket.to_string_lossy())
            .replace("PORT", &port.to_string())
            .replace("LIST", &list.to_string_lossy())
            .replace("MODULES", &modules());
        let path = directory.join("kamailio.cfg");
        fs::write(&path, configuration).expect("the configuration");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-f"])
            .arg(&path)
            .args(defined.iter().flat_map(|word| ["-A", word]))
            .arg("-w")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("kamailio.log")).expect("a log"))
            .spawn()
            .expect("kamailio: install the Debian package kamailio");
        wait_until("Kamailio listens", || socket.exists());
        Kamailio { child, port }
    }

    /// Sends a request and returns the status of the answer.
    pub fn ask(&self, method: &str, number: u32) -> u32 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (port, own) = (self.port, socket.local_addr().expect("an address").port());
        let to_tag = if method == "ACK" { ";tag=x" } else { "" };
        let request = format!(
            "{method} sip:alice@127.0.0.1:{port} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{own}{number}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:alice@127.0.0.1>;tag={number}\r\n\
             To: <sip:alice@127.0.0.1>{to_tag}\r\n\
             Call-ID: {own}-{number}@127.0.0.1\r\n\
             CSeq: {number} {method}\r\n\
             Contact: <sip:alice@127.0.0.1:{own}>\r\n\
             Expires: 600\r\n\
             Content-Length: 0\r\n\r\n"
        );
        socket
            .send_to(request.as_bytes(), ("127.0.0.1", port))
            .expect("sent");
        let mut buffer = [0; 4096];
        loop {
            let length = socket.recv(&mut buffer).expect("an answer");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status = answer
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            match status {
                Some(100..200) => {}
                status => return status.expect("a status"),
            }
        }
    }

    /// Ends it as an operator does, and waits until all its processes are gone.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.expect("kill").success());
        self.child.wait().expect("its end");
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // SIGTERM, since SIGKILL would leave the other processes behind.
        let pid = self.child.id().to_string();
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
            let _ = self.child.wait();
        }
    }
}

/// What is printed for operators, with all lines in use but that of the group and those that are
/// not asked for.
fn printed(defined: &[&str]) -> String {
    let (stock, http) = KAMAILIO_CONFIG
        .split_once("# Over HTTP")
        .expect("two parts");
    let http = if defined.contains(&"HTTP") { http } else { "" };
    let lines = stock.lines().chain(http.lines().skip(1));
    let lines = lines.map(|line| match line.strip_prefix('#') {
        Some(used) if !used.starts_with(' ') => used,
        _ => line,
    });
    let is_left_out = |line: &str| {
        line.contains("dgram_group") || line.contains("kex.so") && defined.contains(&"WITHOUT_KEX")
    };
    let lines: Vec<&str> = lines.filter(|line| !is_left_out(line)).collect();
    lines
        .join("\n")
        .replace("/run/kamailio/kamailio_rpc.sock", "SOCKET")
        .replace("127.0.0.1:8080", "127.0.0.1:PORT")
}

/// Where the package has its modules.
fn modules() -> String {
    let machine = std::env::consts::ARCH;
    format!("/usr/lib/{machine}-linux-gnu/kamailio/modules/")
}

pub fn free_port() -> u16 {
    let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    address.expect("a free port").port()
}
