//! The group `cachedb_redis`: queries of Redis (OpenSIPS 4.0,
//! `modules/cachedb_redis/cachedb_redis.c`), and by its command the nodes
//! (`modules/cachedb_redis/cachedb_redis_mi.c`, not seen on a running server). Each process has
//! connections and counts of its own, of which these are those of the process for MI.
//!
//! The URL of a group holds a password: it is not read.

use super::state::{Listing, Reading, listing, metric, records, step};
use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "cachedb_redis", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

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

#[rustfmt::skip]
const LISTINGS: &[Listing] = &[Listing {
    nothing: Some("No redis connections"),
    ..listing(
        &["redis_cluster_info", "cachedb_redis:cluster_info"],
        &[],
        &[records(
            &[step(&[], &[("group", &["group"])]),
                step(&["nodes"], &[("node", &["{ip}:{port}", "socket_path"])])],
            &[
                metric("opensips_cachedb_redis_node_connected",
                    "Whether the process that answers is connected to a Redis node; it may connect \
                     only when it has a query (redis_cluster_info)",
                    Reading::Flag(&["status"], &["connected"])),
            ],
        )],
    )
}];
