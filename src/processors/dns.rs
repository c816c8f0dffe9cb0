//! The group `dns`: DNS queries (OpenSIPS 3.0 to 4.0, `resolve.c`; Kamailio 5.6 and 6.1,
//! `src/core/resolve.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "dns", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_dns_queries_total",
        "DNS queries (dns:dns_total_queries)",
        &[], &[("dns_total_queries", &[])]),
    counter("opensips_dns_slow_queries_total",
        "DNS queries that took longer than the configured threshold; 0 if none is set \
         (dns:dns_slow_queries, in Kamailio dns:slow_dns_request)",
        &[], &[("dns_slow_queries", &[]), ("slow_dns_request", &[])]),
    counter("opensips_dns_failed_queries_total",
        "DNS queries that failed; only Kamailio (dns:failed_dns_request)",
        &[], &[("failed_dns_request", &[])]),
];
