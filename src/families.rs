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
        "Whether the server's statistics were read by this scrape (1) or not (0)",
        &[]),
    row("opensips_scrape_duration_seconds",
        "Time that this scrape took, or the one under way that asked for the same and whose page \
         this is",
        &[]),
    row("opensips_exporter_unparsed_lines",
        "Lines of the server's reply to this scrape that could not be parsed, or are counts below \
         zero, and were left out",
        &[]),
    row("opensips_info", "What the server says it is, always 1", &["server", "version"]),
    row("opensips_process_info",
        "A process of the server and what it is for, always 1; process is that of \
         opensips_load_process and the pid of opensips_pkmem_used_size, pid is its number in the \
         system",
        &["process", "pid", "type"]),
    row("opensips_scrape_collector_success",
        "Whether the server's commands that show the state of a module were all read by this \
         scrape (1) or not (0); the collectors which and kex, always 0, are there when the server \
         does not tell what commands it has, or has no statistics",
        &["collector"]),
    row("opensips_scrape_collector_duration_seconds",
        "Time that these commands took",
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
