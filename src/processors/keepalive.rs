//! The module `keepalive`: the destinations that it probes (Kamailio 5.6 and 6.1,
//! `src/modules/keepalive/api.h`). One alone is not in a list.

use super::Processor;
use super::state::{States, listing, optional, records, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "keepalive",
    listings: &[listing(&["keepalive.list"], &[], &[records(
        &[optional(&[], &[("uri", &["uri"]), ("owner", &["owner"])])],
        &[up_and_state!("opensips_keepalive_destination", "a destination", "answers",
            "keepalive.list", &["state"], STATES)],
    )])],
    ..Processor::NONE
};

const STATES: States = &[("0", "unknown", false), ("1", "up", true), ("2", "down", false)];
