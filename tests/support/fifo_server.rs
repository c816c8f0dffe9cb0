//! What the stand-in for `mi_fifo` does with what comes into its FIFO.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::fcntl_getpipe_size;

use super::{Behaviour, ReplyFifo, State};
use crate::support::stand_in::{Statistic, V2_4, answer_as_taught};

/// What a server reads at once from 3.0 on, and what a FIFO takes in one piece.
const MAX_REQUEST: usize = 4096;

/// The first line of a request in 1.x and 2.x.
const MAX_LINE: usize = 1022;

/// The name of a reply with its directory.
const MAX_NAME: usize = 127;

/// What the thread has.
pub struct Server {
    fifo: File,
    bell: UnixStream,
    reply_dir: PathBuf,
    state: Arc<Mutex<State>>,
    /// What is not read as a request yet.
    rest: Vec<u8>,
    /// The lines of a request that is not whole yet.
    lines: Vec<String>,
    /// Whether all is skipped up to an empty line, as after an error.
    is_skipping: bool,
}

impl Server {
    pub fn new(fifo: File, bell: UnixStream, reply_dir: &Path, state: &Arc<Mutex<State>>) -> Self {
        Server {
            fifo,
            bell,
            reply_dir: reply_dir.to_path_buf(),
            state: Arc::clone(state),
            rest: Vec::new(),
            lines: Vec::new(),
            is_skipping: false,
        }
    }

    /// Handles requests until the server is to end.
    pub fn run(&mut self) {
        loop {
            let is_stopped = {
                let state = self.state.lock().unwrap();
                if state.ended {
                    return;
                }
                matches!(state.behaviour, Behaviour::Stopped)
            };
            let wanted = match is_stopped || self.rest.len() == MAX_REQUEST {
                true => PollFlags::empty(),
                false => PollFlags::IN,
            };
            let mut awaited = [
                PollFd::new(&self.bell, PollFlags::IN),
                PollFd::new(&self.fifo, wanted),
            ];
            poll(&mut awaited, -1).expect("something comes");
            let [bell, fifo] = awaited.map(|one| !one.revents().is_empty());
            if bell {
                let _ = self.bell.read(&mut [0]);
            } else if fifo {
                let mut buffer = vec![0; MAX_REQUEST - self.rest.len()];
                let count = self.fifo.read(&mut buffer).expect("a request");
                self.rest.extend_from_slice(&buffer[..count]);
                if self.state.lock().unwrap().version.speaks_like(V2_4) {
                    self.read_lines();
                } else {
                    self.read_json();
                }
            }
        }
    }

    /// `:NAME:{json}` one after the other. What is malformed stays, and nothing behind it is ever
    /// read.
    fn read_json(&mut self) {
        loop {
            let text = String::from_utf8(self.rest.clone()).expect("text");
            let start = text.trim_start();
            if start.is_empty() {
                self.rest.clear();
                return;
            }
            let named = start
                .strip_prefix(':')
                .and_then(|rest| rest.split_once(':'));
            let Some((name, json)) = named else {
                self.mistake(&format!("poisoned by {text:?}"));
                return;
            };
            let mut values = serde_json::Deserializer::from_str(json).into_iter();
            let value: serde_json::Value = match values.next() {
                Some(Ok(value)) => value,
                _ => {
                    self.mistake(&format!("poisoned by {text:?}"));
                    return;
                }
            };
            let length = values.byte_offset();
            let (request, rest) = json.split_at(length);
            self.rest = rest.into();
            assert!(value["method"].is_string(), "4.0 dies of it: {request}");
            let (name, request) = (name.to_string(), request.to_string());
            self.log(&format!(":{name}:{request}"));
            let reply = match value.get("jsonrpc") {
                Some(_) => self.answer(request.as_bytes()),
                None => format!(
                    "{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":-32600,\
                     \"message\":\"Invalid Request\"}},\"id\":{}}}",
                    value["id"]
                )
                .into_bytes(),
            };
            if value.get("id").is_none() {
                self.mistake("without an id there is no reply");
            }
            self.reply(&name, &request, &reply);
        }
    }

