//! A stand-in for the `mi_fifo` of OpenSIPS. It is stricter than the server: the first thing that a
//! server would take harm by, or lose without an answer, fails the test.

#[path = "fifo_server.rs"]
mod server;

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::stand_in::commands::Taught;
use super::stand_in::{Statistic, Uptime, Version, read_captured};
use super::{Exporter, TempDir, captured};
use server::Server;

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    Proper,
    /// Reads the request and answers nowhere, as one that finds no FIFO for the reply.
    Silent,
    /// Opens the FIFO for the reply and writes nothing.
    Hanging,
    /// Reads nothing.
    Stopped,
    /// Is busy for so long, then answers.
    Slow(Duration),
    /// Answers with these bytes, whatever was asked.
    Raw(Vec<u8>),
    /// Answers with so many bytes less than it should.
    Truncated(usize),
    /// Does not answer requests that hold this.
    Mute(&'static str),
}

/// A FIFO that was made for a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyFifo {
    pub mode: u32,
    pub group: u32,
    pub room: usize,
}

/// Called with each request before it is answered.
type Hook = Box<dyn FnMut(&str) + Send>;

struct State {
    version: Version,
    statistics: Vec<Statistic>,
    uptime: Uptime,
    taught: Taught,
    behaviour: Behaviour,
    hook: Option<Hook>,
    /// All requests so far, as they were written.
    requests: Vec<String>,
    replies: Vec<ReplyFifo>,
    mistakes: Vec<String>,
    ended: bool,
}

pub struct FifoServer {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    /// Wakes the thread.
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl FifoServer {
    /// Listens at `path`, looks for replies in `reply_dir`, and has the statistics of [`captured`].
    pub fn start(path: &Path, reply_dir: &Path, version: Version) -> Self {
        FifoServer::with_statistics(path, reply_dir, version, read_captured(&captured()))
    }

    pub fn with_statistics(
        path: &Path,
        reply_dir: &Path,
        version: Version,
        statistics: Vec<Statistic>,
    ) -> Self {
        // A server replaces what is there.
        let _ = fs::remove_file(path);
        make_fifo(path);
        let open = || OpenOptions::new().read(true).write(true).open(path);
        // It holds its own end for writing, and so never sees the end of what comes.
        let fifo = open().expect("the FIFO");
        let state = Arc::new(Mutex::new(State {
            version,
            statistics,
            uptime: Uptime::default(),
            taught: Taught::default(),
            behaviour: Behaviour::Proper,
            hook: None,
            requests: Vec::new(),
            replies: Vec::new(),
            mistakes: Vec::new(),
            ended: false,
        }));
        let (bell, waiting) = UnixStream::pair().expect("a pair");
        let mut server = Server::new(fifo, waiting, reply_dir, &state);
        FifoServer {
            path: path.to_path_buf(),
            state,
            bell,
            thread: Some(thread::spawn(move || server.run())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
        self.ring();
    }

    /// Loads the modules of the captured server.
    pub fn load_modules(&self) {
        self.state().taught.has_modules = true;
    }

    /// Calls `hook` with each request before it is answered.
    pub fn before_answers(&self, hook: impl FnMut(&str) + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    /// Takes all requests so far, as they were written.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    /// Takes the FIFOs for replies so far.
    pub fn take_replies(&self) -> Vec<ReplyFifo> {
        std::mem::take(&mut self.state().replies)
    }

    /// Ends like a server that is killed: its FIFO stays.
    pub fn die(mut self) {
        self.join();
    }

    /// Ends like a server that is stopped: its FIFO is removed.
    pub fn stop(self) {
        let path = self.path.clone();
        self.die();
        fs::remove_file(path).expect("the FIFO is there");
    }

    fn ring(&self) {
        let _ = (&self.bell).write_all(b"!");
    }

    fn join(&mut self) {
        self.state().ended = true;
        self.ring();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the stand-in ends well");
            if !thread::panicking() {
                assert_eq!(self.state().mistakes, Vec::<String>::new());
            }
        }
    }
}

impl Drop for FifoServer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Makes a FIFO that everybody may use, as stock configurations do.
pub fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    fs::set_permissions(path, Permissions::from_mode(0o666)).expect("its mode");
}

/// A directory with the FIFO of a server, and one for its replies.
pub struct Place {
    pub directory: TempDir,
    pub replies: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place {
            directory: TempDir::new(),
            replies: TempDir::new(),
        }
    }

    pub fn fifo(&self) -> PathBuf {
        self.directory.join("opensips_fifo")
    }

    pub fn server(&self, version: Version) -> FifoServer {
        FifoServer::start(&self.fifo(), self.replies.path(), version)
    }

    pub fn server_with(&self, version: Version, statistics: Vec<Statistic>) -> FifoServer {
        FifoServer::with_statistics(&self.fifo(), self.replies.path(), version, statistics)
    }

    pub fn exporter(&self, arguments: &[&str]) -> Exporter {
        let replies = self.replies.path().to_str().expect("a path");
        let arguments = [&["--reply-dir", replies], arguments].concat();
        Exporter::start(&self.fifo(), &arguments)
    }
}
