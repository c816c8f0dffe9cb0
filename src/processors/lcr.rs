//! The module `lcr`: its gateways (Kamailio 5.6 and 6.1, `src/modules/lcr/lcr_mod.h`).
//!
//! The state of one that failed, and not yet as often as it may, is above 2 by how often it may
//! still fail: up to 11 for a ping_inactivate_threshold of 10. Only an inactive one is left out.

use super::Processor;
use super::state::{Reading, States, listing, metric, records, step, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "lcr",
    listings: &[listing(&["lcr.dump_gws"], &[], &[records(
        &[step(&["gw"], &[("lcr", &["lcr_id"]), ("gateway", &["gw_name"]),
            ("address", &["{scheme}{ip_addr}:{port}"])])],
        &[
            up_and_state!("opensips_lcr_gateway", "a gateway", "is in use, defunct or not",
                "lcr.dump_gws", &["state"], STATES),
            metric("opensips_lcr_gateway_defunct_until_timestamp_seconds",
                "Until when nothing is sent to a gateway, in seconds since 1970 (lcr.dump_gws)",
                Reading::Number(&["defunct_until"])),
        ],
    )])],
    ..Processor::NONE
};

#[rustfmt::skip]
const STATES: States = &[
    ("0", "active", true), ("1", "pinging", true), ("2", "inactive", false),
    ("3", "failing", true), ("4", "failing", true), ("5", "failing", true),
    ("6", "failing", true), ("7", "failing", true), ("8", "failing", true),
    ("9", "failing", true), ("10", "failing", true), ("11", "failing", true),
];
