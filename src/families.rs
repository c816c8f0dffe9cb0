//! The families that say how a scrape went, and which server it asked. The tables below
//! `processors` have all others.

use crate::exposition::{Family, Header, Kind, Page, Series, Value};

/// Such a family and the names of its labels, all gauges.
pub struct Row(pub Family, pub &'static [&'static str]);

/// Which of [`FAMILIES`], in their order.
#[allow(missing_docs)] // Their HELP says what they are.
#[derive(Debug, Clone, Copy)]
pub enum Own {
    Up,
    Duration,
    Unparsed,
    Info,
    ProcessInfo,
    CollectorSuccess,
    CollectorDuration,
}

/// All of them, in the order of the page.
#[rustfmt::skip]
pub const FAMILIES: &[Row] = &[
    row("opensips_up",
        "Whether this scrape could read the server's statistics (1) or not (0)",
        &[]),
    row("opensips_scrape_duration_seconds",
        "Duration of the scrape that this page comes from",
        &[]),
    row("opensips_exporter_unparsed_lines",
        "Lines of the server's reply that were left out because they could not be parsed or are \
         counters below zero",
        &[]),
    row("opensips_info", "Name and version of the server, always 1", &["server", "version"]),
    row("opensips_process_info",
        "A process of the server, always 1; process is its label in opensips_load_process and the \
         pid in opensips_pkmem_used_size, pid is its process ID, type is what it does",
        &["process", "pid", "type"]),
    row("opensips_scrape_collector_success",
        "Whether this scrape could read all commands that show the state of a module (1) or not \
         (0); the collectors which and kex appear, with 0, when the server does not list its \
         commands or has no statistics",
        &["collector"]),
    row("opensips_scrape_collector_duration_seconds",
        "Time that the commands of a module took",
        &["collector"]),
];

const fn row(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Row {
    Row(Family { name, kind: Kind::Gauge, help }, labels)
}

/// [`FAMILIES`], ready for samples.
pub struct Families {
    series: Vec<Series>,
    headers: Vec<Header>,
}

impl Default for Families {
    fn default() -> Self {
        let families: Vec<Family> = FAMILIES.iter().map(|row| row.0).collect();
        let rows = FAMILIES.iter().enumerate();
        let series = rows.map(|(index, Row(family, labels))| {
            Series::given(index, family.name, labels.iter().copied())
        });
        Families { series: series.collect(), headers: Header::of(&families) }
    }
}

impl Families {
    /// Adds a sample of that `family`, with the `values` of its labels.
    pub fn add<'f>(&'f self, page: &mut Page<'f>, family: Own, values: &[&[u8]], value: Value) {
        if let Some(series) = self.series.get(family as usize) {
            page.add(series, values, value);
        }
    }

    /// Their headers.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }
}
