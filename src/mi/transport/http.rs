//! `mi_http` of OpenSIPS 3.0 and later, and `jsonrpc_dispatch()` behind xhttp of Kamailio: JSON-RPC
//! in a POST, under one deadline.
//!
//! Kamailio gives the code of an error as the status as well (`jsonrpcs_mod.c`).
//!
//! `mi_http` wants `Content-Type: application/json`, and leaves open a connection on which it was
//! asked in another way (seen on 3.4 to 4.0). HTTP/1.0 and `Connection: close` keep the answer in
//! one piece.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use httparse::Status;
use memchr::memmem;

use super::resolve::resolve;
use super::target::Host;
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;

/// The most bytes of a reply. The largest page of statistics that is known has half a megabyte.
const LIMIT: usize = 16 << 20;

/// The most bytes of the head of an answer. `mi_http` sends some 150.
const MAX_HEAD: usize = 4096;

/// Headers of an answer at most. `mi_http` sends five.
const MAX_HEADERS: usize = 64;

/// What `mi_datagram` says of a reply for which its buffer is too small, where `mi_http` answers
/// with the status 500 (OpenSIPS 3.0 to 4.0, `modules/mi_http/mi_http.c`; its buffer is `buf_size`
/// of `httpd`).
const TOO_LARGE: &[u8] = b"500 Internal error";

/// A request that was sent.
pub struct Exchange {
    stream: TcpStream,
    endpoint: String,
    /// Whether the one answer to it was read.
    is_answered: bool,
}

/// Sends `request` to `host` for `path`, with the header line `login`; messages call that
/// `endpoint`.
///
/// # Errors
///
/// When the name has no address, nobody listens there, or the server takes nothing.
pub fn ask(
    host: &Host,
    path: &str,
    login: &str,
    endpoint: String,
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange, Error> {
    let addresses = resolve(host, &endpoint, deadline)?;
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{login}Connection: close\r\n\r\n",
        request.len()
    );
    let whole = [head.as_bytes(), request].concat();
    let send = || {
        let stream = connect(&addresses, deadline)?;
        Timed(&stream, deadline).write_all(&whole)?;
        Ok(stream)
    };
    match send() {
        Ok(stream) => Ok(Exchange { stream, endpoint, is_answered: false }),
        Err(error) => Err(explain(endpoint, error, deadline)),
    }
}

/// Connects to the first of `addresses` that lets us.
fn connect(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<TcpStream> {
    let mut result = Err(ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = TcpStream::connect_timeout(address, left(deadline)?);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// A connection on which nothing takes longer than until the deadline.
struct Timed<'s>(&'s TcpStream, Deadline);

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.set_read_timeout(Some(left(self.1)?))?;
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set_write_timeout(Some(left(self.1)?))?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn left(deadline: Deadline) -> io::Result<Duration> {
    deadline.remaining().ok_or(ErrorKind::TimedOut.into())
}

fn explain(endpoint: String, error: io::Error, deadline: Deadline) -> Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            Error::NoReply { endpoint, waited: deadline.limit() }
        }
        _ => Error::of_network(endpoint, error),
    }
}

/// What the head of an answer says.
struct Head {
    /// Its bytes.
    length: usize,
    status: u16,
    /// The length of the body, if it is announced.
    announced: Option<usize>,
}

impl Head {
    /// The head that `answer` begins with: `None` if that is not all of it yet.
    fn read(answer: &[u8]) -> Result<Option<Head>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let Status::Complete(length) = head.parse(answer)? else {
            return Ok(None);
        };
        let is_length = |name: &str| name.eq_ignore_ascii_case("Content-Length");
        let mut headers = head.headers.iter();
        let announced = headers.find(|header| is_length(header.name));
        let announced = announced.and_then(|header| str::from_utf8(header.value).ok());
        Ok(Some(Head {
            length,
            status: head.code.unwrap_or_default(),
            announced: announced.and_then(|length| length.trim().parse().ok()),
        }))
    }
}

impl Exchange {
    /// The body of the answer, as [`super::Exchange::reply`].
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when it is not there in time, [`Error::ReplyTooLarge`],
    /// [`Error::Unauthorized`], and [`Error::Http`] when it is none of `mi_http`.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        if std::mem::replace(&mut self.is_answered, true) {
            return self.refuse("answered with the id of another request");
        }
        let failed = |error| explain(self.endpoint.clone(), error, deadline);
        let mut stream = Timed(&self.stream, deadline);
        let mut start = [0; MAX_HEAD];
        let mut length = 0;
        let head = loop {
            let room = start.get_mut(length..).unwrap_or_default();
            let count = stream.read(room).map_err(failed)?;
            length += count;
            match Head::read(start.get(..length).unwrap_or_default()) {
                Ok(Some(head)) => break head,
                Ok(None) if count > 0 => {}
                _ if length == 0 => return self.refuse("closed the connection without an answer"),
                _ => return self.refuse("answered something that is not HTTP"),
            }
        };
        let too_large = Err(Error::ReplyTooLarge("more than 16 MiB"));
        match head.announced {
            Some(length) if length > LIMIT => return too_large,
            // Only a body that ends may be an error of Kamailio.
            None if head.status != 200 => return self.refuse_status(head.status, &[]),
            _ => {}
        }
        // Some keep the connection although they were asked to close it.
        let most = head.announced.unwrap_or(LIMIT + 1);
        let mut body = Vec::with_capacity(head.announced.unwrap_or_default());
        let received = start.get(head.length..length).unwrap_or_default();
        let mut all = received.chain(stream).take(most as u64);
        all.read_to_end(&mut body).map_err(failed)?;
        match head.announced {
            None if body.len() > LIMIT => too_large,
            Some(announced) if announced > body.len() => self
                .refuse(&format!("closed the connection after {} bytes of its answer", body.len())),
            _ if head.status != 200 => self.refuse_status(head.status, &body),
            _ => Ok(body),
        }
    }

    /// What an answer with another status than 200 means.
    fn refuse_status(&self, status: u16, body: &[u8]) -> Result<Vec<u8>, Error> {
        match status {
            _ if memmem::find(body, b"\"jsonrpc\"").is_some() => Ok(body.to_vec()),
            500 => Ok(TOO_LARGE.to_vec()),
            401 => Err(Error::Unauthorized { endpoint: self.endpoint.clone() }),
            status => self.refuse(&format!("answered with HTTP status {status}")),
        }
    }

    fn refuse(&self, what: &str) -> Result<Vec<u8>, Error> {
        Err(Error::Http { endpoint: self.endpoint.clone(), what: what.to_string() })
    }
}
