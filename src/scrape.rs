//! One scrape: a selection in, a page in the text exposition format out, whatever the server does.
//!
//! It does not know HTTP.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::{Family, Kind, Page, Value};
use crate::health::{Health, News};
use crate::mi::{Client, Deadline, Endpoint, Error, Product, Statistic, Unparsed};
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
    Family {
        name: "opensips_info",
        kind: Kind::Gauge,
        help: "What the server says it is, always 1",
    },
];

/// Where `opensips_info` stands in [`FAMILIES`].
const INFO: usize = 3;

/// Scrapes one server.
pub struct Scraper {
    client: Client,
    mapping: Mapping,
    telemetry: Telemetry,
    health: Mutex<Health>,
}

impl Scraper {
    /// A scraper of the server behind `client`. Nothing is asked yet.
    pub fn new(client: Client, telemetry: Telemetry) -> Self {
        Scraper {
            client,
            mapping: Mapping::new(PROCESSORS),
            telemetry,
            health: Mutex::default(),
        }
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &Endpoint {
        self.client.endpoint()
    }

    /// Asks the server for what is selected and returns the page, after `limit` at the latest.
    pub fn scrape(&self, selection: &Selection, limit: Duration) -> Vec<u8> {
        let began = Instant::now();
        let mut statistics = Page::new(self.mapping.families());
        let mut unparsed = 0;
        let result = self.read(selection, limit, &mut statistics, &mut unparsed);

        let mut out = Vec::new();
        let mut scrape = Page::new(FAMILIES);
        for (family, value) in [
            Value::Unsigned(u64::from(result.is_ok())),
            Value::Float(began.elapsed().as_secs_f64()),
            Value::Unsigned(unparsed),
        ]
        .into_iter()
        .enumerate()
        {
            scrape.add(family, [], value);
        }
        match &result {
            Ok(Some(product)) => {
                let labels = [
                    ("server", product.name.as_bytes()),
                    ("version", product.version.as_bytes()),
                ];
                scrape.add(INFO, labels, Value::Unsigned(1));
            }
            Ok(None) => {}
            // What came before the error is not all.
            Err(_) => statistics = Page::new(self.mapping.families()),
        }
        scrape.write(&mut out);
        statistics.write(&mut out);
        self.telemetry.write(&mut out);
        self.tell(began, result.err());
        out
    }

    /// Asks the server for the one statistic `timestamp`, which every version has.
    ///
    /// # Errors
    ///
    /// Why the answer could not be read. That the server knows no such statistic is an answer.
    pub fn probe(&self, limit: Duration) -> Result<(), Error> {
        let selection = Selection::parse([b"timestamp".to_vec()]).unwrap_or_default();
        let mut page = Page::new(self.mapping.families());
        self.read(&selection, limit, &mut page, &mut 0).map(drop)
    }

    /// How the last scrape ended: `None` before the first one, else why it failed, if it did.
    pub fn last(&self) -> Option<Result<(), String>> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let last = health.last();
        last.map(|outcome| outcome.map_err(|error| error.to_string()))
    }

    /// Adds to `page` what the server says of the selected statistics: not all in case of an error. Returns
    /// what it says it is.
    fn read(
        &self,
        selection: &Selection,
        limit: Duration,
        page: &mut Page<'_>,
        unparsed: &mut u64,
    ) -> Result<Option<Product>, Error> {
        let mut parsed = 0;
        let arguments = selection.arguments();
        let mut sink = |statistic: Result<Statistic<'_>, Unparsed<'_>>| match statistic {
            Ok(statistic) => {
                parsed += 1;
                if selection.contains(statistic.group, statistic.name) {
                    self.mapping.add(&statistic, page);
                }
            }
            Err(Unparsed(part)) => {
                *unparsed += 1;
                log::debug!(
                    "left out of the page, no statistic: {}",
                    part.escape_ascii()
                );
            }
        };
        let deadline = Deadline::after(limit);
        let product = self
            .client
            .get_statistics(&arguments, deadline, &mut sink)?;
        if parsed == 0 && (*unparsed > 0 || selection.is_everything()) {
            return Err(Error::Empty);
        }
        Ok(product)
    }

    /// Logs when the server went away or came back. Nobody waits for a log that is slow but the scrape
    /// that has the news.
    fn tell(&self, began: Instant, error: Option<Error>) {
        let reason = error.as_ref().map(ToString::to_string).unwrap_or_default();
        let news = self
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(began, error);
        let endpoint = self.endpoint();
        match news {
            None => {}
            Some(News::Down) => log::warn!("opensips_up is 0: {reason}"),
            Some(News::Up(None)) => log::info!("opensips_up is 1: {endpoint} answers"),
            Some(News::Up(Some(down_for))) => log::info!(
                "opensips_up is 1 again after {}: {endpoint} answers",
                humantime::format_duration(Duration::from_secs(down_for.as_secs()))
            ),
        }
    }
}
