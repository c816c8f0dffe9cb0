//! One scrape: a selection in, a page in the text exposition format out, whatever the server does.
//!
//! It does not know HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::collectors::{Collected, Collectors};
use crate::exposition::{Family, Header, Kind, Page, Template, Value};
use crate::health::{Health, News};
use crate::mi::{Answerer, Client, Deadline, Endpoint, Error, Statistic, Unparsed};
use crate::processors::{Collection, Mapping, PROCESSORS};
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
    Family {
        name: "opensips_process_info",
        kind: Kind::Gauge,
        help: "A process of the server and what it is for, always 1; process is that of opensips_load_process and the pid of opensips_pkmem_used_size, pid is its number in the system",
    },
];

/// Where they stand in [`FAMILIES`].
const UP: usize = 0;
const DURATION: usize = 1;
const UNPARSED: usize = 2;
const INFO: usize = 3;
const PROCESS_INFO: usize = 4;

/// Their labels.
const LABELS: &[&[&str]] = &[
    &[],
    &[],
    &[],
    &["server", "version"],
    &["process", "pid", "type"],
];

/// The groups whose statistics are named by processes.
const GROUPS_OF_PROCESSES: &[&str] = &["load", "pkmem"];

/// Scrapes one server.
pub struct Scraper {
    client: Client,
    mapping: Mapping,
    collectors: Collectors,
    /// The series and headers of [`FAMILIES`].
    series: Vec<Template>,
    headers: Vec<Header>,
    telemetry: Telemetry,
    health: Mutex<Health>,
}

impl Scraper {
    /// A scraper of the server behind `client`. Nothing is asked yet.
    pub fn new(client: Client, telemetry: Telemetry, collectors: Collectors) -> Self {
        let series = FAMILIES.iter().zip(LABELS);
        let series =
            series.map(|(family, labels)| Template::given(family.name, labels.iter().copied()));
        Scraper {
            client,
            series: series.collect(),
            headers: Header::of(FAMILIES),
            mapping: Mapping::new(PROCESSORS),
            collectors,
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
        let mut unparsed = 0;
        let deadline = Deadline::after(limit);
        let result = self.read(selection, deadline, &mut unparsed);
        let mut processes = Arc::default();
        if let Ok((answerer, ..)) = &result
            && GROUPS_OF_PROCESSES
                .iter()
                .any(|group| selection.has_group(group))
        {
            processes = self.client.processes(answerer, deadline);
        }
        let collected = match &result {
            Ok((answerer, ..)) => {
                self.collectors
                    .collect(&self.client, answerer, selection, deadline)
            }
            Err(_) => Collected::default(),
        };

        let mut out = Vec::new();
        let mut scrape = Page::default();
        let mut add = |family, values: &[&[u8]], value| {
            if let Some(series) = self.series.get(family) {
                scrape.add(family, series, values, value);
            }
        };
        add(UP, &[], Value::Unsigned(u64::from(result.is_ok())));
        let duration = began.elapsed().as_secs_f64();
        add(DURATION, &[], Value::Float(duration));
        add(UNPARSED, &[], Value::Unsigned(unparsed));
        if let Ok((answerer, ..)) = &result
            && let Some(product) = answerer.product()
        {
            let values = [product.name.as_bytes(), product.version.as_bytes()];
            add(INFO, &values, Value::Unsigned(1));
        }
        for process in processes.iter() {
            let (index, pid) = (process.index.to_string(), process.pid.to_string());
            let values = [index.as_bytes(), pid.as_bytes(), process.role.as_bytes()];
            add(PROCESS_INFO, &values, Value::Unsigned(1));
        }
        scrape.write(&self.headers, &mut out);
        let error = match result {
            Ok((_, collection)) => {
                collection.write(&mut out);
                self.collectors.write(collected, &mut out);
                None
            }
            Err(error) => Some(error),
        };
        self.telemetry.write(&mut out);
        self.tell(began, error);
        out
    }

    /// Asks the server for the one statistic `timestamp`, which every version has.
    ///
    /// # Errors
    ///
    /// Why the answer could not be read. That the server knows no such statistic is an answer.
    pub fn probe(&self, limit: Duration) -> Result<(), Error> {
        let selection =
            Selection::parse([b"timestamp".to_vec()], &Arc::default()).unwrap_or_default();
        let deadline = Deadline::after(limit);
        self.read(&selection, deadline, &mut 0).map(drop)
    }

    /// How the last scrape ended: `None` before the first one, else why it failed, if it did.
    pub fn last(&self) -> Option<Result<(), String>> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let last = health.last();
        last.map(|outcome| outcome.map_err(|error| error.to_string()))
    }

    /// Asks the server for what is selected. Returns who answered, and the statistics.
    fn read(
        &self,
        selection: &Selection,
        deadline: Deadline,
        unparsed: &mut u64,
    ) -> Result<(Answerer, Collection<'_>), Error> {
        let mut parsed = 0;
        let mut collection = Collection::new(&self.mapping);
        let mut sink = |statistic: Result<Statistic<'_>, Unparsed<'_>>| match statistic {
            Ok(statistic) => {
                parsed += 1;
                if selection.contains(statistic.group, statistic.name) {
                    collection.add(&statistic);
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
        let answerer = self
            .client
            .get_statistics(&selection.wanted(), deadline, &mut sink)?;
        if parsed == 0 && (*unparsed > 0 || selection.needs_statistics()) {
            return Err(Error::Empty);
        }
        Ok((answerer, collection))
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
