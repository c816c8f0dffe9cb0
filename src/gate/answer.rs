//! The heads of tiny_http's answers: how much follows, and what the client is told of its connection. Bytes
//! in, values out, no sockets.

use httparse::Status;

use super::request::Then;

/// The most headers of an answer. The site sends five.
const MAX_HEADERS: usize = 16;

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Its bytes as the client gets them.
    pub bytes: Vec<u8>,
    /// Its length as it was received.
    pub length: usize,
    /// Bytes of body behind it.
    pub body: u64,
}

/// Why bytes are not the head of an answer. That would be a fault of this program.
#[derive(Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// Reads the head at the start of `received`, the answer to a HEAD request or another one, and says in it
/// what becomes of the connection. `None` when it is not complete.
///
/// # Errors
///
/// [`NoAnswer`] when it is no head, or does not say how long its body is.
pub fn read(received: &[u8], is_head: bool, then: Then) -> Result<Option<Head>, NoAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(received) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(NoAnswer),
    };
    let body = parsed
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("Content-Length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.parse().ok())
        .ok_or(NoAnswer)?;
    let head = received
        .get(..length)
        .and_then(|head| head.strip_suffix(b"\r\n"))
        .ok_or(NoAnswer)?;
    let connection: &[u8] = match then {
        Then::Close => b"Connection: close\r\n\r\n",
        Then::Keep => b"\r\n",
        Then::KeepAlive => b"Connection: keep-alive\r\n\r\n",
    };
    Ok(Some(Head {
        bytes: [head, connection].concat(),
        length,
        body: if is_head { 0 } else { body },
    }))
}
