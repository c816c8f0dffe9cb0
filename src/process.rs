//! What the process of the exporter uses: the metrics `process_*` of all Prometheus clients, from
//! proc(5). Nothing here knows OpenSIPS.

use std::fs;
use std::time::{Duration, Instant};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::exposition::{Family, Header, Kind, Page, Series, Value};

/// The metrics, in the order of the page.
pub const PROCESS_FAMILIES: &[Family] = &[
    family("process_cpu_seconds_total", Kind::Counter, "Processor time that the exporter used"),
    family("process_max_fds", Kind::Gauge, "File descriptors that the exporter may have open"),
    family("process_open_fds", Kind::Gauge, "File descriptors that the exporter has open"),
    family("process_resident_memory_bytes", Kind::Gauge, "Memory of the exporter that is in use"),
    family(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the exporter was started, in seconds since 1970",
    ),
    family("process_threads", Kind::Gauge, "Threads of the exporter"),
    family("process_virtual_memory_bytes", Kind::Gauge, "Address space of the exporter"),
];

const fn family(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// How long the metrics are taken to be the same. To read them the kernel looks at each thread and
/// descriptor.
const AGE: Duration = Duration::from_secs(1);

/// Where fields of `/proc/self/stat` stand behind the name of the program.
const THREADS: usize = 17;
const START: usize = 19;
const VIRTUAL: usize = 20;
const RESIDENT: usize = 21;

/// The metrics of this process.
pub struct Process {
    headers: Vec<Header>,
    series: Vec<Series>,
    /// When the machine was started, in seconds since 1970.
    booted: Option<u64>,
    /// The metrics as they were printed last, and when.
    printed: Option<(Instant, Vec<u8>)>,
}

impl Process {
    /// Nothing is read yet but when the machine was started.
    pub fn new() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let mut lines = stat.lines();
        let series = PROCESS_FAMILIES.iter().enumerate();
        Process {
            headers: Header::of(PROCESS_FAMILIES),
            series: series.map(|(index, family)| Series::given(index, family.name, [])).collect(),
            booted: lines.find_map(|line| line.strip_prefix("btime ")?.parse().ok()),
            printed: None,
        }
    }

    /// Prints the metrics at the end of `out` as they were a second ago at most. What the system
    /// does not tell is left out.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        let is_new = |(then, _): &(Instant, Vec<u8>)| then.elapsed() < AGE;
        if !self.printed.as_ref().is_some_and(is_new) {
            let mut text = Vec::new();
            self.read().write(&self.headers, &mut text);
            self.printed = Some((Instant::now(), text));
        }
        if let Some((_, text)) = &self.printed {
            out.extend_from_slice(text);
        }
    }

    fn read(&self) -> Page<'_> {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name may hold anything, and its end is the last parenthesis.
        let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = |time: u64| time as f64 / clock_ticks_per_second() as f64;
        let started = self.booted.zip(field(START));
        // One of them is there for reading them.
        let open = fs::read_dir("/proc/self/fd").map(|open| open.count().saturating_sub(1));
        let values = [
            Some(Value::Float(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9)),
            getrlimit(Resource::Nofile).current.map(Value::Unsigned),
            open.ok().map(|open| Value::Unsigned(open as u64)),
            field(RESIDENT).map(|pages| Value::Unsigned(pages * page_size() as u64)),
            started.map(|(booted, ticks)| Value::Float(booted as f64 + seconds(ticks))),
            field(THREADS).map(Value::Unsigned),
            field(VIRTUAL).map(Value::Unsigned),
        ];
        let mut page = Page::default();
        for (value, series) in values.into_iter().zip(&self.series) {
            if let Some(value) = value {
                page.add(series, &[], value);
            }
        }
        page
    }
}

impl Default for Process {
    fn default() -> Self {
        Process::new()
    }
}
