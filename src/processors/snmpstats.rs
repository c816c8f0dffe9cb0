//! The group `snmpstats`: replies by their status (OpenSIPS 1.11 to 4.0,
//! `modules/snmpstats/snmpstats.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "snmpstats", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[counter(
    "opensips_snmpstats_replies_total",
    "Replies sent (out) by status, while the module is loaded; no version counts those received (in) (snmpstats:<code>_out, snmpstats:<code>_in)",
    &["direction", "code"],
    &[("{code}_out", &["out", "{code}"]), ("{code}_in", &["in", "{code}"])],
)];
