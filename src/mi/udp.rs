//! The UDP port of `mi_datagram`: one request, one reply, under one deadline.
//!
//! Here the server answers from the port that it was asked at (OpenSIPS 1.11 to 4.0, `datagram_fnc.c`), so
//! the socket is connected: nobody else's packets are read, and a port that is closed says so.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::resolve::resolve;
use super::target::Host;
use super::{Deadline, Error, is_wait_over};

/// More than a UDP packet can hold.
const BUFFER: usize = 65_536;

/// A request that was sent.
pub struct Exchange {
    socket: UdpSocket,
    endpoint: String,
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
    let is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let any: SocketAddr = if is_ipv4 {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let send = || {
        let socket = UdpSocket::bind(any)?;
        socket.connect(addresses.as_slice())?;
        socket.send(request)?;
        Ok(socket)
    };
    match send() {
        Ok(socket) => Ok(Exchange { socket, endpoint }),
        Err(error) => Err(Error::of_network(endpoint, error)),
    }
}

impl Exchange {
    /// The next reply, as [`super::endpoint::Exchange::reply`].
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when there is none in time, [`Error::NotThere`] when the port is closed.
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
                Err(error) => return Err(Error::of_network(self.endpoint.clone(), error)),
            }
        }
    }
}
