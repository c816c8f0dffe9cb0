//! The group `dns`: DNS queries (OpenSIPS 3.0 to 4.0, `resolve.c`).
//!
//! Kamailio has a group of this name with other statistics.

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "dns", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_dns_queries_total",
        "DNS queries (dns:dns_total_queries)",
        &[], &[("dns_total_queries", &[])]),
    counter("opensips_dns_slow_queries_total",
        "DNS queries that took longer than the configured threshold; 0 without one \
         (dns:dns_slow_queries)",
        &[], &[("dns_slow_queries", &[])]),
];
