//! The unix datagram socket of `mi_datagram`: one request, one reply, under one deadline.
//!
//! OpenSIPS answers from a second, unnamed socket to the address that the request came from
//! (seen on 1.11 to 4.0). So the socket of a request is bound and never connected: the
//! kernel refuses to a connected socket what comes from another one than its peer. Each request has
//! a socket of its own, and a late reply finds nobody.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

use rustix::net::{self, RecvFlags, SocketAddrUnix};

use super::reply_dir::ReplyDirectory;
use super::sender::{self, Answerers, Forgeries, Sender};
use super::{Identity, is_wait_over};
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;
use crate::names;

/// What tells the socket that is at `path` now from another one, if it can be seen. A new file can
/// have the number of the old one.
pub fn identity(path: &Path) -> Option<Identity> {
    let file = fs::metadata(path).ok()?;
    Some(Identity { file: (file.dev(), file.ino()), changed: (file.ctime(), file.ctime_nsec()) })
}

/// Sends `request` to the socket at `path`. The reply goes to an abstract address, or to a file in
/// `replies`. What others send there is noted in `forgeries`.
///
/// # Errors
///
/// When the socket is not there or takes nothing, or the reply has nowhere to go.
pub fn ask<'e>(
    path: &'e Path,
    replies: Option<&'e ReplyDirectory>,
    forgeries: &'e Forgeries,
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange<'e>, Error> {
    let exchange = Exchange {
        path,
        socket: ReplySocket::bind(replies)?,
        answerers: Answerers::of(path),
        forgeries,
    };
    exchange.send(request, deadline)?;
    Ok(exchange)
}

/// A request that was sent.
pub struct Exchange<'e> {
    /// The server's socket.
    path: &'e Path,
    socket: ReplySocket<'e>,
    answerers: Answerers,
    forgeries: &'e Forgeries,
}

impl Exchange<'_> {
    fn send(&self, request: &[u8], deadline: Deadline) -> Result<(), Error> {
        let socket = &self.socket.socket;
        let too_late =
            || Error::QueueFull { path: self.path.to_path_buf(), waited: deadline.limit() };
        loop {
            let remaining = deadline.remaining().ok_or_else(too_late)?;
            let sent = socket
                .set_write_timeout(Some(remaining))
                .and_then(|()| socket.send_to(request, self.path));
            match sent {
                Ok(_) => return Ok(()),
                Err(error) if is_wait_over(&error) => {}
                Err(error) => return Err(explain(self.path, error)),
            }
        }
    }

    /// The next reply, as [`super::Exchange::reply`].
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when there is none in time, and what else keeps it from being read.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let socket = &self.socket.socket;
        let too_late = || Error::NoReply {
            endpoint: self.path.display().to_string(),
            waited: deadline.limit(),
        };
        loop {
            let remaining = deadline.remaining().ok_or_else(too_late)?;
            let received = socket.set_read_timeout(Some(remaining)).and_then(|()| self.receive());
            match received {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(error) if is_wait_over(&error) => {}
                Err(error) => return Err(explain(self.path, error)),
            }
        }
    }

    /// The next datagram, however large, if the server sent it. What others sent takes no memory.
    fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let socket = &self.socket.socket;
        let (length, sender) = sender::peek(socket)?;
        if !self.answerers.has(sender.user) {
            net::recv(socket, &mut [], RecvFlags::empty())?;
            self.forgeries.add(|| self.warning(sender));
            return Ok(None);
        }
        let mut datagram = vec![0; length];
        let (length, address) = socket.recv_from(&mut datagram)?;
        if !self.is_server(&address) {
            log::debug!("ignored {length} bytes from {address:?}, which is not the server");
            return Ok(None);
        }
        datagram.truncate(length);
        Ok(Some(datagram))
    }

    fn warning(&self, sender: Sender) -> String {
        let Sender { user, process } = sender;
        let process = match process {
            0 => "a process of another namespace".to_string(),
            process => format!("process {process}"),
        };
        format!(
            "ignored a forged reply: {process} of user {} sent it, which is neither root nor the \
             owner of {} or of its directory; if it is the server, make it the owner of that \
             directory",
            name_of(user, "/etc/passwd"),
            self.path.display(),
        )
    }

    /// Whether replies come from there: from a socket without a name, as OpenSIPS sends them, or
    /// from the one that is asked, as Kamailio does (5.6), to which a link may lead. In a container
    /// that may have another directory.
    fn is_server(&self, sender: &SocketAddr) -> bool {
        let is_asked = |path: &Path| {
            let asked = fs::canonicalize(self.path);
            path.file_name() == asked.as_deref().unwrap_or(self.path).file_name()
        };
        sender.is_unnamed() || sender.as_pathname().is_some_and(is_asked)
    }
}

