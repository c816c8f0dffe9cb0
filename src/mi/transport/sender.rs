//! Who sent a datagram to a reply socket, and whether that is the server.
//!
//! Everybody on the machine sees the abstract addresses of reply sockets in /proc/net/unix, may
//! send to them, and can be sooner than the server. So each reply socket has SO_PASSCRED (unix(7)):
//! with every datagram the kernel tells which user and process sent it, whatever the sender does. A
//! reply is taken from these users:
//!
//! - root, who can do anything anyway;
//! - the owner of the server's socket: OpenSIPS first becomes the user that it runs as, and then
//!   binds (`do_suid()` in main.c, `pre_datagram_process()` of mi_datagram);
//! - the owner of the directory of that socket, who could put another socket there anyway: Kamailio
//!   binds as root and then becomes another user (`jsonrpc_dgram_mod_init()` of jsonrpcs), to whom
//!   its service gives the directory;
//! - the user of this process, who can look into it and change it anyway (ptrace(2)).
//!
//! In a user namespace, all users that have no number there appear as the same one. A reply from
//! that one is taken only if the server's socket appears to be its own. Then users cannot be told
//! apart, and everybody outside the namespace may answer.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{self, SocketAddrUnix, sockopt};

use crate::telemetry::ForgedReplies;

/// The number of all users that have none in this user namespace (user_namespaces(7)), unless
/// /proc/sys/kernel/overflowuid was changed.
const UNMAPPED: u32 = 65534;

/// How long there must have been no forged reply before the log is told of one again.
const QUIET: Duration = Duration::from_secs(3600);

/// Binds a socket at `address` that is told the sender of each datagram.
///
/// # Errors
///
/// What the system refuses.
pub fn bind(address: &SocketAddrUnix) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // Nobody can have sent anything before.
    sockopt::set_socket_passcred(&socket, true)?;
    net::bind_unix(&socket, address)?;
    Ok(socket)
}

/// Who sent a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its user, as numbered here.
    pub user: u32,
    /// Its process, 0 if that cannot be seen from here (pid_namespaces(7)).
    pub process: i32,
}

/// What the kernel tells with a datagram: one message of its own (cmsg(3)). There is no room for
/// others, so that nobody can send descriptors.
#[repr(C)]
struct Ancillary {
    header: libc::cmsghdr,
    credentials: libc::ucred,
}

/// The length of the next datagram and who sent it. It stays in the queue.
///
/// # Errors
///
/// What the system says, and that it does not tell the sender.
#[allow(unsafe_code)]
pub fn peek(socket: &UnixDatagram) -> io::Result<(usize, Sender)> {
    let mut byte = 0_u8;
    let mut buffer = libc::iovec { iov_base: ptr::from_mut(&mut byte).cast(), iov_len: 1 };
    // SAFETY: both consist of integers and raw pointers, for which zero is a value.
    let (mut ancillary, mut message): (Ancillary, libc::msghdr) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    message.msg_iov = &raw mut buffer;
    message.msg_iovlen = 1;
    message.msg_control = ptr::from_mut(&mut ancillary).cast();
    message.msg_controllen = size_of::<Ancillary>() as _;
    // SAFETY: the descriptor is open as long as `socket` is. Every pointer in `message` is null or
    // leads to a variable above, which outlives the call, with its size beside it. What the kernel
    // writes there are integers, of which every value is one.
    let length = unsafe {
        let flags = libc::MSG_PEEK | libc::MSG_TRUNC;
        libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags)
    };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let Ancillary { header, credentials } = ancillary;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) {
        return Err(io::Error::other("the system does not tell who sent a reply"));
    }
    let sender = Sender { user: credentials.uid, process: credentials.pid };
    Ok((length, sender))
}

/// The users that answer for a server, see [the module](self).
#[derive(Debug, Clone, Copy)]
pub struct Answerers {
    /// The user of this process.
    own: u32,
    /// The owner of the server's socket.
    socket: Option<u32>,
    /// The owner of its directory.
    directory: Option<u32>,
}

