//! The module `rtpengine`: the RTP engines of its sets, in a reply like that of `rtpproxy` (OpenSIPS 2.4 to 4.0,
//! `modules/rtpengine/rtpengine.c`).

use super::Processor;
use super::rtpproxy::{ATTRIBUTES, LABELS, PATH, STATES};
use super::state::{Listing, Parts, Reading, Records, metric, state, up};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "rtpengine",
    listings: &[Listing {
        command: Command {
            names: &["rtpengine_show", "rtpengine:show"],
            attributes: ATTRIBUTES,
        },
        parts: Parts::Whole,
        records: &[Records {
            path: PATH,
            metrics: &[
                up(
                    "opensips_rtpengine_node_up",
                    "Whether an RTP engine is in use (rtpengine_show)",
                    LABELS,
                    &["disabled"],
                    STATES,
                ),
                state(
                    "opensips_rtpengine_node_state",
                    "The state of an RTP engine, 1 for the one that it is in (rtpengine_show)",
                    LABELS,
                    &["disabled"],
                    STATES,
                ),
                metric(
                    "opensips_rtpengine_node_weight",
                    "The weight of an RTP engine in its set (rtpengine_show)",
                    LABELS,
                    Reading::Number(&["weight"]),
                ),
            ],
        }],
    }],
    ..Processor::NONE
};
