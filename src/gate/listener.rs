//! The sockets that scrapes come in by: TCP ports, unix sockets, and those that systemd passes.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, fcntl_getfd, ioctl_fionbio};
use rustix::net::{self, AddressFamily, SocketAddrAny, SocketAddrUnix, SocketAddrV6};
use rustix::net::{SocketFlags, SocketType, sockopt};

use super::address::Address;
use super::connection::ANSWER_TIME;
use crate::files::Files;

/// Connections that the kernel holds until they are accepted, those without a request among them:
/// as many as it is allowed to (`net.core.somaxconn`). When there are more, it does not hold back
/// silent ones any more, and when strangers fill the queue, it drops a scrape's first packet, which
/// is sent again only after a second.
const BACKLOG: i32 = 65_535;

/// Bytes of an answer that the kernel holds for each connection. By itself it would hold megabytes.
const SEND_BUFFER: usize = 128 << 10;

/// How long a connection without a request is held back, in seconds.
const SILENCE: i32 = 1;

/// How often others are waited for that start in the same directory, and how long each time.
const LOCK_ATTEMPTS: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The first descriptor that systemd passes (sd_listen_fds(3)).
const FIRST_PASSED: RawFd = 3;

/// Why there is no socket to listen on. Its text says what happened, and to what.
#[derive(Debug)]
pub enum ListenError {
    /// The system refuses the address.
    Refused {
        /// Where to listen.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// systemd passed nothing to this process.
    NothingPassed,
    /// What it passed under this number is no stream socket that listens.
    NotListening(RawFd),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::Refused { address, error } => {
                write!(f, "cannot listen on {address}: {error}")
            }
            ListenError::NothingPassed => {
                f.write_str("no socket was passed (LISTEN_FDS, LISTEN_PID)")
            }
            ListenError::NotListening(number) => {
                write!(f, "descriptor {number} of LISTEN_FDS is not a listening stream socket")
            }
        }
    }
}

impl std::error::Error for ListenError {}

/// Opens `address`, and notes in `files` what that makes. Without a host that is every address of
/// this machine, IPv6 and IPv4.
///
/// # Errors
///
/// [`ListenError::Refused`] when the address is taken or not permitted, or none of this machine.
pub fn listen(address: &Address, files: &Files) -> Result<OwnedFd, ListenError> {
    let listener = match address {
        Address::Tcp { host: Some(host), port } => {
            TcpListener::bind((host.as_str(), *port)).map(OwnedFd::from)
        }
        Address::Tcp { host: None, port } => listen_everywhere(*port).map(OwnedFd::from),
        Address::Unix(path) => bind_unix(path, files),
    };
    let listener = listener.and_then(|listener| prepare(&listener).map(|()| listener));
    listener.map_err(|error| ListenError::Refused { address: address.clone(), error })
}

/// The sockets that systemd passed to this process (sd_listen_fds(3)). Called before anything else
/// is opened, and once.
///
/// # Errors
///
/// [`ListenError::NothingPassed`] and [`ListenError::NotListening`].
#[allow(unsafe_code)]
pub fn passed() -> Result<Vec<OwnedFd>, ListenError> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    let is_meant = number("LISTEN_PID") == Some(process::id());
    let count = number("LISTEN_FDS").filter(|&count| is_meant && count > 0);
    let count = count.ok_or(ListenError::NothingPassed)?;
    let take = |(number, _)| {
        let wrong = |_| ListenError::NotListening(number);
        // SAFETY: the number is not negative, and nothing is done with it but to ask the kernel
        // whether it is open.
        fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }).map_err(wrong)?;
        // SAFETY: it is open, and was before this process opened anything. By LISTEN_PID it was
        // passed to this process, and nobody else here takes it.
        let listener = unsafe { OwnedFd::from_raw_fd(number) };
        let is_stream = sockopt::get_socket_type(&listener).map_err(wrong)? == SocketType::STREAM;
        if !is_stream || !sockopt::get_socket_acceptconn(&listener).map_err(wrong)? {
            return Err(ListenError::NotListening(number));
        }
        prepare(&listener).map_err(|_| ListenError::NotListening(number))?;
        Ok(listener)
    };
    (FIRST_PASSED..).zip(0..count).map(take).collect()
}

/// Where `listener` can be asked for `path`, as the log says it.
pub fn describe(listener: &OwnedFd, path: &str) -> String {
    match net::getsockname(listener) {
        Ok(SocketAddrAny::V4(address)) => format!("http://{address}{path}"),
        Ok(SocketAddrAny::V6(address)) => format!("http://{address}{path}"),
        Ok(SocketAddrAny::Unix(address)) => {
            let file = address.path().unwrap_or_default();
            format!("unix:{}, {path}", file.to_string_lossy())
        }
        _ => path.to_string(),
    }
}

