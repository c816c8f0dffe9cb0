//! The FIFO of `mi_fifo`: one request, one reply, under one deadline.
//!
//! The server writes each reply into another FIFO, which the client makes beforehand in the
//! server's `reply_dir` and names in its request. It opens that for writing without waiting: where
//! it cannot, it drops the request and tells nobody. Then it writes without a limit of time, so a
//! client that does not read blocks MI over FIFO for everybody (OpenSIPS 1.11 to 4.0,
//! `modules/mi_fifo/fifo_fnc.c`).
//!
//! From 3.0 on a malformed request can leave a rest in the server's buffer, and every later request
//! of anybody fails until the server is restarted. So requests are written at once and whole, and
//! only to the FIFO of which it was found out what its server speaks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::event::{self, PollFd, PollFlags};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::ioctl_fionread;

use super::Identity;
use super::reply_dir::ReplyDirectory;
use super::reply_fifo::ReplyFifo;
use super::unix::{denied, kind_of};
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;
use crate::names;

/// Bytes that a FIFO takes in one piece (pipe(7)), and that servers read of a request (OpenSIPS 3.0
/// to 4.0).
const LIMIT: usize = 4096;

/// Bytes of a request without what is put around it, which is a name and six separators.
pub const MAX_REQUEST: usize = LIMIT - 64;

/// Whether there is a FIFO at `path`.
pub fn is_at(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo())
}

/// What tells the FIFO at `path` now from another one, if it can be seen.
pub fn identity(path: &Path) -> Option<Identity> {
    let born = birth(CWD, path, AtFlags::empty());
    Some(identity_of(&fs::metadata(path).ok()?, born))
}

/// A FIFO changes with each request, but it was made once.
fn identity_of(file: &fs::Metadata, born: (i64, i64)) -> Identity {
    Identity { file: (file.dev(), file.ino()), changed: born }
}

/// When a file was made, or zero where the system does not tell. std does not know it with musl.
fn birth(directory: impl AsFd, path: &Path, flags: AtFlags) -> (i64, i64) {
    let told = statx(directory, path, flags, StatxFlags::BTIME);
    let told = told.ok().filter(|told| told.stx_mask & StatxFlags::BTIME.bits() != 0);
    told.map_or((0, 0), |told| (told.stx_btime.tv_sec, told.stx_btime.tv_nsec.into()))
}

/// Writes `request`, which is for a datagram, into the FIFO at `path`, if that is the one with
/// `identity`. The reply comes by way of `directory`.
///
/// # Errors
///
/// When the FIFO is not there, is another one or takes nothing, or the reply has nowhere to go.
pub fn ask<'e>(
    path: &'e Path,
    directory: &'e ReplyDirectory,
    request: &[u8],
    identity: Option<&Identity>,
    deadline: Deadline,
) -> Result<Exchange<'e>, Error> {
    let server = open(path)?;
    if identity != Some(&server.identity) {
        return Err(Error::Replaced { path: path.to_path_buf() });
    }
    let name = names::unguessable();
    let request = framed(request, &name);
    send(path, directory, server, &[&name], &request, deadline)
}

/// Writes `request` in JSON, which must do as the name of a file, into the FIFO at `path` of a
/// server that may speak either dialect. One of JSON-RPC reads it behind the name of a reply. One
/// of the line protocol takes that name for the command and the JSON for the name (seen on 1.11 to
/// 4.0).
///
/// # Errors
///
/// As those of [`ask`].
pub fn ask_unknown<'e>(
    path: &'e Path,
    directory: &'e ReplyDirectory,
    request: &str,
    deadline: Deadline,
) -> Result<Exchange<'e>, Error> {
    let server = open(path)?;
    let name = names::unguessable();
    let whole = format!(":{name}:{request}\n\n");
    let names = [name.as_str(), request];
    send(path, directory, server, &names, whole.as_bytes(), deadline)
}

/// `request` with the `name` of its reply. In front of a line stand empty ones: they end what a
/// client that was killed left unfinished, and are skipped otherwise.
fn framed(request: &[u8], name: &str) -> Vec<u8> {
    let name = name.as_bytes();
    let end = request.iter().position(|&byte| byte == b'\n');
    match (request.first(), end.and_then(|end| request.split_at_checked(end))) {
        (Some(b':'), Some((command, arguments))) => {
            [b"\n\n", command, name, arguments, b"\n"].concat()
        }
        _ => [b":", name, b":", request, b"\n"].concat(),
    }
}

/// Whether `reply` has its end. Lines end with an empty one, but for single ones that tell an
/// error. The JSON of a server that has no room for a string breaks off with a line of text (3.0 to
/// 4.0).
fn is_whole(reply: &[u8]) -> bool {
    match reply.first() {
        Some(b'{') => reply.trim_ascii_end().ends_with(b"}"),
        Some(b'4' | b'5') => reply.ends_with(b"\n"),
        _ => reply.ends_with(b"\n\n"),
    }
}

