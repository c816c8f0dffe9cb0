//! The group `pike`: addresses that send too much (Kamailio 5.6 and 6.1,
//! `src/modules/pike/pike.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "pike", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[counter(
    "opensips_pike_blocked_ips_total",
    "Times that an address was blocked (pike:blocked_ips)",
    &[],
    &[("blocked_ips", &[])],
)];
