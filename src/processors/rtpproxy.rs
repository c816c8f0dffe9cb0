//! The module `rtpproxy`: the RTP proxies of its sets (OpenSIPS 1.11 to 4.0,
//! `modules/rtpproxy/rtpproxy.c`).
//!
//! 4.0 knows the command by its new name only.

use super::Processor;
use super::state::{Reading, States, Step, listing, metric, records, step, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "rtpproxy",
    listings: &[listing(&["rtpproxy_show", "rtpproxy:show"], ATTRIBUTES, &[records(PATH, &[
        up_and_state!("opensips_rtpproxy_node", "an RTP proxy", "is in use", "rtpproxy_show",
            &["disabled"], STATES),
        metric("opensips_rtpproxy_node_weight",
            "The weight of an RTP proxy in its set (rtpproxy_show)", Reading::Number(&["weight"])),
    ])])],
    ..Processor::NONE
};

pub(super) const ATTRIBUTES: &[&str] = &["index", "disabled", "weight", "recheck_ticks"];

pub(super) const PATH: &[Step] = &[
    step(&["Set"], &[("set", &["Set"])]),
    step(&["node", "Nodes"], &[("node", &["node", "url"])]),
];

pub(super) const STATES: States = &[("0", "enabled", true), ("1", "disabled", false)];