/// The FIFO of a server, open for a request.
struct Server {
    file: File,
    identity: Identity,
    group: u32,
}

fn open(path: &Path) -> Result<Server, Error> {
    // Without waiting for somebody who reads.
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .and_then(|file| Ok((file.metadata()?, file)));
    let (facts, file) = opened.map_err(|error| explain(path, error))?;
    if !facts.file_type().is_fifo() {
        return Err(Error::OtherFile {
            path: path.to_path_buf(),
            what: kind_of(facts.file_type()),
        });
    }
    Ok(Server {
        identity: identity_of(&facts, birth(&file, Path::new(""), AtFlags::EMPTY_PATH)),
        group: facts.gid(),
        file,
    })
}

fn explain(path: &Path, error: io::Error) -> Error {
    let endpoint = path.display().to_string();
    let path = path.to_path_buf();
    match error.kind() {
        ErrorKind::NotFound => Error::Missing { path },
        ErrorKind::PermissionDenied => denied(&path),
        ErrorKind::BrokenPipe => Error::NobodyListens { path },
        _ if error.raw_os_error() == Some(libc::ENXIO) => Error::NobodyListens { path },
        _ => Error::Io { endpoint, error },
    }
}

fn send<'e>(
    path: &'e Path,
    directory: &'e ReplyDirectory,
    server: Server,
    names: &[&str],
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange<'e>, Error> {
    let replies = names.iter().map(|name| ReplyFifo::new(directory, name, server.group));
    let replies = replies.collect::<io::Result<Vec<_>>>();
    let exchange = Exchange {
        path,
        directory,
        server: server.file,
        replies: replies.map_err(|error| Error::ReplyFifo {
            directory: directory.path().to_path_buf(),
            error,
        })?,
    };
    exchange.write(request, deadline)?;
    Ok(exchange)
}

/// A request that was sent.
pub struct Exchange<'e> {
    path: &'e Path,
    directory: &'e ReplyDirectory,
    /// The server's FIFO, which shows when nobody reads it any more.
    server: File,
    /// Where the reply may come.
    replies: Vec<ReplyFifo<'e>>,
}

impl Exchange<'_> {
    fn write(&self, request: &[u8], deadline: Deadline) -> Result<(), Error> {
        if request.len() > LIMIT {
            let error = io::Error::other("the request is too long");
            return Err(explain(self.path, error));
        }
        loop {
            // Up to the limit it is all or nothing.
            let error = match (&self.server).write(request) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock => {
                    let left = deadline.remaining().ok_or_else(|| self.queue_full(deadline))?;
                    poll(&mut [PollFd::new(&self.server, PollFlags::OUT)], left)
                        .map_err(|error| explain(self.path, error))?;
                }
                ErrorKind::Interrupted => {}
                _ => return Err(explain(self.path, error)),
            }
        }
    }

    /// The reply, as [`super::Exchange::reply`]. There is one at most.
    ///
    /// # Errors
    ///
    /// [`Error::NoFifoReply`] or [`Error::QueueFull`] when there is none in time,
    /// [`Error::Truncated`] when it has no end, and what else keeps it from being read.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        loop {
            let left = deadline.remaining().ok_or_else(|| self.no_reply(deadline))?;
            let replies = self.replies.iter();
            let mut awaited: Vec<PollFd<'_>> =
                replies.map(|reply| PollFd::new(&reply.file, PollFlags::IN)).collect();
            // The last one, since what a server has written outlives it.
            awaited.push(PollFd::new(&self.server, PollFlags::empty()));
            poll(&mut awaited, left).map_err(|error| explain(self.path, error))?;
            let Some(ready) = awaited.iter().position(|of| !of.revents().is_empty()) else {
                continue;
            };
            let Some(reply) = self.replies.get_mut(ready) else {
                return Err(explain(self.path, ErrorKind::BrokenPipe.into()));
            };
            let is_over = reply.read().map_err(|error| explain(self.path, error))?;
            if is_over {
                let read = std::mem::take(&mut reply.read);
                return match is_whole(&read) {
                    true => Ok(read),
                    false => Err(Error::Truncated { bytes: read.len() }),
                };
            }
        }
    }

    /// Why there is no reply at the end of the `deadline`: the server has not read the request, or
    /// has nowhere to answer to.
    fn no_reply(&self, deadline: Deadline) -> Error {
        match ioctl_fionread(&self.server) {
            Ok(1..) => self.queue_full(deadline),
            _ => Error::NoFifoReply {
                path: self.path.to_path_buf(),
                directory: self.directory.path().to_path_buf(),
                waited: deadline.limit(),
            },
        }
    }

    fn queue_full(&self, deadline: Deadline) -> Error {
        Error::QueueFull { path: self.path.to_path_buf(), waited: deadline.limit() }
    }
}

fn poll(awaited: &mut [PollFd<'_>], left: Duration) -> io::Result<()> {
    let milliseconds = left.as_millis().saturating_add(1);
    match event::poll(awaited, i32::try_from(milliseconds).unwrap_or(i32::MAX)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
