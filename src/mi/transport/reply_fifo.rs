//! A FIFO for one reply of `mi_fifo`.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;

use rustix::pipe::fcntl_setpipe_size;
use rustix::process::geteuid;

use super::reply_dir::ReplyDirectory;

/// The most bytes of a reply. Servers know no limit, and 800 processes make 0.2 MB.
const MAX_REPLY: usize = 16 << 20;

/// Room for a reply that the server need not wait for, in bytes: everybody may have as much
/// (pipe(7), `pipe-max-size`).
const ROOM: usize = 1 << 20;

/// A FIFO for one reply.
pub struct ReplyFifo<'d> {
    directory: &'d ReplyDirectory,
    path: PathBuf,
    /// Where the reply comes out.
    pub file: File,
    /// What was read of it.
    pub read: Vec<u8>,
}

impl<'d> ReplyFifo<'d> {
    /// Makes it for a server whose FIFO is of this `group`, and opens it before the server hears of
    /// it.
    pub fn new(directory: &'d ReplyDirectory, name: &str, group: u32) -> io::Result<Self> {
        let path = directory.make_fifo(name)?;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
            .open(&path)
            .and_then(|file| prepare(&file, group).map(|()| file));
        match opened {
            Ok(file) => Ok(ReplyFifo { directory, path, file, read: Vec::new() }),
            Err(error) => {
                directory.release(&path);
                Err(error)
            }
        }
    }

    /// Reads what there is, and returns whether that was the last.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) if self.read.len() + count <= MAX_REPLY => {
                    self.read.extend_from_slice(buffer.get(..count).unwrap_or_default());
                }
                Ok(_) => return Err(io::Error::other("the reply does not end")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Lets the server write to `file`, which it may run as another user than this process for: by the
/// `group` of its FIFO, or as anybody where that may not be given.
fn prepare(file: &File, group: u32) -> io::Result<()> {
    let facts = file.metadata()?;
    if !facts.file_type().is_fifo() || facts.uid() != geteuid().as_raw() || facts.nlink() != 1 {
        return Err(io::Error::other("somebody has put another file in its place"));
    }
    let mode = match fchown(file, None, Some(group)) {
        Ok(()) => 0o620,
        Err(_) => 0o622,
    };
    file.set_permissions(Permissions::from_mode(mode))?;
    // With less room the server only waits.
    let _ = fcntl_setpipe_size(file, ROOM);
    Ok(())
}

impl Drop for ReplyFifo<'_> {
    /// Its name goes first: a server that still has the request drops it at once where there is no
    /// file, and waits 0.3 s for a reader where there is one.
    fn drop(&mut self) {
        self.directory.release(&self.path);
    }
}
