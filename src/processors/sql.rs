//! The group `sql`: SQL queries (OpenSIPS 3.0 to 4.0, `db/db.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "sql", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_sql_queries_total",
        "SQL queries (sql:sql_total_queries)",
        &[], &[("sql_total_queries", &[])]),
    counter("opensips_sql_slow_queries_total",
        "SQL queries that took longer than the configured threshold; 0 if none is set \
         (sql:sql_slow_queries)",
        &[], &[("sql_slow_queries", &[])]),
];