/// Makes of a socket one that the gate can take connections from.
fn prepare(listener: &OwnedFd) -> io::Result<()> {
    ioctl_fionbio(listener, true)?;
    // std and systemd ask for a shorter queue.
    net::listen(listener, BACKLOG)?;
    if sockopt::get_socket_domain(listener)? == AddressFamily::UNIX {
        return Ok(());
    }
    // Accepted connections inherit what follows. Without the first the last piece of a page waits
    // for the client's delayed ACK, 40 ms on a connection that is kept. Without the second the
    // kernel keeps an answer that nobody reads for minutes after the connection was closed.
    sockopt::set_tcp_nodelay(listener, true)?;
    sockopt::set_socket_send_buffer_size(listener, SEND_BUFFER)?;
    let answer_time = u32::try_from(ANSWER_TIME.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(listener, answer_time)?;
    if let Err(error) = defer_accept(listener) {
        log::debug!("connections are taken before their requests: {error}");
    }
    Ok(())
}

/// A socket at `path`, in place of one that a process left behind that was killed. By the umask
/// everybody may connect to it who can reach it.
fn bind_unix(path: &Path, files: &Files) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let _alone = lock(path.parent());
    let socket = |flags| net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    // One that listens and whose queue is full says something else.
    let probe = socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    // Files of other kinds refuse as well.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
    if is_socket && net::connect_unix(&probe, &address) == Err(Errno::CONNREFUSED) {
        fs::remove_file(path)?;
    }
    let listener = socket(SocketFlags::CLOEXEC)?;
    files.make(path, || Ok(net::bind_unix(&listener, &address)?))?;
    // Up to here it looks like one that was left behind.
    net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Keeps others from starting in this directory until it is dropped, so that none removes the
/// socket that another one has just made. Whoever may read the directory can hold the lock, so
/// after a while it goes on without.
fn lock(directory: Option<&Path>) -> Option<File> {
    let directory = directory.filter(|path| !path.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new("."))).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        if flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Some(directory);
        }
        thread::sleep(LOCK_PAUSE);
    }
    None
}

/// Lets the kernel hold back connections until something was sent on them, for as long as
/// [`SILENCE`]: strangers who send nothing take no slot, and a request that comes a little later
/// than its connection, as over any real network, finds that still there. Neither std nor rustix
/// can set the option.
#[allow(unsafe_code)]
fn defer_accept(listener: &OwnedFd) -> io::Result<()> {
    let seconds: libc::c_int = SILENCE;
    // SAFETY: setsockopt(2) reads as many bytes behind the pointer as it is told, those of
    // `seconds`, which lives longer than the call, and keeps nothing. The descriptor is open as
    // long as `listener` is there.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    unless_without_ipv6(listen_dual_stack(port), || {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
    })
}

/// `dual_stack`, or `ipv4` where IPv6 is off: then the kernel, a sandbox or the address refuses. A
/// port that is in use stays an error, it would only be half a listener.
fn unless_without_ipv6<T>(
    dual_stack: io::Result<T>,
    ipv4: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    match dual_stack {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            log::debug!("listening on IPv4 alone: {error}");
            ipv4()
        }
        listener => listener,
    }
}

/// A socket for IPv6 that takes IPv4 as well, whatever `net.ipv6.bindv6only` says. std cannot set
/// the option between making the socket and binding it.
fn listen_dual_stack(port: u16) -> io::Result<TcpListener> {
    let socket =
        net::socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    net::bind_v6(&socket, &SocketAddrV6::new(std::net::Ipv6Addr::UNSPECIFIED, port, 0, 0))?;
    net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn accepted_connections_do_not_wait_for_acks() -> io::Result<()> {
        let address = Address::Tcp { host: Some("127.0.0.1".to_string()), port: 0 };
        let listener = listen(&address, &Files::default()).map_err(io::Error::other)?;
        let listener = TcpListener::from(listener);
        listener.set_nonblocking(false)?;
        // It is taken when something was sent, or after a second.
        let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
        client.write_all(b"GET")?;
        let (accepted, _) = listener.accept()?;
        assert!(accepted.nodelay()?);
        Ok(())
    }

    #[test]
    fn ipv4_is_taken_where_ipv6_is_off() {
        for errno in [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PERM] {
            let listener = unless_without_ipv6(Err(errno.into()), || Ok("IPv4"));
            assert_eq!(listener.ok(), Some("IPv4"), "{errno}");
        }
        let in_use = unless_without_ipv6(Err(Errno::ADDRINUSE.into()), || Ok("IPv4"));
        assert_eq!(in_use.map_err(|error| error.kind()), Err(ErrorKind::AddrInUse));
        assert_eq!(unless_without_ipv6(Ok("both"), || Ok("IPv4")).ok(), Some("both"));
    }
}
