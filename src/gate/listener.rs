//! The TCP socket that scrapes come in by.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;

use rustix::net::{self, AddressFamily, SocketAddrV6, SocketFlags, SocketType, sockopt};

use super::connection::ANSWER_TIME;
use crate::config::Address;

/// Connections that the kernel holds until they are accepted, those without a request among them:
/// as many as it is allowed to (`net.core.somaxconn`). When there are more, it does not hold back
/// silent ones any more, and when strangers fill the queue, it drops a scrape's first packet, which
/// is sent again only after a second.
const BACKLOG: i32 = 65_535;

/// Bytes of an answer that the kernel holds for each connection. By itself it would hold megabytes.
const SEND_BUFFER: usize = 128 << 10;

/// How long a connection without a request is held back, in seconds.
const SILENCE: i32 = 1;

/// Why the port could not be opened. Its text is one line: what happened, to what, and what to do.
#[derive(Debug)]
pub struct ListenError {
    address: Address,
    error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError { address, error } = self;
        write!(f, "cannot listen on {address}: ")?;
        match error.kind() {
            ErrorKind::AddrInUse => f.write_str(
                "the port is in use, stop the other program or choose another port with -addr",
            ),
            ErrorKind::PermissionDenied => f.write_str(
                "not permitted, choose a port above 1023 with -addr or give CAP_NET_BIND_SERVICE",
            ),
            ErrorKind::AddrNotAvailable => {
                f.write_str("this host does not have that address, correct -addr")
            }
            _ => write!(f, "{error}, correct -addr"),
        }
    }
}

impl std::error::Error for ListenError {}

/// Opens `address`. Without a host that is every address of this machine, IPv6 and IPv4.
///
/// # Errors
///
/// [`ListenError`] when the port is taken or not permitted, or the host is not one of this machine.
pub fn listen(address: &Address) -> Result<TcpListener, ListenError> {
    let listener = match &address.host {
        Some(host) => TcpListener::bind((host.as_str(), address.port)),
        None => listen_everywhere(address.port),
    };
    let listener = listener.and_then(|listener| {
        // std asks for a shorter queue.
        net::listen(&listener, BACKLOG)?;
        // Accepted connections inherit what follows. Without the first the last piece of a page
        // waits for the client's delayed ACK, 40 ms on a connection that is kept. Without the
        // second the kernel keeps an answer that nobody reads for minutes after the connection was
        // closed.
        sockopt::set_tcp_nodelay(&listener, true)?;
        sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
        let answer_time = u32::try_from(ANSWER_TIME.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(&listener, answer_time)?;
        if let Err(error) = defer_accept(&listener) {
            log::debug!("connections are taken before their requests: {error}");
        }
        Ok(listener)
    });
    listener.map_err(|error| ListenError { address: address.clone(), error })
}

/// Lets the kernel hold back connections until something was sent on them, for as long as
/// [`SILENCE`]: strangers who send nothing take no slot, and a request that comes a little later
/// than its connection, as over any real network, finds that still there. Neither std nor rustix
/// can set the option.
#[allow(unsafe_code)]
fn defer_accept(listener: &TcpListener) -> io::Result<()> {
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
    use rustix::io::Errno;

    #[test]
    fn accepted_connections_do_not_wait_for_acks() -> io::Result<()> {
        let address = Address { host: Some("127.0.0.1".to_string()), port: 0 };
        let listener = listen(&address).map_err(io::Error::other)?;
        let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (accepted, _) = listener.accept()?;
        assert!(accepted.nodelay()?);
        Ok(())
    }

    #[test]
    fn a_refusal_says_what_would_be_right() {
        for (errno, expected) in [
            (Errno::ACCESS, "not permitted, choose a port above 1023 with -addr"),
            (Errno::ADDRINUSE, "the port is in use"),
            (Errno::ADDRNOTAVAIL, "this host does not have that address"),
            (Errno::NFILE, "correct -addr"),
        ] {
            let address = Address { host: None, port: 80 };
            let error = errno.into();
            let text = ListenError { address, error }.to_string();
            assert!(text.starts_with("cannot listen on :80: "), "{text}");
            assert!(text.contains(expected), "{text}");
        }
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
