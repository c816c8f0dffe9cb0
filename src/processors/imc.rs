//! The group `imc`: chat rooms (OpenSIPS 1.11 to 4.0, `modules/imc/imc.c`, which never updates it).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "imc", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[gauge(
    "opensips_imc_active_rooms",
    "Chat rooms in use; always 0, since no version counts them (imc:active_rooms)",
    &[],
    &[("active_rooms", &[])],
)];
