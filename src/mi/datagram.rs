//! The unix datagram socket of `mi_datagram`: one request, one reply, under one deadline.
//!
//! OpenSIPS answers from a second, unnamed socket to the address that the request came from
//! (seen on 1.11 to 4.0). So the socket of a request is bound and never connected: the
//! kernel refuses to a connected socket what comes from another one than its peer. Each request has
//! a socket of its own, and a late reply finds nobody.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::{self, RecvFlags};

use super::endpoint::Identity;
use super::{Deadline, Error, is_wait_over};
use crate::names;

/// What tells the socket that is at `path` now from another one, if it can be seen. A new file can have the
/// number of the old one.
pub fn identity(path: &Path) -> Option<Identity> {
    let file = fs::metadata(path).ok()?;
    Some(Identity {
        file: (file.dev(), file.ino()),
        changed: (file.ctime(), file.ctime_nsec()),
    })
}

/// Sends `request` to the socket at `path`. The reply goes to an abstract address, or to a file in `replies`.
///
/// # Errors
///
/// When the socket is not there or takes nothing, or the reply has nowhere to go.
pub fn ask<'e>(
    path: &'e Path,
    replies: Option<&'e ReplyDirectory>,
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange<'e>, Error> {
    let exchange = Exchange {
        path,
        socket: ReplySocket::bind(replies)?,
    };
    exchange.send(request, deadline)?;
    Ok(exchange)
}

/// A request that was sent.
pub struct Exchange<'e> {
    /// The server's socket.
    path: &'e Path,
    socket: ReplySocket<'e>,
}

impl Exchange<'_> {
    fn send(&self, request: &[u8], deadline: Deadline) -> Result<(), Error> {
        let socket = &self.socket.socket;
        let too_late = || Error::QueueFull {
            path: self.path.to_path_buf(),
            waited: deadline.limit(),
        };
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

    /// The next reply, as [`super::endpoint::Exchange::reply`].
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
            let received = socket
                .set_read_timeout(Some(remaining))
                .and_then(|()| receive_whole(socket));
            match received {
                Ok((reply, sender)) if self.is_server(&sender) => return Ok(reply),
                Ok((other, sender)) => {
                    log::debug!(
                        "ignored {} bytes from {sender:?}, which is not the server",
                        other.len()
                    );
                }
                Err(error) if is_wait_over(&error) => {}
                Err(error) => return Err(explain(self.path, error)),
            }
        }
    }

    /// Whether replies come from there: from a socket without a name, as OpenSIPS sends them, or from the one
    /// that is asked, as Kamailio does (5.6). In a container that may have another directory.
    fn is_server(&self, sender: &SocketAddr) -> bool {
        let is_asked = |path: &Path| path.file_name() == self.path.file_name();
        sender.is_unnamed() || sender.as_pathname().is_some_and(is_asked)
    }
}

/// What the system's `error` means for the operator, with what the file system says of the socket at `path`
/// now.
fn explain(path: &Path, error: io::Error) -> Error {
    let path = path.to_path_buf();
    if let Some(what) = other_than_socket(&path) {
        return Error::NotDatagram { path, what };
    }
    match error.kind() {
        ErrorKind::NotFound => Error::Missing { path },
        ErrorKind::PermissionDenied => denied(&path),
        ErrorKind::ConnectionRefused => Error::NobodyListens { path },
        _ if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
            Error::NotDatagram {
                path,
                what: "a stream socket",
            }
        }
        _ => Error::Io {
            endpoint: path.display().to_string(),
            error,
        },
    }
}

/// The next datagram, however large: the kernel tells its length (recv(2), MSG_TRUNC) before there is
/// a buffer for it.
fn receive_whole(socket: &UnixDatagram) -> io::Result<(Vec<u8>, SocketAddr)> {
    let length = net::recv(socket, &mut [], RecvFlags::PEEK | RecvFlags::TRUNC)?;
    let mut datagram = vec![0; length];
    let (length, sender) = socket.recv_from(&mut datagram)?;
    datagram.truncate(length);
    Ok((datagram, sender))
}

