//! The module `rtpproxy`: the RTP proxies of its sets (OpenSIPS 1.11 to 4.0, `modules/rtpproxy/rtpproxy.c`).
//!
//! 4.0 knows the command by its new name only.

use super::Processor;
use super::state::{
    Labels, Listing, Parts, Reading, Records, Source, States, Step, metric, state, up,
};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "rtpproxy",
    listings: &[Listing {
        command: Command {
            names: &["rtpproxy_show", "rtpproxy:show"],
            attributes: ATTRIBUTES,
        },
        parts: Parts::Whole,
        records: &[Records {
            path: PATH,
            metrics: &[
                up(
                    "opensips_rtpproxy_node_up",
                    "Whether an RTP proxy is in use (rtpproxy_show)",
                    LABELS,
                    &["disabled"],
                    STATES,
                ),
                state(
                    "opensips_rtpproxy_node_state",
                    "The state of an RTP proxy, 1 for the one that it is in (rtpproxy_show)",
                    LABELS,
                    &["disabled"],
                    STATES,
                ),
                metric(
                    "opensips_rtpproxy_node_weight",
                    "The weight of an RTP proxy in its set (rtpproxy_show)",
                    LABELS,
                    Reading::Number(&["weight"]),
                ),
            ],
        }],
    }],
    ..Processor::NONE
};

pub(super) const ATTRIBUTES: &[&str] = &["index", "disabled", "weight", "recheck_ticks"];

pub(super) const PATH: &[Step] = &[Step::To(&["Set"]), Step::To(&["node", "Nodes"])];

pub(super) const LABELS: Labels = &[
    ("set", Source::Field(0, &["Set"])),
    ("node", Source::Field(1, &["node", "url"])),
];

pub(super) const STATES: States = &[("0", "enabled", true), ("1", "disabled", false)];
