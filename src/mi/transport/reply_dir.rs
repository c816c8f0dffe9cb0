//! A directory for the sockets or files that replies come to, and its clean-up on every way out.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::net::SocketAddrUnix;
use rustix::process::geteuid;

use super::sender;
use crate::files::Files;
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
/// [`Files::close`], and what a killed process left behind by [`sweep`](ReplyDirectory::sweep) of
/// the next one.
#[derive(Debug)]
pub struct ReplyDirectory {
    path: PathBuf,
    /// Whether the operator wants reply sockets in it.
    is_for_sockets: bool,
    files: Arc<Files>,
}

impl ReplyDirectory {
    /// The directory that the operator has `chosen`, which need not exist yet, or `/tmp` for FIFOs
    /// alone. What is in it is noted in `files`.
    pub fn new(chosen: Option<PathBuf>, files: Arc<Files>) -> Self {
        ReplyDirectory {
            is_for_sockets: chosen.is_some(),
            path: chosen.unwrap_or(FOR_FIFOS.into()),
            files,
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
        let socket = self.files.make(&path, || sender::bind(&address))?;
        Ok((socket, path))
    }

    /// Makes a FIFO of that name, which only this user may open, and returns its path.
    ///
    /// # Errors
    ///
    /// When the directory lets no file be made in it, or there is one of that name.
    pub fn make_fifo(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let mode = Mode::RUSR | Mode::WUSR;
        self.files.make(&path, || Ok(mknodat(CWD, &path, FileType::Fifo, mode, 0)?))?;
        Ok(path)
    }

    /// Removes the file that [`bind`](ReplyDirectory::bind) or
    /// [`make_fifo`](ReplyDirectory::make_fifo) made.
    pub fn release(&self, path: &Path) {
        note(path, self.files.remove(path));
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
