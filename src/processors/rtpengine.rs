//! The module `rtpengine`: the RTP engines of its sets, in a reply like that of `rtpproxy`
//! (OpenSIPS 2.4 to 4.0, `modules/rtpengine/rtpengine.c`).

use super::Processor;
use super::rtpproxy::{ATTRIBUTES, PATH, STATES};
use super::state::{Reading, listing, metric, records, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "rtpengine",
    listings: &[listing(&["rtpengine_show", "rtpengine:show"], ATTRIBUTES, &[records(PATH, &[
        up_and_state!("opensips_rtpengine_node", "an RTP engine", "is in use", "rtpengine_show",
            &["disabled"], STATES),
        metric("opensips_rtpengine_node_weight",
            "The weight of an RTP engine in its set (rtpengine_show)",
            Reading::Number(&["weight"])),
    ])])],
    ..Processor::NONE
};
