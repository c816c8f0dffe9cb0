//! The UDP port of `mi_datagram`: one request, one reply, under one deadline.
//!
//! Here the server answers from the port that it was asked at (OpenSIPS 1.11 to 4.0,
//! `datagram_fnc.c`), so the socket is connected: nobody else's packets are read, and a port that
//! is closed says so.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::is_wait_over;
use super::resolve::resolve;
use super::target::Host;
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;

/// More than a UDP packet can hold.
const BUFFER: usize = 65_536;

/// A request that was sent.
pub struct Exchange {
    socket: UdpSocket,
    endpoint: String,
    request: Vec<u8>,
    /// The further addresses of the host.
    others: std::vec::IntoIter<SocketAddr>,
}

/// Sends `request` to `host`, which messages call `endpoint`.
///
/// # Errors
///
/// When the name has no address, or the system has no way there.
pub fn ask(
    host: &Host,
    endpoint: String,
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange, Error> {
    let addresses = resolve(host, &endpoint, deadline)?;
    send_to_any(addresses, endpoint, request)
}

fn send_to_any(
    addresses: Vec<SocketAddr>,
    endpoint: String,
    request: &[u8],
) -> Result<Exchange, Error> {
    let mut others = addresses.into_iter();
    match send_to_next(&mut others, request) {
        Ok(socket) => Ok(Exchange { socket, endpoint, request: request.to_vec(), others }),
        Err(error) => Err(Error::of_network(endpoint, error)),
    }
}

/// Sends `request` to the first of `addresses` that can be reached, and takes them up to that one
/// away.
fn send_to_next(
    addresses: &mut impl Iterator<Item = SocketAddr>,
    request: &[u8],
) -> io::Result<UdpSocket> {
    let mut result = Err(ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = send(address, request);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn send(address: SocketAddr, request: &[u8]) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    socket.send(request)?;
    Ok(socket)
}

impl Exchange {
    /// The next reply, as [`super::Exchange::reply`].
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when there is none in time, [`Error::NotThere`] when the port is closed
    /// at each address of the host.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let remaining = deadline.remaining().ok_or_else(|| Error::NoReply {
                endpoint: self.endpoint.clone(),
                waited: deadline.limit(),
            })?;
            let received = self
                .socket
                .set_read_timeout(Some(remaining))
                .and_then(|()| self.socket.recv(&mut buffer));
            match received {
                Ok(length) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(error) if is_wait_over(&error) => {}
                Err(error) => match send_to_next(&mut self.others, &self.request) {
                    Ok(socket) => self.socket = socket,
                    Err(_) => return Err(Error::of_network(self.endpoint.clone(), error)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_port_that_is_closed_at_one_address_of_a_host_may_be_open_at_the_next() -> io::Result<()> {
        let closed = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let server = UdpSocket::bind("[::1]:0")?;
        server.set_read_timeout(Some(Duration::from_secs(20)))?;
        let addresses = vec![closed, closed, server.local_addr()?];
        let failed = |error: Error| io::Error::other(error.to_string());
        let mut exchange = send_to_any(addresses, "udp:x:1".to_string(), b"?").map_err(failed)?;
        let answering = std::thread::spawn(move || {
            let (_, client) = server.recv_from(&mut [0; 8])?;
            server.send_to(b"!", client)
        });
        let reply = exchange.reply(Deadline::after(Duration::from_secs(20)));
        assert_eq!(reply.map_err(failed)?, b"!");
        drop(answering);

        let mut exchange =
            send_to_any(vec![closed], "udp:x:1".to_string(), b"?").map_err(failed)?;
        let reply = exchange.reply(Deadline::after(Duration::from_secs(20)));
        assert!(matches!(reply, Err(Error::NotThere { .. })), "{reply:?}");
        Ok(())
    }
}
