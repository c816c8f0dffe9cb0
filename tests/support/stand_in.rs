//! A stand-in for the `mi_datagram` of OpenSIPS: it listens on a unix datagram socket, handles one
//! request after the other, answers from a second, unnamed socket, and misbehaves when told to.

#[path = "stand_in_captures.rs"]
mod captures;
#[path = "stand_in_commands.rs"]
pub mod commands;
#[path = "stand_in_protocol.rs"]
mod protocol;

use std::fs;
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use captures::read_captured;
pub use commands::Taught;
pub use protocol::*;

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
    /// Does not answer requests that hold this.
    Mute(&'static str),
    /// Is busy for so long with each request that holds one of these. Others wait.
    SlowAt(&'static [&'static str], Duration),
    /// Answers twice, the second time with these bytes.
    Twice(Vec<u8>),
    /// Answers with these bytes first, and then as it should.
    Before(Vec<u8>),
}

/// The uptime among the statistics of a server, which goes on: when it stands still, the server
/// seems to start again and again. It counts from the first request for statistics, so that the
/// first page is always the same.
#[derive(Default)]
pub struct Uptime(Option<Instant>);

impl Uptime {
    /// What `answer` makes of `request` with the statistics as they are by now.
    pub fn by_now<T>(
        &mut self,
        request: &[u8],
        statistics: &mut [Statistic],
        answer: impl FnOnce(&[Statistic]) -> T,
    ) -> T {
        if !holds(request, b"get_statistics") {
            return answer(statistics);
        }
        let seconds = self.0.get_or_insert_with(Instant::now).elapsed().as_secs();
        let is_uptime = |(group, name, _): &Statistic| group == b"core" && name == b"timestamp";
        let uptime = statistics.iter().position(is_uptime);
        if let Some(uptime) = uptime {
            statistics[uptime].2 += seconds;
        }
        let answer = answer(statistics);
        if let Some(uptime) = uptime {
            statistics[uptime].2 -= seconds;
        }
        answer
    }
}

struct State {
    version: Version,
    statistics: Vec<Statistic>,
    uptime: Uptime,
    behaviour: Behaviour,
    taught: Taught,
    /// Those for statistics.
    requests: Vec<Vec<u8>>,
    /// Those by which it is found out what this is.
    questions: Vec<Vec<u8>>,
    /// Those for its commands.
    listings: Vec<Vec<u8>>,
    /// All others.
    commands: Vec<Vec<u8>>,
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
            uptime: Uptime::default(),
            behaviour: Behaviour::Proper,
            taught: Taught::default(),
            requests: Vec::new(),
            questions: Vec::new(),
            listings: Vec::new(),
            commands: Vec::new(),
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

    /// Loads the modules of the captured server.
    pub fn load_modules(&self) {
        self.state.lock().unwrap().taught.has_modules = true;
    }

    /// Answers `command` with these lines, or with this JSON as the result. A command with its
    /// parameters is answered before one without: `ds_list{"partition":"a"}`, `:ds_list:\na\n`.
    pub fn teach(&self, command: &str, answer: &str) {
        let mut state = self.state.lock().unwrap();
        let answers = &mut state.taught.answers;
        answers.insert(command.to_string(), answer.to_string());
    }

    /// The same, and has no other command.
    pub fn teach_only(&self, command: &str, answer: &str) {
        self.teach(command, answer);
        let version = self.state.lock().unwrap().version.name;
        let which = match version {
            "2.4" => format!("{command}\n"),
            _ => format!("[\"{command}\"]"),
        };
        self.teach("which", &which);
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
        state.listings.clear();
        state.commands.clear();
    }

    /// Changes the statistics.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Statistic>)) {
        change(&mut self.state.lock().unwrap().statistics);
    }

    /// All requests for statistics so far, as they came.
    pub fn requests(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().requests)
    }

    /// All requests for the version so far, as they came.
    pub fn questions(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().questions)
    }

    /// All requests for the list of its commands so far, as they came.
    pub fn listings(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().listings)
    }

    /// All other requests so far, as they came.
    pub fn commands(&self) -> Vec<String> {
        texts(&self.state.lock().unwrap().commands)
    }

    /// How many of these hold `text`.
    pub fn times(&self, text: &str) -> usize {
        let commands = self.commands();
        commands
            .iter()
            .filter(|command| command.contains(text))
            .count()
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

fn holds(request: &[u8], text: &[u8]) -> bool {
    request.windows(text.len()).any(|window| window == text)
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
            let is_kamailio = state.lock().unwrap().version.speaks_like(KAMAILIO);
            // It answers from the socket that it is asked at.
            let answers = if is_kamailio { socket } else { &answers };
            handle(&buffer[..length], &client, answers, state);
        }
    }
}

fn handle(request: &[u8], client: &SocketAddr, answers: &UnixDatagram, state: &Mutex<State>) {
    let (behaviour, reply) = {
        let mut state = state.lock().unwrap();
        let state = &mut *state;
        let log = if holds(request, b"get_statistics") {
            &mut state.requests
        } else if holds(request, b"version") {
            &mut state.questions
        } else if holds(request, b"which") || holds(request, b"listMethods") {
            &mut state.listings
        } else {
            &mut state.commands
        };
        log.push(request.to_vec());
        let (version, taught) = (state.version, &state.taught);
        let reply = state
            .uptime
            .by_now(request, &mut state.statistics, |statistics| {
                answer_as_taught(request, version, statistics, taught)
            });
        (state.behaviour.clone(), reply)
    };
    // The client may have gone.
    let send = |bytes: &[u8]| drop(answers.send_to_addr(bytes, client));
    if let Behaviour::SlowAt(texts, time) = behaviour
        && texts.iter().any(|text| holds(request, text.as_bytes()))
    {
        thread::sleep(time);
    }
    let Some(reply) = reply else { return };
    match behaviour {
        Behaviour::Proper | Behaviour::SlowAt(..) => send(&reply),
        Behaviour::Silent => {}
        Behaviour::Mute(text) if holds(request, text.as_bytes()) => {}
        Behaviour::Mute(_) => send(&reply),
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
