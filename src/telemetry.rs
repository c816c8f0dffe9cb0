//! The exporter's metrics of itself, through the `prometheus` crate: which build it is, and what its
//! process uses. Nothing here knows OpenSIPS.

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
}

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
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Telemetry {
            registry,
            rejections: Rejections(rejected),
        })
    }

    /// The counter of what the gate refuses.
    pub fn rejections(&self) -> Rejections {
        self.rejections.clone()
    }

    /// Prints the metrics as they are now at the end of `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), out) {
            out.truncate(start);
            log::error!("the exporter's metrics of itself are left out: {error}");
        }
    }
}
