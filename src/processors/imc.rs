//! The group `imc`: chat rooms (OpenSIPS 1.11 to 4.0, `modules/imc/imc.c`, which never updates it).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "imc", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[gauge(
    "opensips_imc_active_rooms",
    "Chat rooms in use; no version counts them, so it is 0 (imc:active_rooms)",
    &[],
    &[("active_rooms", &[])],
)];
