//! A stand-in for the `mi_datagram` of OpenSIPS: it listens on a unix datagram socket, handles one
//! request after the other, answers from a second, unnamed socket, and misbehaves when told to.

use std::fs;
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How a version of the server writes, from the captured replies of 1.11 and 2.4; 1.10 from its
/// source (`modules/mi_datagram/mi_datagram_writer.c`).
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub name: &'static str,
    /// Between the name of a statistic and its value.
    separator: &'static str,
    /// Behind the reply of every command.
    end: &'static str,
    /// What an unbalanced quote is answered with.
    parse_error: &'static str,
    /// The largest reply. What is larger is not sent at all.
    limit: usize,
}

pub const V1_10: Version = Version {
    name: "1.10",
    separator: " = ",
    end: "",
    parse_error: "400 parse error in command\n",
    limit: 32733,
};

pub const V1_11: Version = Version {
    name: "1.11",
    separator: ":: ",
    ..V1_10
};

pub const V2_4: Version = Version {
    name: "2.4",
    separator: ":: ",
    end: "\n",
    parse_error: "400 parse_error\n",
    limit: 65447,
};

/// What the stand-in does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers as the server would.
    Proper,
    /// Takes the request and never answers.
    Silent,
    /// Is busy for so long, then answers. Others wait.
    Slow(Duration),
    /// Answers with these bytes, whatever was asked.
    Raw(Vec<u8>),
    /// Answers with so many bytes less than it should.
    Truncated(usize),
    /// First another process sends this to the address of the reply, from a socket with a name.
    WrongSender(Vec<u8>),
    /// Answers twice, the second time with these bytes.
    Twice(Vec<u8>),
}

/// A statistic: group, name and value.
pub type Statistic = (Vec<u8>, Vec<u8>, u64);

struct State {
    version: Version,
    statistics: Vec<Statistic>,
    behaviour: Behaviour,
    requests: Vec<Vec<u8>>,
    ended: bool,
}

pub struct StandIn {
    path: PathBuf,
    /// The socket of the thread, to wake it with.
    socket: UnixDatagram,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Listens at `path` and answers with the statistics of a captured reply.
    pub fn start(path: &Path, version: Version, captured: &[u8]) -> Self {
        StandIn::with_statistics(path, version, read_captured(captured))
    }

    /// Listens at `path` and answers with these statistics.
    pub fn with_statistics(path: &Path, version: Version, statistics: Vec<Statistic>) -> Self {
        let socket = UnixDatagram::bind(path).expect("the stand-in can listen");
        let state = Arc::new(Mutex::new(State {
            version,
            statistics,
            behaviour: Behaviour::Proper,
            requests: Vec::new(),
            ended: false,
        }));
        let of_thread = Arc::clone(&state);
        StandIn {
            path: path.to_path_buf(),
            socket: socket.try_clone().expect("a descriptor"),
            state,
            thread: Some(thread::spawn(move || run(&socket, &of_thread))),
        }
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// Changes the statistics.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Statistic>)) {
        change(&mut self.state.lock().unwrap().statistics);
    }

    /// All requests so far, as they came.
    pub fn requests(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let text = |request: &Vec<u8>| String::from_utf8_lossy(request).into_owned();
        state.requests.iter().map(text).collect()
    }

    /// Ends like a server that is killed: its socket stays.
    pub fn die(mut self) {
        self.join();
    }

    /// Ends like a server that is stopped: its socket is removed.
    pub fn stop(self) {
        let path = self.path.clone();
        self.die();
        fs::remove_file(path).expect("the socket is there");
    }

    fn join(&mut self) {
        self.state.lock().unwrap().ended = true;
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the stand-in ends well");
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.join();
    }
}

fn run(socket: &UnixDatagram, state: &Mutex<State>) {
    let answers = UnixDatagram::unbound().expect("a second socket");
    let mut buffer = vec![0; 70_000];
    loop {
        if state.lock().unwrap().ended {
            return;
        }
        let (length, client) = socket.recv_from(&mut buffer).expect("a request");
        if length > 0 {
            handle(&buffer[..length], &client, &answers, state);
        }
    }
}

fn handle(request: &[u8], client: &SocketAddr, answers: &UnixDatagram, state: &Mutex<State>) {
    let (behaviour, reply) = {
        let mut state = state.lock().unwrap();
        state.requests.push(request.to_vec());
        (state.behaviour.clone(), answer(request, &state))
    };
    // The client may have gone.
    let send = |bytes: &[u8]| drop(answers.send_to_addr(bytes, client));
    let Some(reply) = reply else { return };
    match behaviour {
        Behaviour::Proper => send(&reply),
        Behaviour::Silent => {}
        Behaviour::Slow(time) => {
            thread::sleep(time);
            send(&reply);
        }
        Behaviour::Raw(bytes) => send(&bytes),
        Behaviour::Truncated(less) => send(&reply[..reply.len() - less]),
        Behaviour::WrongSender(bytes) => {
            let name = format!("not-the-server-{}", std::process::id());
            let other = SocketAddr::from_abstract_name(name)
                .and_then(|address| UnixDatagram::bind_addr(&address))
                .expect("a socket with a name");
            let _ = other.send_to_addr(&bytes, client);
            send(&reply);
        }
        Behaviour::Twice(bytes) => {
            send(&reply);
            send(&bytes);
        }
    }
}

/// The reply to `request`, or none when it would be too large.
fn answer(request: &[u8], state: &State) -> Option<Vec<u8>> {
    let version = state.version;
    let arguments = request.strip_prefix(b":get_statistics:\n");
    let Some(arguments) = arguments else {
        return Some(b"500 command not available\n".to_vec());
    };
    let mut found = Vec::new();
    let mut any = false;
    for argument in arguments
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
    {
        if argument.is_empty() {
            continue;
        }
        any = true;
        if argument.contains(&b'"') {
            return Some(version.parse_error.into());
        }
        let all = state.statistics.iter();
        if argument == b"all" {
            found.extend(all);
        } else if let Some(group) = argument.strip_suffix(b":") {
            found.extend(all.filter(|(of, ..)| of.eq_ignore_ascii_case(group)));
        } else {
            found.extend(all.filter(|(_, name, _)| name == argument).take(1));
        }
    }
    let mut reply = match (any, found.is_empty()) {
        (false, _) => b"400 Too few or too many arguments\n".to_vec(),
        (true, true) => b"404 Statistics Not Found\n".to_vec(),
        (true, false) => b"200 OK\n".to_vec(),
    };
    for (group, name, value) in found {
        reply.extend_from_slice(group);
        reply.push(b':');
        reply.extend_from_slice(name);
        reply.extend_from_slice(format!("{}{value}\n", version.separator).as_bytes());
    }
    reply.extend_from_slice(version.end.as_bytes());
    (reply.len() <= version.limit).then_some(reply)
}

/// The statistics in a reply that was captured from 1.11 or later.
pub fn read_captured(reply: &[u8]) -> Vec<Statistic> {
    let mut lines = reply.split(|&byte| byte == b'\n');
    assert_eq!(lines.next(), Some(&b"200 OK"[..]), "a captured reply");
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a group");
            let end = line
                .windows(3)
                .rposition(|window| window == b":: ")
                .expect("a value");
            let value = std::str::from_utf8(&line[end + 3..])
                .ok()
                .and_then(|text| text.parse().ok());
            (
                line[..colon].to_vec(),
                line[colon + 1..end].to_vec(),
                value.expect("a number"),
            )
        })
        .collect()
}
