//! The group `tracer`: messages traced (OpenSIPS 3.0 to 4.0, `modules/tracer/tracer.c`; its
//! predecessor is `siptrace`), and by its command whether it traces.

use super::state::{Listing, Reading, listing, metric, records};
use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "tracer", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_tracer_requests_total",
        "Requests traced (tracer:traced_requests)",
        &[], &[("traced_requests", &[])]),
    counter("opensips_tracer_replies_total",
        "Replies traced (tracer:traced_replies)",
        &[], &[("traced_replies", &[])]),
];

/// Without parameters the command switches nothing.
#[rustfmt::skip]
const LISTINGS: &[Listing] = &[listing(&["trace", "tracer:trace"], &[], &[records(&[], &[
    metric("opensips_tracer_enabled", "Whether tracing is on (trace)",
        Reading::Flag(&["global"], &["on"])),
])])];
