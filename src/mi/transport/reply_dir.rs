//! A directory for the sockets or files that replies come to, and its clean-up on every way out.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::SocketAddrUnix;

use super::sender;
use crate::names;

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
                let path = entry.path();
                note(&path, fs::remove_file(&path));
            }
        }
    }

    /// Removes the reply sockets of the requests under way and lets no other be bound. Called when
    /// the process ends.
    pub fn close(&self) {
        let bound = self.lock();
        for path in bound.iter() {
            // Nothing is logged here: a log that nobody reads would keep the process from ending.
            let _ = fs::remove_file(path);
        }
        // Never unlocked again: whoever wants to bind waits until the process is gone.
        std::mem::forget(bound);
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Binds a socket for one reply, and returns its file with it. The mode of that is what the
    /// umask leaves of 0777.
    ///
    /// # Errors
    ///
    /// When the directory lets no file be made in it.
    pub fn bind(&self) -> io::Result<(UnixDatagram, PathBuf)> {
        let path = self.path.join(format!("{}.sock", names::unguessable()));
        let address = SocketAddrUnix::new(path.as_path())?;
        let mut bound = self.lock();
        let socket = sender::bind(&address)?;
        bound.insert(path.clone());
        Ok((socket, path))
    }

    /// Removes the file of a socket that [`bind`](ReplyDirectory::bind) made.
    pub fn release(&self, path: &Path) {
        let mut bound = self.lock();
        let removed = fs::remove_file(path);
        bound.remove(path);
        // Whoever waits for the log must not keep the process from ending.
        drop(bound);
        note(path, removed);
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

fn note(path: &Path, removed: io::Result<()>) {
    if let Err(error) = removed {
        log::debug!("cannot remove {}: {error}", path.display());
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
}
