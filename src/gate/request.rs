//! Request heads from strangers: what passes, and how it is written anew. Bytes in, values out, no
//! sockets.

use std::fmt::Write;

use httparse::{Error, Status};

use super::refusal::Refusal;

/// The largest request head. Prometheus sends some 300 bytes, and `collect[]` holds 4096 at most.
pub const MAX_HEAD: usize = 8 * 1024;

/// The most header lines of a request. Browsers behind several proxies send some 30.
const MAX_HEADERS: usize = 100;

/// Methods of RFC 9110 and RFC 5789 that this program knows and does not allow.
const NOT_ALLOWED: &[&str] = &["POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A request that passes.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// What tiny_http gets to read.
    pub canonical: String,
    /// Whether the answer has no body.
    pub is_head: bool,
    /// Whether the connection stays open after the answer.
    pub keep_alive: KeepAlive,
}

impl Request {
    /// Its target: path and query.
    pub fn target(&self) -> &str {
        self.canonical.split(' ').nth(1).unwrap_or_default()
    }

    /// Adds a header.
    pub fn add(&mut self, name: &str, value: &str) {
        // Before the empty line.
        self.canonical.truncate(self.canonical.len().saturating_sub(2));
        // A write to a String cannot fail.
        let _ = write!(self.canonical, "{name}: {value}\r\n\r\n");
    }
}

/// Whether a connection stays open after an answer, and how the answer says so (RFC 9112, section
/// 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// It is closed: `Connection: close`.
    No,
    /// It stays open, as every one of HTTP/1.1.
    Implied,
    /// It stays open since the client of HTTP/1.0 asked for that: `Connection: keep-alive`.
    Announced,
}

/// What the bytes received so far are.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    /// The beginning of a head.
    Incomplete,
    /// A whole one of so many bytes.
    Complete(usize, Request),
    /// One that does not pass, whatever follows.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Whether it is known that the answer may have no body.
        is_head: bool,
    },
}

/// Reads the head at the start of `received`. Of its headers those named in `forwarded` are passed
/// on.
pub fn read(received: &[u8], forwarded: &[&str]) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let result = match parsed.parse(received) {
        Ok(Status::Complete(length)) => accept(&parsed, forwarded).map(|request| (length, request)),
        Ok(Status::Partial) if received.len() < MAX_HEAD => return Head::Incomplete,
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => Err(Refusal::HeadTooLarge),
        Err(Error::Version) => Err(Refusal::Version),
        Err(_) => Err(Refusal::Malformed),
    };
    match result {
        Ok((length, request)) => Head::Complete(length, request),
        Err(refusal) => Head::Refused { refusal, is_head: parsed.method == Some("HEAD") },
    }
}

/// The rules for a head that is one by its form.
fn accept(parsed: &httparse::Request<'_, '_>, forwarded: &[&str]) -> Result<Request, Refusal> {
    let method = parsed.method.unwrap_or_default();
    let target = parsed.path.unwrap_or_default();
    let is_1_0 = parsed.version == Some(0);
    let values = |name: &str| {
        let name = name.to_string();
        let headers = parsed.headers.iter();
        headers
            .filter(move |header| header.name.eq_ignore_ascii_case(&name))
            .map(|header| header.value.trim_ascii())
    };

    // First what leaves open where the request ends (RFC 9112, section 6.3).
    let lengths: Vec<&[u8]> = values("Content-Length").collect();
    let has_coding = values("Transfer-Encoding").next().is_some();
    let has_body = match (lengths.as_slice(), has_coding) {
        ([], false) => false,
        ([], true) if is_1_0 => return Err(Refusal::Malformed),
        ([], true) => return Err(Refusal::TransferCoding),
        ([length], false) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            length.iter().any(|&digit| digit != b'0')
        }
        _ => return Err(Refusal::Malformed),
    };
    match values("Host").collect::<Vec<_>>().as_slice() {
        [host] if host.iter().all(u8::is_ascii_graphic) => {}
        [] if is_1_0 => {}
        _ => return Err(Refusal::Host),
    }
    let is_head = match method {
        "GET" => false,
        "HEAD" => true,
        _ if NOT_ALLOWED.contains(&method) => return Err(Refusal::MethodNotAllowed),
        _ => return Err(Refusal::UnknownMethod),
    };
    if has_body {
        return Err(Refusal::Body);
    }
    // Nothing but 100-continue is defined, and without a body there is nothing to continue with.
    if !is_1_0 && values("Expect").any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::Expectation);
    }

    let target = origin_form(target).ok_or(Refusal::Target)?;
    let mut canonical = format!("{method} {target} HTTP/1.1\r\n");
    for &name in forwarded {
        if let Some(value) = values(name).next()
            && value.iter().all(u8::is_ascii_graphic)
            && let Ok(value) = str::from_utf8(value)
        {
            // A write to a String cannot fail.
            let _ = write!(canonical, "{name}: {value}\r\n");
        }
    }
    canonical.push_str("\r\n");

    let has_option = |option: &str| {
        values("Connection")
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|value| value.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    let keep_alive = match (has_option("close"), is_1_0) {
        (true, _) => KeepAlive::No,
        (false, false) => KeepAlive::Implied,
        (false, true) if has_option("keep-alive") => KeepAlive::Announced,
        (false, true) => KeepAlive::No,
    };
    Ok(Request { canonical, is_head, keep_alive })
}

/// Path and query of a request target, also of one that names the server, as requests to proxies do
/// (RFC 9112, section 3.2).
fn origin_form(target: &str) -> Option<String> {
    let rest = match target.split_once("://") {
        _ if target.starts_with('/') => target,
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.get(end..).filter(|_| end > 0)?
        }
        _ => return None,
    };
    let slash = if rest.starts_with('/') { "" } else { "/" };
    rest.is_ascii().then(|| format!("{slash}{rest}"))
}
