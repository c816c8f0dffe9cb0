//! The exporter's metrics of itself: which build it is and what it refused, through the
//! `prometheus` crate, and what its process uses. Nothing here knows OpenSIPS.

use std::sync::{Mutex, PoisonError};

use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::process::Process;

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

/// Counts replies that another user than the server's sent.
#[derive(Debug, Clone)]
pub struct ForgedReplies(IntCounter);

impl ForgedReplies {
    /// Counts one.
    pub fn count(&self) {
        self.0.inc();
    }
}

/// The exporter's metrics of itself.
pub struct Telemetry {
    registry: Registry,
    forged_replies: ForgedReplies,
    rejections: Rejections,
    process: Option<Mutex<Process>>,
}

impl Telemetry {
    /// Registers `opensips_exporter_build_info`, `opensips_exporter_forged_replies_total` and
    /// `opensips_exporter_http_rejected_total`, which begins at 0 for each of `reasons`.
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
                "Version and revision of the exporter, always 1",
            )
            .const_label("version", VERSION)
            .const_label("revision", REVISION),
        )?;
        build_info.set(1);
        registry.register(Box::new(build_info))?;
        let forged = IntCounter::new(
            "opensips_exporter_forged_replies_total",
            "Replies that were ignored because they did not come from the server",
        )?;
        registry.register(Box::new(forged.clone()))?;
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
        Ok(Telemetry {
            registry,
            forged_replies: ForgedReplies(forged),
            rejections: Rejections(rejected),
            process: Some(Mutex::default()),
        })
    }

    /// The same without the metrics of the process, which say nothing of one that ends at once.
    pub fn without_process(self) -> Self {
        Telemetry { process: None, ..self }
    }

    /// The counter of replies that the server did not send.
    pub fn forged_replies(&self) -> ForgedReplies {
        self.forged_replies.clone()
    }

    /// The counter of what the gate refuses.
    pub fn rejections(&self) -> Rejections {
        self.rejections.clone()
    }

    /// Prints the metrics at the end of `out`: those of the process as they were a second ago at
    /// most.
    pub fn write(&self, out: &mut Vec<u8>) {
        print(&self.registry, out);
        if let Some(process) = &self.process {
            let process = process.lock();
            process.unwrap_or_else(PoisonError::into_inner).write(out);
        }
    }
}

fn print(registry: &Registry, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), out) {
        out.truncate(start);
        log::error!("the exporter's metrics of itself are left out: {error}");
    }
}