fn other_than_socket(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_socket() {
        None
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_file() {
        Some("a file")
    } else {
        Some("a device")
    }
}

/// Names the first thing on the way to `socket` that can still be looked at: that is the one which
/// let nobody through.
fn denied(socket: &Path) -> Error {
    let seen = socket
        .ancestors()
        .find_map(|path| Some((path, fs::metadata(path).ok()?)));
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
        },
        None => Error::Denied {
            path: socket.to_path_buf(),
            facts: format!("this process runs as {user}"),
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

/// A directory that reply sockets are bound in, for servers that cannot reach an abstract address
/// because they run in another network namespace.
///
/// Each file lives as long as its request. What is left when the process ends is removed by
/// [`close`](ReplyDirectory::close), and what a killed process left behind by
/// [`sweep`](ReplyDirectory::sweep) of the next one.
#[derive(Debug)]
pub struct ReplyDirectory {
    path: PathBuf,
    bound: Mutex<BTreeSet<PathBuf>>,
}

impl ReplyDirectory {
    /// The directory at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        ReplyDirectory {
            path,
            bound: Mutex::default(),
        }
    }

    /// Removes reply sockets that no process holds any more.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return;
        };
        for entry in entries.flatten() {
            let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
            if is_socket
                && entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with(names::PREFIX)
                && is_abandoned(&entry.path())
            {
                remove(&entry.path());
            }
        }
    }

    /// Removes the reply sockets of the requests under way and lets no other be bound. Called when
    /// the process ends.
    pub fn close(&self) {
        let bound = self.lock();
        bound.iter().for_each(|path| remove(path));
        // Never unlocked again: whoever wants to bind waits until the process is gone.
        std::mem::forget(bound);
    }

    fn bind(&self) -> io::Result<(UnixDatagram, PathBuf)> {
        let path = self.path.join(format!("{}.sock", names::unguessable()));
        let mut bound = self.lock();
        let socket = UnixDatagram::bind(&path)?;
        // The server may run as another user, who needs the permission to write.
        if let Err(error) = fs::set_permissions(&path, Permissions::from_mode(0o666)) {
            remove(&path);
            return Err(error);
        }
        bound.insert(path.clone());
        Ok((socket, path))
    }

    fn release(&self, path: &Path) {
        let mut bound = self.lock();
        remove(path);
        bound.remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody holds the socket at `path`. Connecting to it sends nothing.
fn is_abandoned(path: &Path) -> bool {
    UnixDatagram::unbound()
        .and_then(|socket| socket.connect(path))
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        log::debug!("cannot remove {}: {error}", path.display());
    }
}

/// A bound socket for one reply. Its file, if it has one, goes with it.
struct ReplySocket<'d> {
    socket: UnixDatagram,
    file: Option<(&'d ReplyDirectory, PathBuf)>,
}

impl<'d> ReplySocket<'d> {
    fn bind(directory: Option<&'d ReplyDirectory>) -> Result<Self, Error> {
        let bound = match directory {
            None => SocketAddr::from_abstract_name(names::unguessable())
                .and_then(|address| UnixDatagram::bind_addr(&address))
                .map(|socket| (socket, None)),
            Some(directory) => directory
                .bind()
                .map(|(socket, path)| (socket, Some((directory, path)))),
        };
        match bound {
            Ok((socket, file)) => Ok(ReplySocket { socket, file }),
            Err(error) => Err(Error::ReplySocket {
                directory: directory.map(|directory| directory.path.clone()),
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
    use std::sync::Arc;

    use super::*;

    #[test]
    fn nothing_is_bound_any_more_after_the_close() -> io::Result<()> {
        let path = std::env::temp_dir().join(format!("ose-close-{}", std::process::id()));
        fs::create_dir(&path)?;
        let directory = Arc::new(ReplyDirectory::new(path.clone()));
        let _bound = directory.bind()?;
        directory.close();
        let (sender, bound) = std::sync::mpsc::channel();
        let late = Arc::clone(&directory);
        std::thread::spawn(move || sender.send(late.bind().is_ok()));
        assert!(
            bound
                .recv_timeout(std::time::Duration::from_millis(50))
                .is_err()
        );
        // Fails if there is still something in it.
        fs::remove_dir(&path)
    }

    #[test]
    fn a_number_without_a_name_stays_a_number() {
        assert_eq!(name_of(0, "/etc/passwd"), "root (0)");
        assert_eq!(name_of(4_000_000_000, "/etc/passwd"), "4000000000");
        assert_eq!(name_of(0, "/nonexistent"), "0");
    }
}
