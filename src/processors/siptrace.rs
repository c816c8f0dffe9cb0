//! The group `siptrace`: messages traced (OpenSIPS 1.11 to 2.4, `modules/siptrace/siptrace.c`; its
//! successor is `tracer`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "siptrace", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_siptrace_requests_total",
        "Requests traced (siptrace:traced_requests)",
        &[], &[("traced_requests", &[])]),
    counter("opensips_siptrace_replies_total",
        "Replies traced (siptrace:traced_replies)",
        &[], &[("traced_replies", &[])]),
];
