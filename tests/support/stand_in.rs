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

/// How a version of the server writes, from the captured replies; 1.10 from its source
/// (`modules/mi_datagram/mi_datagram_writer.c`).
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub name: &'static str,
    /// What it says of itself.
    banner: &'static str,
    speech: Speech,
    /// The largest reply.
    limit: usize,
}

#[derive(Debug, Clone, Copy)]
enum Speech {
    Line {
        /// Between the name of a statistic and its value.
        separator: &'static str,
        /// Behind the reply of every command.
        end: &'static str,
        /// What an unbalanced quote is answered with.
        parse_error: &'static str,
    },
    JsonRpc,
    Kamailio,
}

impl Version {
    /// The size of the largest reply, in bytes.
    pub fn limit(self) -> usize {
        self.limit
    }

    /// Whether the two speak the same dialect.
    pub fn speaks_like(self, other: Version) -> bool {
        std::mem::discriminant(&self.speech) == std::mem::discriminant(&other.speech)
    }
}

pub const V1_10: Version = Version {
    name: "1.10",
    banner: "OpenSIPS (1.10.5-notls (x86_64/linux))",
    speech: Speech::Line {
        separator: " = ",
        end: "",
        parse_error: "400 parse error in command\n",
    },
    limit: 32733,
};

pub const V1_11: Version = Version {
    name: "1.11",
    banner: "OpenSIPS (1.11.11-notls (x86_64/linux))",
    speech: Speech::Line {
        separator: ":: ",
        end: "",
        parse_error: "400 parse error in command\n",
    },
    limit: 32733,
};

pub const V2_4: Version = Version {
    name: "2.4",
    banner: "OpenSIPS (2.4.11 (x86_64/linux))",
    speech: Speech::Line {
        separator: ":: ",
        end: "\n",
        parse_error: "400 parse_error\n",
    },
    limit: 65447,
};

pub const V3_6: Version = Version {
    name: "3.6",
    banner: "OpenSIPS (3.6.8 (x86_64/linux))",
    speech: Speech::JsonRpc,
    limit: 65415,
};

pub const V4_0: Version = Version {
    name: "4.0",
    banner: "OpenSIPS (4.0.1 (x86_64/linux))",
    speech: Speech::JsonRpc,
    limit: 65430,
};

pub const KAMAILIO: Version = Version {
    name: "kamailio-5.6",
    banner: "kamailio 5.6.3 (x86_64/linux) ",
    speech: Speech::Kamailio,
    limit: usize::MAX,
};

pub const VERSIONS: &[Version] = &[V1_10, V1_11, V2_4, V3_6, V4_0, KAMAILIO];

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
    /// Answers with these bytes first, and then as it should.
    Before(Vec<u8>),
}

/// A statistic: group, name and value.
pub type Statistic = (Vec<u8>, Vec<u8>, u64);

struct State {
    version: Version,
    statistics: Vec<Statistic>,
    behaviour: Behaviour,
    /// Those for statistics.
    requests: Vec<Vec<u8>>,
    /// All others.
    questions: Vec<Vec<u8>>,
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
            questions: Vec::new(),
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

    /// Becomes another version on the same socket.
    pub fn become_version(&self, version: Version) {
        self.state.lock().unwrap().version = version;
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.requests.clear();
        state.questions.clear();
    }

    /// Changes the statistics.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Statistic>)) {
        change(&mut self.state.lock().unwrap().statistics);
    }

    /// All requests for statistics so far, as they came.
    pub fn requests(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().requests)
    }

    /// All other requests so far, as they came.
    pub fn questions(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().questions)
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

fn texts(requests: &[Vec<u8>]) -> Vec<String> {
    let text = |request: &Vec<u8>| String::from_utf8_lossy(request).into_owned();
    requests.iter().map(text).collect()
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
        let asks_for_statistics = request
            .windows(14)
            .any(|window| window == b"get_statistics");
        if asks_for_statistics {
            state.requests.push(request.to_vec());
        } else {
            state.questions.push(request.to_vec());
        }
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
        Behaviour::Before(bytes) => {
            send(&bytes);
            send(&reply);
        }
    }
}

/// The reply to `request`, if there is one.
fn answer(request: &[u8], state: &State) -> Option<Vec<u8>> {
    let version = state.version;
    let reply = match version.speech {
        Speech::Line {
            separator,
            end,
            parse_error,
        } => {
            let lines = line_answer(request, state, separator, parse_error);
            let end = if lines.ends_with(b"not available\n") || lines == parse_error.as_bytes() {
                ""
            } else {
                end
            };
            [&lines, end.as_bytes()].concat()
        }
        _ => json_answer(request, state)?,
    };
    match version.speech {
        _ if reply.len() <= version.limit => Some(reply),
        Speech::Line { .. } => None,
        _ => Some(b"500 Internal error".to_vec()),
    }
}

