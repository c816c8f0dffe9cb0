//! The group `sipcapture`: messages captured for Homer (OpenSIPS 1.11 to 4.0,
//! `modules/sipcapture/sipcapture.c`).
//!
//! The server lists both names twice, and only the second one counts.

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "sipcapture", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_sipcapture_requests_total",
        "Requests captured (sipcapture:captured_requests)",
        &[], &[("captured_requests", &[])]),
    counter("opensips_sipcapture_replies_total",
        "Replies captured (sipcapture:captured_replies)",
        &[], &[("captured_replies", &[])]),
];