    /// `:COMMAND:NAME`, a line for each argument, and an empty one.
    fn read_lines(&mut self) {
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8(line[..end].to_vec()).expect("text");
            if !line.is_empty() {
                self.lines.push(line);
                continue;
            }
            let lines = std::mem::take(&mut self.lines);
            let is_skipped = std::mem::take(&mut self.is_skipping);
            if is_skipped || lines.is_empty() {
                continue;
            }
            let request = lines.join("\n") + "\n";
            self.log(&request);
            let named = lines[0]
                .strip_prefix(':')
                .and_then(|rest| rest.split_once(':'));
            let Some((command, name)) = named else {
                self.mistake(&format!("no command in {request:?}"));
                continue;
            };
            if lines[0].len() > MAX_LINE {
                self.mistake("the first line is too long");
            }
            let arguments = lines[1..].iter().map(|line| format!("{line}\n"));
            let datagram = format!(":{command}:\n{}", arguments.collect::<String>());
            let mut reply = self.answer(datagram.as_bytes());
            if reply == b"500 command not available\n" {
                reply = format!("500 command '{command}' not available\n").into_bytes();
            } else if reply.starts_with(b"400 parse") {
                // It skips a request too many.
                self.is_skipping = true;
                reply = format!("400 parse error in command '{command}'\n").into_bytes();
            } else if !reply.ends_with(b"\n\n") {
                reply.push(b'\n');
            }
            self.reply(name, &request, &reply);
        }
    }

    fn log(&self, request: &str) {
        let mut state = self.state.lock().unwrap();
        state.requests.push(request.to_string());
        let hook = state.hook.take();
        drop(state);
        if let Some(mut hook) = hook {
            hook(request);
            self.state.lock().unwrap().hook.get_or_insert(hook);
        }
    }

    fn mistake(&self, what: &str) {
        self.state.lock().unwrap().mistakes.push(what.to_string());
    }

    fn answer(&self, datagram: &[u8]) -> Vec<u8> {
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        let (version, taught) = (state.version.with_limit(usize::MAX), &state.taught);
        let answer =
            |statistics: &[Statistic]| answer_as_taught(datagram, version, statistics, taught);
        let reply = state.uptime.by_now(datagram, &mut state.statistics, answer);
        reply.expect("a reply")
    }

    /// Answers as the client gets it that made the FIFO `name`.
    fn reply(&self, name: &str, request: &str, reply: &[u8]) {
        let path = self.reply_dir.join(name);
        if name.contains(['.', '/', '\\']) || path.as_os_str().len() > MAX_NAME {
            self.mistake(&format!("no name for a reply: {name}"));
        }
        let behaviour = self.state.lock().unwrap().behaviour.clone();
        let reply = match &behaviour {
            Behaviour::Silent => return,
            Behaviour::Mute(text) if request.contains(text) => return,
            Behaviour::Raw(bytes) => bytes,
            Behaviour::Truncated(less) => &reply[..reply.len() - less],
            Behaviour::Hanging => &[],
            _ => reply,
        };
        if let Behaviour::Slow(time) = behaviour {
            thread::sleep(time);
        }
        let Some(mut fifo) = open_reply(&path) else {
            return;
        };
        let facts = fifo.metadata().expect("the FIFO");
        self.state.lock().unwrap().replies.push(ReplyFifo {
            mode: facts.mode() & 0o7777,
            group: facts.gid(),
            room: fcntl_getpipe_size(&fifo).expect("its size"),
        });
        if matches!(behaviour, Behaviour::Hanging) {
            // Until it is to behave in another way, or to end.
            let _ = poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], -1);
        }
        // The client may have gone.
        let _ = reply
            .chunks(MAX_REQUEST)
            .try_for_each(|piece| fifo.write_all(piece));
    }
}

/// Opens the FIFO of a client for writing as a server does: again if nobody reads it.
fn open_reply(path: &Path) -> Option<File> {
    for _ in 0..5 {
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path);
        match opened {
            Ok(file) => {
                let (opened, named) = (file.metadata().ok()?, fs::symlink_metadata(path).ok()?);
                let is_fifo = opened.file_type().is_fifo() && named.file_type().is_fifo();
                let is_it = is_fifo && opened.nlink() == 1 && opened.ino() == named.ino();
                fcntl_setfl(&file, OFlags::empty()).expect("its flags");
                return is_it.then_some(file);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                thread::sleep(Duration::from_millis(80));
            }
            Err(_) => return None,
        }
    }
    None
}
