//! HTTP: routes, query strings, status codes and content types. It does not know MI.
//!
//! [`Site`] says what the answer to a request is, [`respond`] sends it.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode;
use tiny_http::{Header, Request, Response};

use crate::config::{HEALTHY_PATH, READY_PATH, advice};
use crate::exposition;
use crate::gate::{CLIENT, refusal::date};
use crate::landing;
use crate::scrape::Scraper;
use crate::selection::{Scope, Selection};

/// The request header by which Prometheus announces its scrape timeout.
const SCRAPE_TIMEOUT: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// The request headers that are heeded.
pub const HEADERS: &[&str] = &[SCRAPE_TIMEOUT];

/// What is kept of an announced scrape timeout for the way back to Prometheus, but at most half.
const MARGIN: Duration = Duration::from_millis(500);

/// The shortest scrape timeout that is heeded. With shorter ones a stranger could make a healthy
/// server look down, and each time that is a line in the log.
const MIN_SCRAPE_TIMEOUT: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// An answer to a request.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Arc<[u8]>,
}

impl Answer {
    fn text(status: u16, body: impl Into<String>) -> Self {
        let mut body = body.into();
        body.push('\n');
        Answer { status, content_type: TEXT, body: body.into_bytes().into() }
    }
}

/// Everything that can be asked for by HTTP.
pub struct Site {
    scraper: Scraper,
    metrics_path: String,
    timeout: Duration,
    scope: Arc<Scope>,
}

impl Site {
    /// The site that serves the pages of `scraper` at `metrics_path`, each made within `timeout`
    /// and with nothing out of `scope`.
    pub fn new(scraper: Scraper, metrics_path: String, timeout: Duration, scope: Scope) -> Self {
        Site { scraper, metrics_path, timeout, scope: Arc::new(scope) }
    }

    /// Whether the answer to a request for `target` may take long, since the SIP server is asked.
    pub fn is_slow(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        path == self.metrics_path || path == READY_PATH
    }

    /// Answers a request of `client` for `target`, the path and query of its request line.
    /// `announced` is what the client says of its own timeout, in seconds.
    pub fn answer(&self, client: &str, target: &str, announced: Option<&str>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let limit = announced.map_or(self.timeout, |text| limit(self.timeout, text));
        match path {
            _ if path == self.metrics_path => self.metrics(client, query, limit),
            HEALTHY_PATH => Answer::text(200, "healthy"),
            READY_PATH => match self.scraper.probe(client, limit) {
                Ok(()) => Answer::text(200, "ready"),
                Err(error) => Answer::text(503, advice::on_error(&error)),
            },
            "/" => {
                let (endpoint, last) = (self.scraper.endpoint(), self.scraper.last());
                let page = landing::page(&self.metrics_path, &endpoint, last.as_ref());
                Answer { status: 200, content_type: HTML, body: page.into_bytes().into() }
            }
            // Browsers ask for it on their own, and call 404 an error.
            "/favicon.ico" => Answer { status: 204, content_type: TEXT, body: Arc::default() },
            _ => Answer::text(404, format!("not found; the metrics are at {}", self.metrics_path)),
        }
    }

    fn metrics(&self, client: &str, query: &str, limit: Duration) -> Answer {
        match Selection::parse(collect_values(query), &self.scope) {
            Ok(selection) => Answer {
                status: 200,
                content_type: exposition::CONTENT_TYPE,
                body: self.scraper.scrape(client, &selection, limit),
            },
            Err(unselectable) => Answer::text(400, unselectable.to_string()),
        }
    }
}

/// The time that a scrape has when its client says that it waits for `announced` seconds. What
/// makes no sense is not heeded.
fn limit(timeout: Duration, announced: &str) -> Duration {
    let announced = announced.trim().parse().ok();
    match announced.map(Duration::try_from_secs_f64) {
        Some(Ok(announced)) if announced >= MIN_SCRAPE_TIMEOUT => {
            timeout.min(announced - MARGIN.min(announced / 2))
        }
        _ => timeout,
    }
}

/// The decoded values of `collect[]` in a query.
fn collect_values(query: &str) -> impl Iterator<Item = Vec<u8>> {
    query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == b"collect[]").then(|| decode(value))
    })
}

/// Undoes the encoding of a form: `+` is a space, `%3A` a byte.
fn decode(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

/// Answers a request that tiny_http read with what `site` says to it.
pub fn respond(site: &Site, request: Request) {
    let value = |name: &str| {
        let mut headers = request.headers().iter();
        let header = headers.find(|header| {
            let field = header.field.as_str().as_str();
            field.eq_ignore_ascii_case(name)
        });
        header.map(|header| header.value.as_str())
    };
    let client = value(CLIENT).unwrap_or_default();
    let answer = site.answer(client, request.url(), value(SCRAPE_TIMEOUT));
    send(request, answer);
}

/// Sends `answer`.
pub fn send(request: Request, answer: Answer) {
    let length = answer.body.len();
    let status = answer.status.into();
    let body = Cursor::new(answer.body);
    // With a length, and not in chunks, however large the page is.
    let mut response = Response::new(status, Vec::new(), body, Some(length), None)
        .with_chunked_threshold(usize::MAX);
    // By itself tiny_http panics where the clock stands before 1970.
    for (name, value) in [("Date", &*date()), ("Content-Type", answer.content_type)] {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    if let Err(error) = request.respond(response) {
        log::debug!("the client did not take the answer: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_timeout_is_kept_with_a_margin() {
        for (announced, expected) in [
            ("10", 5000),
            ("5", 4500),
            ("3.0", 2500),
            ("1", 500),
            ("0.5", 250),
            ("0.1", 50),
            ("0.09", 5000),
            ("0", 5000),
            ("-1", 5000),
            ("NaN", 5000),
            ("1e999", 5000),
            ("soon", 5000),
        ] {
            let limit = limit(Duration::from_secs(5), announced);
            assert_eq!(limit, Duration::from_millis(expected), "{announced}");
        }
    }
}
