//! Why a request or a connection is not served, what its client is told, and under which name that
//! is counted.

use std::time::SystemTime;

/// Why a request or a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What was sent is no HTTP, or leaves open where the request ends.
    Malformed,
    /// No `Host` in HTTP/1.1, or more than one.
    Host,
    /// The target is neither a path nor a URL of http.
    Target,
    /// A method that changes something, or that is for proxies.
    MethodNotAllowed,
    /// A method that HTTP does not have.
    UnknownMethod,
    /// The head did not arrive in time.
    HeadTooSlow,
    /// The request has a body.
    Body,
    /// `Expect` asks for something that is not defined.
    Expectation,
    /// The head is too large.
    HeadTooLarge,
    /// The body has a transfer coding.
    TransferCoding,
    /// There was no backend stream for the request in time.
    Busy,
    /// Another version than HTTP/1.0 and HTTP/1.1.
    Version,
    /// The client did not read its answer in time. It is told nothing.
    AnswerNotTaken,
    /// Its slot was needed before the request had arrived. The client is told nothing.
    PlaceNeeded,
}

const ONLY_GET: &str = "only GET and HEAD are answered";

/// The label value that a refusal is counted under, its status and the words behind it, and what
/// the body says.
type Form = (&'static str, u16, &'static str, &'static str);

impl Refusal {
    /// All of them.
    pub const ALL: &[Refusal] = &[
        Refusal::Malformed,
        Refusal::Host,
        Refusal::Target,
        Refusal::MethodNotAllowed,
        Refusal::UnknownMethod,
        Refusal::HeadTooSlow,
        Refusal::Body,
        Refusal::Expectation,
        Refusal::HeadTooLarge,
        Refusal::TransferCoding,
        Refusal::Busy,
        Refusal::Version,
        Refusal::AnswerNotTaken,
        Refusal::PlaceNeeded,
    ];

    #[rustfmt::skip]
    fn form(self) -> Form {
        use Refusal::*;
        match self {
            Malformed => ("malformed", 400, "Bad Request", "this is not HTTP/1.1"),
            Host => ("host", 400, "Bad Request", "HTTP/1.1 needs one Host header"),
            Target => ("target", 400, "Bad Request", "ask for a path or an http URL"),
            MethodNotAllowed => ("method_not_allowed", 405, "Method Not Allowed", ONLY_GET),
            UnknownMethod => ("unknown_method", 501, "Not Implemented", ONLY_GET),
            HeadTooSlow => ("head_too_slow", 408, "Request Timeout", "the request did not arrive in time"),
            Body => ("body", 413, "Content Too Large", "send no body"),
            Expectation => ("expectation", 417, "Expectation Failed", "send no Expect header"),
            HeadTooLarge => ("head_too_large", 431, "Request Header Fields Too Large", "the request is too large"),
            TransferCoding => ("transfer_coding", 501, "Not Implemented", "send no body and no Transfer-Encoding header"),
            Busy => ("busy", 503, "Service Unavailable", "too many requests wait for their answers, try again later"),
            Version => ("version", 505, "HTTP Version Not Supported", "only HTTP/1.0 and HTTP/1.1 are answered"),
            AnswerNotTaken => ("answer_not_taken", 0, "", "the client does not read its answer"),
            PlaceNeeded => ("place_needed", 0, "", "the place is needed for another connection"),
        }
    }

    /// The name that it is counted under, a label value.
    pub fn label(self) -> &'static str {
        self.form().0
    }

    /// The status of the answer, 0 if there is none.
    pub fn status(self) -> u16 {
        self.form().1
    }

    /// Why, in words.
    pub fn text(self) -> &'static str {
        self.form().3
    }

    /// The whole answer, after which the connection is closed. Without its body for a HEAD request.
    pub fn answer(self, is_head: bool) -> Vec<u8> {
        let (_, status, reason, text) = self.form();
        let allow = match self {
            Refusal::MethodNotAllowed => "Allow: GET, HEAD\r\n",
            _ => "",
        };
        let body = if is_head { String::new() } else { format!("{text}\n") };
        format!(
            "HTTP/1.1 {status} {reason}\r\n\
             Date: {}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             {allow}\
             Content-Length: {}\r\n\
             Connection: close\r\n\
             \r\n\
             {body}",
            date(),
            text.len() + 1,
        )
        .into_bytes()
    }
}

/// The value of `Date`. A clock that stands before 1970, whose time HTTP has no words for, counts
/// as 1970.
pub fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now().max(SystemTime::UNIX_EPOCH))
}
