//! The exporter's metrics of itself, through the `prometheus` crate: which build it is, and what its
//! process uses. Nothing here knows OpenSIPS.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision that it was built from, as `make` found it.
pub const REVISION: &str = match option_env!("OPENSIPS_EXPORTER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Counts what the gate refuses.
#[derive(Clone)]
pub struct Rejections(IntCounterVec);

impl Rejections {
    /// Counts one for `reason`, a label value.
    pub fn count(&self, reason: &str) {
        self.0.with_label_values(&[reason]).inc();
    }
}

/// The exporter's metrics of itself.
pub struct Telemetry {
    registry: Registry,
    rejections: Rejections,
    process: Registry,
    /// The metrics of the process as they were printed last, and when.
    printed: Mutex<Option<(Instant, Vec<u8>)>>,
}

/// How long the metrics of the process are taken to be the same. To read them the kernel looks at every thread
/// and descriptor, and the processor time among them is in whole seconds.
const AGE: Duration = Duration::from_secs(1);

impl Telemetry {
    /// Registers `opensips_exporter_build_info`, `opensips_exporter_http_rejected_total`, which begins at
    /// 0 for each of `reasons`, and the `process_*` metrics.
    ///
    /// # Errors
    ///
    /// The registry refuses a metric when its name is invalid or taken, which is a fault of this
    /// program.
    pub fn new(reasons: impl IntoIterator<Item = &'static str>) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let build_info = IntGauge::with_opts(
            Opts::new(
                "opensips_exporter_build_info",
                "The exporter's version and the revision it was built from, always 1",
            )
            .const_label("version", VERSION)
            .const_label("revision", REVISION),
        )?;
        build_info.set(1);
        registry.register(Box::new(build_info))?;
        let rejected = IntCounterVec::new(
            Opts::new(
                "opensips_exporter_http_rejected_total",
                "Requests and connections that were refused or closed unserved, by reason",
            ),
            &["reason"],
        )?;
        for reason in reasons {
            rejected.get_metric_with_label_values(&[reason])?;
        }
        registry.register(Box::new(rejected.clone()))?;
        let process = Registry::new();
        process.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Telemetry {
            registry,
            rejections: Rejections(rejected),
            process,
            printed: Mutex::default(),
        })
    }

    /// The counter of what the gate refuses.
    pub fn rejections(&self) -> Rejections {
        self.rejections.clone()
    }

    /// Prints the metrics at the end of `out`: those of the process as they were a second ago at most.
    pub fn write(&self, out: &mut Vec<u8>) {
        print(&self.registry, out);
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |(then, _): &(Instant, Vec<u8>)| then.elapsed() < AGE;
        let (_, text) = match &mut *printed {
            Some(printed) if is_new(printed) => printed,
            printed => {
                let mut text = Vec::new();
                print(&self.process, &mut text);
                printed.insert((Instant::now(), text))
            }
        };
        out.extend_from_slice(text);
    }
}

fn print(registry: &Registry, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), out) {
        out.truncate(start);
        log::error!("the exporter's metrics of itself are left out: {error}");
    }
}
