//! The group `tracer`: messages traced (OpenSIPS 3.0 to 4.0, `modules/tracer/tracer.c`; its
//! predecessor is `siptrace`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "tracer", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_tracer_requests_total",
        "Requests traced (tracer:traced_requests)",
        &[], &[("traced_requests", &[])]),
    counter("opensips_tracer_replies_total",
        "Replies traced (tracer:traced_replies)",
        &[], &[("traced_replies", &[])]),
];
