//! Servers that are not asked at a unix socket: the UDP port of mi_datagram, and mi_http.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::stand_in::{
    KAMAILIO, Statistic, Taught, Uptime, Version, answer_as_taught, read_captured,
};
use super::{PATIENCE, captured};

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    Proper,
    Silent,
    /// By HTTP, all bytes of the answer; by UDP the packet.
    Raw(Vec<u8>),
    /// By HTTP, without end.
    Endless,
    /// One byte every 50 ms.
    Dripping,
    /// By HTTP, keeps the connection after the answer.
    Keeping,
    /// By UDP, loses the next reply with statistics.
    Losing,
    /// By UDP, sends this first.
    Before(Vec<u8>),
}

pub struct State {
    pub version: Version,
    pub statistics: Vec<Statistic>,
    uptime: Uptime,
    pub taught: Taught,
    pub behaviour: Behaviour,
    /// By HTTP, the user and the password that it asks for, in Base64.
    pub login: Option<String>,
    /// All requests so far, by HTTP with their heads.
    pub requests: Vec<String>,
}

impl State {
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (version, taught) = (self.version, &self.taught);
        let reply =
            |statistics: &[Statistic]| answer_as_taught(request, version, statistics, taught);
        self.uptime.by_now(request, &mut self.statistics, reply)
    }
}

/// A server. Its thread ends with the test.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// `mi_datagram` on UDP.
    pub fn udp(host: &str, version: Version) -> Server {
        let socket = UdpSocket::bind((host, 0)).expect("a port");
        let server = Server::new(socket.local_addr().expect("an address"), version);
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            let mut buffer = vec![0; 70_000];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                for packet in handle(&buffer[..length], &mut state.lock().unwrap()) {
                    let _ = socket.send_to(&packet, client);
                }
            }
        });
        server
    }

    /// `mi_http`.
    pub fn http(version: Version) -> Server {
        Server::http_at("127.0.0.1:0", version)
    }

    /// `mi_http` at this address.
    pub fn http_at(address: &str, version: Version) -> Server {
        let listener = TcpListener::bind(address).expect("a port");
        let server = Server::new(listener.local_addr().expect("an address"), version);
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &state);
            }
        });
        server
    }

    fn new(address: SocketAddr, version: Version) -> Server {
        let state = State {
            version,
            statistics: read_captured(&captured()),
            uptime: Uptime::default(),
            taught: Taught::default(),
            behaviour: Behaviour::Proper,
            login: None,
            requests: Vec::new(),
        };
        Server {
            address,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    /// Answers `command` with these lines, or with this JSON as the result.
    pub fn teach(&self, command: &str, answer: &str) {
        let answers = &mut self.state().taught.answers;
        answers.insert(command.to_string(), answer.to_string());
    }

    /// The requests for statistics and the version since this was asked last.
    pub fn take_requests(&self) -> Vec<String> {
        let mut requests = std::mem::take(&mut self.state().requests);
        requests.retain(|request| {
            let is_for = |text: &str| request.contains(text);
            is_for("get_statistics") || is_for("version")
        });
        requests
    }
}

/// The packets with which mi_datagram answers a request.
fn handle(request: &[u8], state: &mut State) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(request).into_owned();
    state.requests.push(text);
    let reply = state.answer(request);
    let proper = reply.clone().into_iter().collect();
    match state.behaviour.clone() {
        Behaviour::Losing if reply.is_some_and(|reply| reply.starts_with(b"200 OK")) => {
            state.behaviour = Behaviour::Proper;
            Vec::new()
        }
        Behaviour::Raw(bytes) => vec![bytes],
        Behaviour::Before(bytes) => [vec![bytes], proper].concat(),
        Behaviour::Proper | Behaviour::Losing => proper,
        _ => Vec::new(),
    }
}

/// The bytes of a request that httpd takes by default (`receive_buf_size`).
const MAX_BODY: usize = 1024;

/// Answers one request as mi_http does: a POST of JSON, or nothing at all.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut request = Vec::new();
    let mut buffer = [0; 70_000];
    let (sent, body) = loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            if length == Some(&body.len().to_string()) {
                state.lock().unwrap().requests.push(text.clone());
                assert!(
                    head.contains("\r\nContent-Type: application/json\r\n"),
                    "{head}"
                );
                let mut lines = head.lines();
                let sent = lines.find_map(|line| line.strip_prefix("Authorization: Basic "));
                break (sent.map(str::to_string), body.to_string());
            }
        }
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    };
    let (behaviour, is_welcome, reply, is_error) = {
        let mut state = state.lock().unwrap();
        let login = state.login.as_ref();
        let is_welcome = login.is_none_or(|login| sent.as_ref() == Some(login));
        let reply = state.answer(body.as_bytes()).expect("a reply");
        let is_error = reply.windows(7).any(|part| part == b"\"error\"");
        let is_error = is_error && state.version.speaks_like(KAMAILIO);
        (state.behaviour.clone(), is_welcome, reply, is_error)
    };
    // What is too large has a status and no words.
    let (status, reply) = match reply.strip_prefix(b"500 ") {
        _ if !is_welcome => ("401 Unauthorized", b"".as_slice()),
        _ if body.len() > MAX_BODY => ("413 Content Too Large", b"".as_slice()),
        Some(_) => ("500 Internal Server Error", b"".as_slice()),
        // Kamailio has both.
        None if is_error => ("500 Method Not Found", reply.as_slice()),
        None => ("200 OK", reply.as_slice()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        reply.len()
    );
    let answer = [head.as_bytes(), reply].concat();
    match behaviour {
        Behaviour::Proper => drop(stream.write_all(&answer)),
        Behaviour::Keeping => {
            let _ = stream.write_all(&answer);
            let _ = stream.read(&mut buffer);
        }
        Behaviour::Dripping => {
            for byte in answer.iter().take(100) {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Behaviour::Raw(bytes) => drop(stream.write_all(&bytes)),
        Behaviour::Endless => while stream.write_all(&[b' '; 4096]).is_ok() {},
        // Until the client goes away.
        Behaviour::Silent | Behaviour::Losing | Behaviour::Before(_) => {
            drop(stream.read(&mut buffer));
        }
    }
}