fn line_answer(request: &[u8], state: &State, separator: &str, parse_error: &str) -> Vec<u8> {
    if request == b":version:\n" {
        return format!("200 OK\nServer:: {}\n", state.version.banner).into_bytes();
    }
    let Some(arguments) = request.strip_prefix(b":get_statistics:\n") else {
        return b"500 command not available\n".to_vec();
    };
    let arguments: Vec<Vec<u8>> = arguments
        .split(|&byte| byte == b'\n')
        .map(|argument| argument.trim_ascii().to_vec())
        .filter(|argument| !argument.is_empty())
        .collect();
    if arguments.iter().any(|argument| argument.contains(&b'"')) {
        return parse_error.into();
    }
    let found = look_up(&arguments, state);
    let mut reply = match (arguments.is_empty(), found.is_empty()) {
        (true, _) => b"400 Too few or too many arguments\n".to_vec(),
        (false, true) => b"404 Statistics Not Found\n".to_vec(),
        (false, false) => b"200 OK\n".to_vec(),
    };
    for (group, name, value) in found {
        reply.extend_from_slice(group);
        reply.push(b':');
        reply.extend_from_slice(name);
        reply.extend_from_slice(format!("{separator}{value}\n").as_bytes());
    }
    reply
}

fn json_answer(request: &[u8], state: &State) -> Option<Vec<u8>> {
    let is_kamailio = matches!(state.version.speech, Speech::Kamailio);
    let request: serde_json::Value = match serde_json::from_slice(request) {
        Ok(request) => request,
        Err(_) if is_kamailio => return None,
        Err(_) => return Some(b"400 Parse_error".to_vec()),
    };
    let method = request["method"]
        .as_str()
        .expect("4.0 dies without a method");
    assert_eq!(request["jsonrpc"], "2.0");
    let id = &request["id"];
    let strings = |list: &serde_json::Value| -> Vec<Vec<u8>> {
        let list = list.as_array().expect("a list").iter();
        list.map(|argument| argument.as_str().expect("a string").into())
            .collect()
    };
    let banner = state.version.banner;
    let mut reply = Vec::new();
    match (is_kamailio, method) {
        (false, "version") => {
            let member = format!("{{\"Server\":\"{banner}\"}}");
            reply.extend_from_slice(member.as_bytes());
        }
        (true, "core.version") => reply.extend_from_slice(format!("\"{banner}\"").as_bytes()),
        (false, "get_statistics") => {
            let mut separator = "{";
            for (group, name, value) in look_up(&strings(&request["params"][0]), state) {
                reply.extend_from_slice(separator.as_bytes());
                reply.push(b'"');
                reply.extend_from_slice(&escaped(group));
                reply.push(b':');
                reply.extend_from_slice(&escaped(name));
                // Numbers go through a double.
                match value {
                    0..=0x1f_ffff_ffff_ffff => {
                        reply.extend_from_slice(format!("\":{value}").as_bytes());
                    }
                    _ => reply.extend_from_slice(b"\":1.844674e+19"),
                }
                separator = ",";
            }
            reply.extend_from_slice(if reply.is_empty() { b"{}" } else { b"}" });
        }
        (true, "stats.get_statistics") => {
            let lines: Vec<Vec<u8>> = look_up(&strings(&request["params"]), state)
                .iter()
                .map(|(group, name, value)| {
                    let end = format!(" = {value}\"");
                    [b"\"".as_slice(), group, b":", name, end.as_bytes()].concat()
                })
                .collect();
            reply = [b"[".as_slice(), &lines.join(b", ".as_slice()), b"]"].concat();
        }
        (true, _) => {
            let error =
                "\"error\":\t{\n\t\t\"code\":\t500,\n\t\t\"message\":\t\"Method Not Found\"\n\t}";
            return Some(
                format!("{{\n\t\"jsonrpc\":\t\"2.0\",\n\t{error},\n\t\"id\":\t{id}\n}}").into(),
            );
        }
        (false, _) => {
            let error = "{\"code\":-32601,\"message\":\"Method not found\"}";
            return Some(format!("{{\"jsonrpc\":\"2.0\",\"error\":{error},\"id\":{id}}}").into());
        }
    }
    let (start, end) = if is_kamailio {
        (
            "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t",
            format!(",\n\t\"id\":\t{id}\n}}"),
        )
    } else {
        (
            "{\"jsonrpc\":\"2.0\",\"result\":",
            format!(",\"id\":{id}}}"),
        )
    };
    Some([start.as_bytes(), &reply, end.as_bytes()].concat())
}