impl Answerers {
    /// Those of the server whose socket is at `path`.
    pub fn of(path: &Path) -> Self {
        let owner = |path: &Path| Some(path.metadata().ok()?.uid());
        let directory = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => owner(Path::new(".")),
            Some(parent) => owner(parent),
            None => None,
        };
        Answerers { own: rustix::process::getuid().as_raw(), socket: owner(path), directory }
    }

    /// Whether `user` is one of them.
    pub fn has(&self, user: u32) -> bool {
        if user == UNMAPPED {
            return self.socket == Some(user);
        }
        user == 0 || user == self.own || [self.socket, self.directory].contains(&Some(user))
    }
}

/// What is known of replies that came from others than the server.
#[derive(Debug)]
pub struct Forgeries {
    count: ForgedReplies,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    last: Option<Instant>,
    line: Option<String>,
}

impl Forgeries {
    /// None yet. They are counted by `count`.
    pub fn new(count: ForgedReplies) -> Self {
        Forgeries { count, log: Mutex::default() }
    }

    /// Counts one. `line` is for the log, if it was quiet.
    pub fn add(&self, line: impl FnOnce() -> String) {
        self.count.count();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let last = log.last.replace(Instant::now());
        if last.is_none_or(|last| last.elapsed() > QUIET) {
            log.line = Some(line());
        }
    }

    /// What the log is to be told of them, once.
    pub fn take_line(&self) -> Option<String> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.line.take()
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    use super::*;
    use crate::names;
    use crate::telemetry::Telemetry;

    #[test]
    fn the_sender_is_told_whatever_it_does() -> io::Result<()> {
        let name = names::unguessable();
        let receiver = bind(&SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        let address = SocketAddr::from_abstract_name(name)?;
        let own = Sender {
            user: rustix::process::getuid().as_raw(),
            process: i32::try_from(std::process::id()).unwrap_or_default(),
        };
        for length in [0, 1, 70_000] {
            let datagram = vec![b'x'; length];
            UnixDatagram::unbound()?.send_to_addr(&datagram, &address)?;
            // It stays where it is.
            assert_eq!(peek(&receiver)?, (length, own));
            assert_eq!(peek(&receiver)?, (length, own));
            assert_eq!(receiver.recv(&mut vec![0; length])?, length);
        }
        receiver.set_nonblocking(true)?;
        let nothing = peek(&receiver).map_err(|error| error.kind());
        assert_eq!(nothing, Err(io::ErrorKind::WouldBlock));
        Ok(())
    }

    #[test]
    fn root_the_owners_and_this_user_answer_for_the_server() {
        let answerers = Answerers { own: 1, socket: Some(2), directory: Some(3) };
        let accepted: Vec<u32> = (0..10).filter(|&user| answerers.has(user)).collect();
        assert_eq!(accepted, [0, 1, 2, 3]);
        assert!(!answerers.has(UNMAPPED));

        let unseen = Answerers { own: 1, socket: None, directory: None };
        assert!(unseen.has(0) && unseen.has(1) && !unseen.has(2));
    }

    /// An exporter or a directory without a number does not speak for all others that have none.
    #[test]
    fn users_without_a_number_answer_for_a_socket_without_one() {
        for (own, socket, directory, is_accepted) in
            [(UNMAPPED, 2, UNMAPPED, false), (1, UNMAPPED, 3, true)]
        {
            let answerers = Answerers { own, socket: Some(socket), directory: Some(directory) };
            assert_eq!(answerers.has(UNMAPPED), is_accepted, "{answerers:?}");
            assert!(!answerers.has(4));
        }
    }

    #[test]
    fn the_owners_are_those_of_the_files() -> io::Result<()> {
        let answerers = Answerers::of(Path::new("Cargo.toml"));
        let own = Path::new("Cargo.toml").metadata()?.uid();
        let directory = Path::new(".").metadata()?.uid();
        assert_eq!(answerers.socket, Some(own));
        assert_eq!(answerers.directory, Some(directory));
        assert_eq!(Answerers::of(Path::new("/nonexistent/x")).directory, None);
        Ok(())
    }

    #[test]
    fn the_log_is_told_of_the_first_one() -> prometheus::Result<()> {
        let forgeries = Forgeries::new(Telemetry::new([])?.forged_replies());
        for text in ["first", "second"] {
            forgeries.add(|| text.to_string());
        }
        assert_eq!(forgeries.take_line().as_deref(), Some("first"));
        assert_eq!(forgeries.take_line(), None);
        forgeries.add(|| "third".to_string());
        assert_eq!(forgeries.take_line(), None);
        Ok(())
    }
}
