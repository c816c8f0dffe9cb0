//! The group `cdb`: queries of NoSQL databases (OpenSIPS 3.0 to 4.0, `cachedb/cachedb.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "cdb", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_cdb_queries_total",
        "Queries of NoSQL databases (cachedb) (cdb:cdb_total_queries)",
        &[], &[("cdb_total_queries", &[])]),
    counter("opensips_cdb_slow_queries_total",
        "Queries of NoSQL databases (cachedb) that took longer than the configured threshold; 0 if \
         none is set (cdb:cdb_slow_queries)",
        &[], &[("cdb_slow_queries", &[])]),
];
