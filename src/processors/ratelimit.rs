//! The module `ratelimit`: its pipes (OpenSIPS 1.11 to 4.0, `modules/ratelimit/ratelimit.c`).
//!
//! By default limits are those of a second, and requests those of the last `timer_interval`, which
//! the server does not tell: 10 seconds. No server tells how many requests a pipe refused. The
//! `drop_rate` of the reply is one number for all pipes, which only two of the algorithms set.

use super::Processor;
use super::state::{Reading, Records, listing, metric, records, step};

/// The most pipes that have a series each. The script can make one for each caller, and the server
/// forgets it only an hour later.
pub(super) const MOST_PIPES: usize = 100;

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "ratelimit",
    listings: &[listing(
        &["rl_list", "ratelimit:list"],
        &["id", "algorithm", "limit", "counter", "drop_rate"],
        &[
            records(&[step(&["PIPE", "Pipes"], &[])], &[
                metric("opensips_ratelimit_pipes",
                    "Pipes now; only up to 100 have series of their own (rl_list)",
                    Reading::CountWith(&["id"])),
            ]),
            Records {
                most: Some(MOST_PIPES),
                ..records(
                    &[step(&["PIPE", "Pipes"],
                        &[("pipe", &["id"]), ("algorithm", &["algorithm"])])],
                    &[
                        metric("opensips_ratelimit_limit",
                            "Requests that a pipe lets through in a second, or with SBT in its \
                             window; with FEEDBACK and NETWORK another number (rl_list)",
                            Reading::Number(&["limit"])),
                        metric("opensips_ratelimit_requests",
                            "Requests to a pipe in the last interval, which is of 10 s by \
                             default, or with SBT in its window (rl_list)",
                            Reading::Number(&["counter"])),
                    ],
                )
            },
        ],
    )],
    ..Processor::NONE
};