/// A string as cJSON writes it: bytes that are not ASCII stay as they are.
fn escaped(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|&byte| match byte {
            b'"' | b'\\' => vec![b'\\', byte],
            b'\n' => b"\\n".to_vec(),
            b'\t' => b"\\t".to_vec(),
            0..32 => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![byte],
        })
        .collect()
}

/// The statistics that `arguments` ask for.
fn look_up<'s>(arguments: &[Vec<u8>], state: &'s State) -> Vec<&'s Statistic> {
    let all = &state.statistics;
    let mut by_name = std::collections::HashMap::new();
    for statistic in all.iter().rev() {
        by_name.insert(statistic.1.as_slice(), statistic);
    }
    let mut found = Vec::new();
    for argument in arguments {
        if argument == b"all" {
            found.extend(all);
        } else if let Some(group) = argument.strip_suffix(b":") {
            found.extend(all.iter().filter(|(of, ..)| of.eq_ignore_ascii_case(group)));
        } else {
            found.extend(by_name.get(argument.as_slice()));
        }
    }
    found
}

/// The statistics in a reply that was captured.
pub fn read_captured(reply: &[u8]) -> Vec<Statistic> {
    if reply.starts_with(b"{") {
        return read_captured_json(reply);
    }
    let mut lines = reply.split(|&byte| byte == b'\n');
    assert_eq!(lines.next(), Some(&b"200 OK"[..]), "a captured reply");
    lines
        .filter(|line| !line.is_empty())
        .map(|line| read_line(line, b":: "))
        .collect()
}

fn read_captured_json(reply: &[u8]) -> Vec<Statistic> {
    if let Ok(serde_json::Value::Array(lines)) =
        serde_json::from_slice(reply).map(|mut reply: serde_json::Value| reply["result"].take())
    {
        return lines
            .iter()
            .map(|line| read_line(line.as_str().expect("a line").as_bytes(), b" = "))
            .collect();
    }
    // Not by a parser, which would lose the order, and the bytes that are not UTF-8.
    let start = b"\"result\":{";
    let start = start.len()
        + reply
            .windows(start.len())
            .position(|window| window == start)
            .expect("a result");
    let end = reply
        .iter()
        .rposition(|&byte| byte == b'}')
        .expect("an end");
    let end = reply[..end]
        .iter()
        .rposition(|&byte| byte == b'}')
        .expect("an end");
    let mut members = Vec::new();
    let mut rest = &reply[start..end];
    while let Some(quoted) = rest.strip_prefix(b"\"") {
        let close = quoted
            .windows(2)
            .position(|window| window == b"\":")
            .expect("a key");
        let value = &quoted[close + 2..];
        let comma = value
            .iter()
            .position(|&byte| byte == b',')
            .unwrap_or(value.len());
        let number = std::str::from_utf8(&value[..comma]).expect("a number");
        let number = match number {
            // Six below zero, whose digits a double loses.
            "1.844674e+19" => u64::MAX - 5,
            _ => number.parse().expect("a number"),
        };
        let key = unescaped(&quoted[..close]);
        let colon = key.iter().position(|&byte| byte == b':').expect("a group");
        members.push((key[..colon].to_vec(), key[colon + 1..].to_vec(), number));
        rest = value.get(comma + 1..).unwrap_or_default();
    }
    members
}

/// Undoes [`escaped`].
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next().expect("an escape") {
                b'n' => b'\n',
                b't' => b'\t',
                b'u' => {
                    let digits: Vec<u8> = bytes.by_ref().take(4).collect();
                    let digits = std::str::from_utf8(&digits).expect("digits");
                    u8::from_str_radix(digits, 16).expect("a control character")
                }
                other => other,
            },
            _ => byte,
        });
    }
    plain
}

fn read_line(line: &[u8], separator: &[u8]) -> Statistic {
    let colon = line.iter().position(|&byte| byte == b':').expect("a group");
    let end = line
        .windows(separator.len())
        .rposition(|window| window == separator)
        .expect("a value");
    let value = std::str::from_utf8(&line[end + separator.len()..])
        .ok()
        .and_then(|text| text.parse().ok());
    (
        line[..colon].to_vec(),
        line[colon + 1..end].to_vec(),
        value.unwrap_or_else(|| panic!("no number in {}", line.escape_ascii())),
    )
}
