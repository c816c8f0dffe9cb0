//! The group `cachedb_redis`: queries of Redis (OpenSIPS 4.0,
//! `modules/cachedb_redis/cachedb_redis.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "cachedb_redis", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_cachedb_redis_queries_total",
        "Redis queries that were answered (cachedb_redis:redis_queries)",
        &[], &[("redis_queries", &[])]),
    counter("opensips_cachedb_redis_failed_queries_total",
        "Attempts at a Redis query that failed on a node (cachedb_redis:redis_queries_failed)",
        &[], &[("redis_queries_failed", &[])]),
    counter("opensips_cachedb_redis_redirections_total",
        "MOVED and ASK redirections by a Redis cluster (cachedb_redis:redis_moved)",
        &[], &[("redis_moved", &[])]),
    counter("opensips_cachedb_redis_topology_refreshes_total",
        "Times that the slot map of a Redis cluster was read again \
         (cachedb_redis:redis_topology_refreshes)",
        &[], &[("redis_topology_refreshes", &[])]),
];
