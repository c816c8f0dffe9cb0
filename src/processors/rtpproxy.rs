//! The module `rtpproxy`: the RTP proxies of its sets (OpenSIPS 1.11 to 4.0,
//! `modules/rtpproxy/rtpproxy.c`; Kamailio 5.6 and 6.1, `src/modules/rtpproxy/rtpproxy.c`).
//!
//! 4.0 knows the command by its new name only. Kamailio lists the proxies of all sets as one.

use super::Processor;
use super::state::{
    Names, Reading, States, Step, listing, metric, optional, records, step, up_and_state,
};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "rtpproxy",
    listings: &[listing(COMMANDS, ATTRIBUTES, &[records(PATH, &[
        up_and_state!("opensips_rtpproxy_node", "an RTP proxy", "is in use", "rtpproxy_show",
            &["disabled"], STATES),
        metric("opensips_rtpproxy_node_weight",
            "The weight of an RTP proxy in its set (rtpproxy_show)", Reading::Number(&["weight"])),
        metric("opensips_rtpproxy_node_enabled",
            "Whether an RTP proxy is enabled; 0 after a command disabled it (rtpproxy_show)",
            ENABLED),
    ])])],
    ..Processor::NONE
};

const COMMANDS: Names = &["rtpproxy_show", "rtpproxy:show", "rtpproxy.list"];

pub(super) const ATTRIBUTES: &[&str] = &["index", "disabled", "weight", "recheck_ticks"];

pub(super) const PATH: &[Step] = &[
    step(&["Set"], &[("set", &["Set", "set", "setid"])]),
    optional(&["node", "Nodes"], &[("node", &["node", "url"])]),
];

/// What is disabled by a command is never tried again (`MI_MAX_RECHECK_TICKS` in `rtpproxy.h`): in
/// Kamailio that is -1 there, and N/A in `rtpengine` (seen on 5.6).
pub(super) const ENABLED: Reading =
    Reading::NoFlag(&["recheck_ticks", "recheck"], &["4294967295", "-1", "N/A"]);

pub(super) const STATES: States = &[("0", "enabled", true), ("1", "disabled", false)];