/// What the system's `error` means for the operator, with what the file system says of the socket
/// at `path` now.
fn explain(path: &Path, error: io::Error) -> Error {
    let path = path.to_path_buf();
    if let Some(what) = other_than_socket(&path) {
        return Error::OtherFile { path, what };
    }
    match error.kind() {
        ErrorKind::NotFound => Error::Missing { path },
        ErrorKind::PermissionDenied => denied(&path),
        ErrorKind::ConnectionRefused => Error::NobodyListens { path },
        _ if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
            Error::OtherFile { path, what: "a stream socket" }
        }
        _ => Error::Io { endpoint: path.display().to_string(), error },
    }
}

fn other_than_socket(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    (!kind.is_socket()).then(|| kind_of(kind))
}

/// What a file of this kind is called.
pub fn kind_of(kind: fs::FileType) -> &'static str {
    if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

/// Names the first thing on the way to `socket` that can still be looked at: that is the one which
/// let nobody through.
pub fn denied(socket: &Path) -> Error {
    let seen = socket.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?)));
    let user = fs::metadata("/proc/self").map_or_else(
        |_| "an unknown user".to_string(),
        |process| name_of(process.uid(), "/etc/passwd"),
    );
    match seen {
        Some((path, metadata)) => Error::Denied {
            path: path.to_path_buf(),
            facts: format!(
                "mode {:04o}, owner {}, group {}; this process runs as {user}",
                metadata.mode() & 0o7777,
                name_of(metadata.uid(), "/etc/passwd"),
                name_of(metadata.gid(), "/etc/group"),
            ),
            is_of_group: {
                let needed = if metadata.is_dir() { 0o010 } else { 0o020 };
                metadata.mode() & needed != 0 && metadata.gid() != 0
            },
        },
        None => Error::Denied {
            path: socket.to_path_buf(),
            facts: format!("this process runs as {user}"),
            is_of_group: false,
        },
    }
}

/// The name that `file`, in the format of passwd(5) and group(5), has for a number, and the number.
fn name_of(id: u32, file: &str) -> String {
    let number = id.to_string();
    let entries = fs::read_to_string(file).unwrap_or_default();
    entries
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.nth(1)?))
        })
        .find(|&(_, entry)| entry == number)
        .map_or_else(|| number.clone(), |(name, _)| format!("{name} ({number})"))
}

/// A bound socket for one reply. Its file, if it has one, goes with it.
struct ReplySocket<'d> {
    socket: UnixDatagram,
    file: Option<(&'d ReplyDirectory, PathBuf)>,
}

impl<'d> ReplySocket<'d> {
    fn bind(directory: Option<&'d ReplyDirectory>) -> Result<Self, Error> {
        let bound = match directory {
            None => SocketAddrUnix::new_abstract_name(names::unguessable().as_bytes())
                .map_err(io::Error::from)
                .and_then(|address| sender::bind(&address))
                .map(|socket| (socket, None)),
            Some(directory) => {
                directory.bind().map(|(socket, path)| (socket, Some((directory, path))))
            }
        };
        match bound {
            Ok((socket, file)) => Ok(ReplySocket { socket, file }),
            Err(error) => Err(Error::ReplySocket {
                directory: directory.map(|directory| directory.path().to_path_buf()),
                error,
            }),
        }
    }
}

impl Drop for ReplySocket<'_> {
    fn drop(&mut self) {
        if let Some((directory, path)) = &self.file {
            directory.release(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_stays_a_number() {
        assert_eq!(name_of(0, "/etc/passwd"), "root (0)");
        assert_eq!(name_of(4_000_000_000, "/etc/passwd"), "4000000000");
        assert_eq!(name_of(0, "/nonexistent"), "0");
    }
}
