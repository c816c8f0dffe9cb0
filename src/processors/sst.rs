//! The group `sst`: session timers (OpenSIPS 1.11 to 4.0, `modules/sst/sst.c`, which never updates
//! it; Kamailio 5.6).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "sst", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[counter(
    "opensips_sst_expired_dialogs_total",
    "Dialogs ended by the session timer; no version of OpenSIPS counts them (sst:expired_sst)",
    &[],
    &[("expired_sst", &[])],
)];
