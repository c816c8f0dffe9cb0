//! The module `pipelimit`: what its pipes let through (Kamailio 5.6 and 6.1,
//! `src/modules/pipelimit/pipelimit.c`).

use super::Processor;
use super::ratelimit::MOST_PIPES;
use super::state::{Reading, Records, listing, metric, optional, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "pipelimit",
    listings: &[listing(&["pl.list"], &[], &[
        records(&[optional(&[], &[])], &[
            metric("opensips_pipelimit_pipes",
                "Pipes now; only up to 100 have series of their own (pl.list)",
                Reading::CountWith(&["name"])),
        ]),
        Records {
            most: Some(MOST_PIPES),
            ..records(
                &[optional(&[], &[("pipe", &["name"]), ("algorithm", &["algorithm"])])],
                &[
                    metric("opensips_pipelimit_limit",
                        "Requests that a pipe lets through in a second; with FEEDBACK and NETWORK \
                         another number (pl.list)",
                        Reading::Number(&["limit"])),
                    metric("opensips_pipelimit_requests",
                        "Requests to a pipe in this interval, which is of 10 s by default \
                         (pl.list)",
                        Reading::Number(&["counter"])),
                    metric("opensips_pipelimit_last_requests",
                        "Requests to a pipe in the last interval (pl.list)",
                        Reading::Number(&["last_counter"])),
                ],
            )
        },
    ])],
    ..Processor::NONE
};
