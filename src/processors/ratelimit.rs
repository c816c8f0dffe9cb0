//! The module `ratelimit`: its pipes (OpenSIPS 1.11 to 4.0, `modules/ratelimit/ratelimit.c`).
//!
//! No server tells how many requests a pipe refused. The `drop_rate` of the reply is one number for
//! all pipes, which only two of the algorithms set.

use super::Processor;
use super::state::{Reading, listing, metric, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "ratelimit",
    listings: &[listing(
        &["rl_list", "ratelimit:list"],
        &["id", "algorithm", "limit", "counter", "drop_rate"],
        &[records(
            &[step(&["PIPE", "Pipes"], &[("pipe", &["id"]), ("algorithm", &["algorithm"])])],
            &[
                metric("opensips_ratelimit_limit",
                    "Requests that a pipe lets through in an interval (rl_list)",
                    Reading::Number(&["limit"])),
                metric("opensips_ratelimit_requests",
                    "Requests to a pipe in this interval (rl_list)",
                    Reading::Number(&["counter"])),
            ],
        )],
    )],
    ..Processor::NONE
};
