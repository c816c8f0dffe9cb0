//! The heads of tiny_http's answers: how much follows, and what the client is told of its
//! connection. Bytes in, values out, no sockets.

use std::io::{self, ErrorKind};

use httparse::Status;

use super::request::KeepAlive;

/// The most headers of an answer. The site sends five.
const MAX_HEADERS: usize = 16;

/// The head of an answer.
pub struct Head {
    length: usize,
    /// Bytes of body behind it.
    body: usize,
}

/// Reads the head at the start of `received`, the answer to a HEAD request or another one. `None`
/// when it is not complete.
///
/// # Errors
///
/// When it is no head, or does not say how long its body is, which would be a fault.
pub fn read(received: &[u8], is_head: bool) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(received) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(ErrorKind::InvalidData.into()),
    };
    let mut headers = parsed.headers.iter();
    let body = headers
        .find(|header| header.name.eq_ignore_ascii_case("Content-Length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.parse().ok())
        .ok_or(ErrorKind::InvalidData)?;
    let body = if is_head { 0 } else { body };
    Ok(Some(Head { length, body }))
}

impl Head {
    /// Says in `received`, which begins with this head, what becomes of the connection. Returns
    /// how many bytes are still to come.
    ///
    /// # Errors
    ///
    /// When more came than there should, which would be a fault.
    pub fn finish(&self, keep_alive: KeepAlive, received: &mut Vec<u8>) -> io::Result<usize> {
        let rest = (self.length + self.body).checked_sub(received.len());
        let connection = match keep_alive {
            KeepAlive::No => "Connection: close\r\n",
            KeepAlive::Implied => "",
            KeepAlive::Announced => "Connection: keep-alive\r\n",
        };
        // Before the empty line.
        let end = self.length.saturating_sub(2).min(received.len());
        received.splice(end..end, connection.bytes());
        Ok(rest.ok_or(ErrorKind::InvalidData)?)
    }
}
