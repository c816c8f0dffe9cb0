//! The files that the process makes, their removal on every way out, and the paths that sockets can
//! have.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The path of a unix socket, as an operator gives it.
///
/// # Errors
///
/// What would be right.
pub fn socket_path(path: &str) -> Result<PathBuf, String> {
    // sockaddr_un has room for 108 bytes, of which the last one is NUL.
    match path.len() {
        1..108 => Ok(PathBuf::from(path)),
        _ => Err("use a path of at most 107 bytes".to_string()),
    }
}

/// The files that were made and are still there.
#[derive(Debug, Default)]
pub struct Files(Mutex<Vec<PathBuf>>);

impl Files {
    /// Makes the file at `path` by `make`, and notes it if that works.
    ///
    /// # Errors
    ///
    /// What `make` fails with.
    pub fn make<T>(&self, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut files = self.lock();
        let made = make()?;
        files.push(path.to_path_buf());
        Ok(made)
    }

    /// Removes a file that was made.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let mut files = self.lock();
        files.retain(|file| file != path);
        fs::remove_file(path)
    }

    /// Removes all files and lets no other be made. Called when the process ends.
    pub fn close(&self) {
        let files = self.lock();
        for path in files.iter() {
            // Nothing is logged here: a log that nobody reads would keep the process from ending.
            let _ = fs::remove_file(path);
        }
        // Never unlocked again: whoever wants to make one waits until the process is gone.
        std::mem::forget(files);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_is_made_any_more_after_the_close() {
        let path = std::env::temp_dir().join(format!("ose-close-{}", std::process::id()));
        let files = Arc::new(Files::default());
        assert!(files.make(&path, || fs::write(&path, "")).is_ok());
        files.close();
        assert!(!path.exists());
        let (sender, made) = mpsc::channel();
        let late = Arc::clone(&files);
        thread::spawn(move || sender.send(late.make(Path::new(""), || Ok(())).is_ok()));
        assert!(made.recv_timeout(Duration::from_millis(50)).is_err());
    }
}
