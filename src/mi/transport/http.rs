//! `mi_http` of OpenSIPS 3.0 and later: JSON-RPC in a POST, under one deadline.
//!
//! It wants `Content-Type: application/json`, and leaves open a connection on which it was asked in another
//! way (seen on 3.4 to 4.0). HTTP/1.0 and `Connection: close` keep the answer in one piece.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use httparse::Status;

use super::resolve::resolve;
use super::target::Host;
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;

/// The most bytes of an answer. The largest page of statistics that is known has half a megabyte.
const LIMIT: usize = 16 << 20;

/// What `mi_datagram` says of a reply for which its buffer is too small, where `mi_http` answers with the
/// status 500 (OpenSIPS 3.0 to 4.0, `modules/mi_http/mi_http.c`; its buffer is `buf_size` of `httpd`).
const TOO_LARGE: &[u8] = b"500 Internal error";

/// Headers of an answer at most. `mi_http` sends five.
const MAX_HEADERS: usize = 64;

/// A request that was sent.
pub struct Exchange {
    stream: TcpStream,
    endpoint: String,
    /// Whether the one answer to it was read.
    is_answered: bool,
}

/// Sends `request` to `host` for `path`; messages call that `endpoint`.
///
/// # Errors
///
/// When the name has no address, nobody listens there, or the server takes nothing.
pub fn ask(
    host: &Host,
    path: &str,
    endpoint: String,
    request: &[u8],
    deadline: Deadline,
) -> Result<Exchange, Error> {
    let addresses = resolve(host, &endpoint, deadline)?;
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        request.len()
    );
    let whole = [head.as_bytes(), request].concat();
    let send = || {
        let mut stream = connect(&addresses, deadline)?;
        let mut rest = whole.as_slice();
        while !rest.is_empty() {
            stream.set_write_timeout(Some(left(deadline)?))?;
            match stream.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stream)
    };
    match send() {
        Ok(stream) => Ok(Exchange {
            stream,
            endpoint,
            is_answered: false,
        }),
        Err(error) => Err(explain(endpoint, error, deadline)),
    }
}

impl Exchange {
    /// The body of the answer, as [`super::Exchange::reply`].
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`] when it is not there in time, [`Error::Http`] when it is none of `mi_http`.
    pub fn reply(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        if std::mem::replace(&mut self.is_answered, true) {
            return Err(Error::Http {
                endpoint: self.endpoint.clone(),
                what: "answered with the id of another request".to_string(),
            });
        }
        let mut answer = Vec::new();
        match self.read_to_end(&mut answer, deadline) {
            Ok(()) => body(answer).map_err(|what| Error::Http {
                endpoint: self.endpoint.clone(),
                what,
            }),
            Err(error) => Err(explain(self.endpoint.clone(), error, deadline)),
        }
    }

    fn read_to_end(&mut self, answer: &mut Vec<u8>, deadline: Deadline) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) if answer.len() + count <= LIMIT => {
                    answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    // Some keep the connection although they were asked to close it.
                    if is_complete(answer) {
                        return Ok(());
                    }
                }
                Ok(_) => return Err(io::Error::other("the answer does not end")),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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

fn left(deadline: Deadline) -> io::Result<Duration> {
    deadline.remaining().ok_or(ErrorKind::TimedOut.into())
}

fn explain(endpoint: String, error: io::Error, deadline: Deadline) -> Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::NoReply {
            endpoint,
            waited: deadline.limit(),
        },
        _ => Error::of_network(endpoint, error),
    }
}

/// Whether all is there that the head announces.
fn is_complete(answer: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(answer) {
        Ok(Status::Complete(length)) => {
            announced(&head).is_some_and(|announced| announced <= answer.len() - length)
        }
        _ => false,
    }
}

/// The length of the body as the head announces it.
fn announced(head: &httparse::Response<'_, '_>) -> Option<usize> {
    let mut headers = head.headers.iter();
    let length = headers.find(|header| header.name.eq_ignore_ascii_case("Content-Length"))?;
    str::from_utf8(length.value).ok()?.trim().parse().ok()
}

/// The body of an answer with status 200 or what stands for it, or what the answer is instead.
fn body(mut answer: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(Status::Complete(length)) = head.parse(&answer) else {
        return Err(match answer.len() {
            0 => "closed the connection without an answer".to_string(),
            _ => "answered something that is not HTTP".to_string(),
        });
    };
    match head.code {
        Some(200) => {}
        Some(500) => return Ok(TOO_LARGE.to_vec()),
        code => {
            let code = code.unwrap_or_default();
            return Err(format!("answered with HTTP status {code}"));
        }
    }
    let announced = announced(&head);
    let present = answer.len() - length;
    if announced.is_some_and(|announced| announced > present) {
        return Err(format!(
            "closed the connection after {present} bytes of its answer"
        ));
    }
    answer.drain(..length);
    answer.truncate(announced.unwrap_or(answer.len()));
    Ok(answer)
}
