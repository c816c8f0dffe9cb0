//! One scrape: a selection in, a page in the text exposition format out, whatever the server does.
//!
//! This room also remembers how the last scrape ended, so that a server that goes away or comes back
//! is one line in the log. It does not know HTTP.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::{Family, Kind, Page, Value};
use crate::mi::{self, Client, Deadline, Error};
use crate::processors::{Mapping, PROCESSORS};
use crate::selection::Selection;
use crate::telemetry::Telemetry;

/// What each page says of the scrape that made it.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "opensips_up",
        kind: Kind::Gauge,
        help: "Whether the server's statistics were read by this scrape (1) or not (0)",
    },
    Family {
        name: "opensips_scrape_duration_seconds",
        kind: Kind::Gauge,
        help: "Time that this scrape took",
    },
    Family {
        name: "opensips_exporter_unparsed_lines",
        kind: Kind::Gauge,
        help: "Lines of the server's reply to this scrape that could not be parsed and were left out",
    },
];

/// Scrapes one server.
pub struct Scraper {
    client: Client,
    mapping: Mapping,
    telemetry: Telemetry,
    last: Mutex<Option<Outcome>>,
}

/// How a scrape ended, and since when all of them end like this.
struct Outcome {
    since: Instant,
    error: Option<Error>,
}

impl Scraper {
    /// A scraper of the server behind `client`. Nothing is asked yet.
    pub fn new(client: Client, telemetry: Telemetry) -> Self {
        Scraper {
            client,
            mapping: Mapping::new(PROCESSORS),
            telemetry,
            last: Mutex::default(),
        }
    }

    /// The path of the server's socket.
    pub fn path(&self) -> &Path {
        self.client.path()
    }

    /// Asks the server for what is selected and returns the page, after `limit` at the latest.
    pub fn scrape(&self, selection: &Selection, limit: Duration) -> Vec<u8> {
        let start = Instant::now();
        let mut statistics = Page::new(self.mapping.families());
        let mut unparsed = 0;
        let result = self.read(selection, limit, &mut statistics, &mut unparsed);
        let up = result.is_ok();

        let mut out = Vec::new();
        let mut scrape = Page::new(FAMILIES);
        for (family, value) in [
            Value::Unsigned(u64::from(up)),
            Value::Float(start.elapsed().as_secs_f64()),
            Value::Unsigned(unparsed),
        ]
        .into_iter()
        .enumerate()
        {
            scrape.add(family, [], value);
        }
        scrape.write(&mut out);
        if up {
            statistics.write(&mut out);
        }
        self.telemetry.write(&mut out);
        self.remember(result.err());
        out
    }

    /// Asks the server for one statistic that every version has.
    ///
    /// # Errors
    ///
    /// Why a scrape would have `opensips_up` 0 now.
    pub fn probe(&self, limit: Duration) -> Result<(), Error> {
        let arguments = ["timestamp".to_string()];
        self.client
            .get_statistics(&arguments, Deadline::after(limit))
            .map(drop)
    }

    /// How the last scrape ended: `None` before the first one, else why it failed, if it did.
    pub fn last(&self) -> Option<Result<(), String>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|outcome| match &outcome.error {
            None => Ok(()),
            Some(error) => Err(error.to_string()),
        })
    }

    fn read(
        &self,
        selection: &Selection,
        limit: Duration,
        page: &mut Page<'_>,
        unparsed: &mut u64,
    ) -> Result<(), Error> {
        let arguments = selection.arguments();
        let reply = match self
            .client
            .get_statistics(&arguments, Deadline::after(limit))
        {
            Ok(reply) => reply,
            // The server knows nothing of what was selected.
            Err(Error::Answered { code: 404, .. }) if !selection.is_everything() => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut parsed = 0;
        for line in reply.statistics() {
            match line {
                Ok(statistic) => {
                    parsed += 1;
                    if selection.contains(statistic.group, statistic.name) {
                        self.mapping.add(&statistic, page);
                    }
                }
                Err(mi::Unparsed(line)) => {
                    *unparsed += 1;
                    log::debug!(
                        "left out of the page, no statistic: {}",
                        line.escape_ascii()
                    );
                }
            }
        }
        if parsed == 0 && (*unparsed > 0 || selection.is_everything()) {
            return Err(Error::Empty);
        }
        Ok(())
    }

    /// Logs when the server went away, for another reason than before, or came back.
    fn remember(&self, error: Option<Error>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.as_ref().map(|outcome| &outcome.error);
        let news = match (before, &error) {
            (Some(None), None) => false,
            (Some(Some(before)), Some(now)) => !before.is_like(now),
            _ => true,
        };
        if news {
            match (&error, last.as_ref()) {
                (Some(error), _) => log::warn!("opensips_up is 0: {error}"),
                (None, None) => log::info!("opensips_up is 1: {} answers", self.path().display()),
                (None, Some(outcome)) => log::info!(
                    "opensips_up is 1 again after {}: {} answers",
                    humantime::format_duration(Duration::from_secs(
                        outcome.since.elapsed().as_secs()
                    )),
                    self.path().display()
                ),
            }
        }
        let went_up_or_down = before.map(Option::is_some) != Some(error.is_some());
        let since = match last.take() {
            Some(outcome) if !went_up_or_down => outcome.since,
            _ => Instant::now(),
        };
        *last = Some(Outcome { since, error });
    }
}
