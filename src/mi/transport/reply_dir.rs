//! A directory for the sockets or files that replies come to, and its clean-up on every way out.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::net::SocketAddrUnix;
use rustix::process::geteuid;

use super::sender;
use crate::names;

/// Where servers look for the FIFO of a reply by default (`reply_dir` of `mi_fifo`, OpenSIPS 1.11
/// to 4.0).
const FOR_FIFOS: &str = "/tmp";

/// How old a FIFO has to be before nobody waits for a reply in it.
const ABANDONED: Duration = Duration::from_secs(120);

/// A directory that FIFOs for replies are made in, and that reply sockets are bound in for servers
/// that cannot reach an abstract address because they run in another network namespace.
///
/// Each file lives as long as its request. What is left when the process ends is removed by
/// [`close`](ReplyDirectory::close), and what a killed process left behind by
/// [`sweep`](ReplyDirectory::sweep) of the next one.
#[derive(Debug)]
pub struct ReplyDirectory {
    path: PathBuf,
    /// Whether the operator wants reply sockets in it.
    is_for_sockets: bool,
    bound: Mutex<Vec<PathBuf>>,
}

impl ReplyDirectory {
    /// The directory that the operator has `chosen`, which need not exist yet, or `/tmp` for FIFOs
    /// alone.
    pub fn new(chosen: Option<PathBuf>) -> Self {
        ReplyDirectory {
            is_for_sockets: chosen.is_some(),
            path: chosen.unwrap_or(FOR_FIFOS.into()),
            bound: Mutex::default(),
        }
    }

    /// The directory, if reply sockets are bound in it.
    pub fn for_sockets(&self) -> Option<&Self> {
        self.is_for_sockets.then_some(self)
    }

    /// Removes what was left there by an exporter that was killed: sockets that no process holds
    /// any more, and FIFOs of this user that are older than a request lives.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A FIFO may be named by JSON that begins so.
            if name.trim_start_matches("{\"").starts_with(names::PREFIX)
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
        bound.push(path.clone());
        Ok((socket, path))
    }

    /// Makes a FIFO of that name, which only this user may open, and returns its path.
    ///
    /// # Errors
    ///
    /// When the directory lets no file be made in it, or there is one of that name.
    pub fn make_fifo(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let mut bound = self.lock();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        bound.push(path.clone());
        Ok(path)
    }

    /// Removes the file that [`bind`](ReplyDirectory::bind) or
    /// [`make_fifo`](ReplyDirectory::make_fifo) made.
    pub fn release(&self, path: &Path) {
        let mut bound = self.lock();
        let removed = fs::remove_file(path);
        bound.retain(|bound| bound != path);
        // Whoever waits for the log must not keep the process from ending.
        drop(bound);
        note(path, removed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody waits for a reply in the file at `path`. Connecting to a socket sends nothing.
/// Opening a FIFO would end the wait of who reads it.
fn is_abandoned(path: &Path) -> bool {
    let Ok(facts) = fs::symlink_metadata(path) else {
        return false;
    };
    if facts.file_type().is_fifo() {
        let made = facts.modified().ok();
        let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
        return facts.uid() == geteuid().as_raw() && age.is_some_and(|age| age > ABANDONED);
    }
    facts.file_type().is_socket()
        && UnixDatagram::unbound()
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
        let directory = Arc::new(ReplyDirectory::new(Some(path.clone())));
        let _bound = directory.bind()?;
        directory.close();
        let (sender, bound) = std::sync::mpsc::channel();
        let late = Arc::clone(&directory);
        std::thread::spawn(move || sender.send(late.bind().is_ok()));
        assert!(bound.recv_timeout(std::time::Duration::from_millis(50)).is_err());
        // Fails if there is still something in it.
        fs::remove_dir(&path)
    }
}
