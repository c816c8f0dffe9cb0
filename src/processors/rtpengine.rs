//! The module `rtpengine`: the RTP engines of its sets, in a reply like that of `rtpproxy`
//! (OpenSIPS 2.4 to 4.0, `modules/rtpengine/rtpengine.c`; Kamailio 5.6 and 6.1,
//! `src/modules/rtpengine/rtpengine.c`).
//!
//! One that does not answer is disabled, but since 6.0 of Kamailio it is enabled and not active.

use super::Processor;
use super::rtpproxy::{ATTRIBUTES, ENABLED, PATH, STATES};
use super::state::{
    Listing, Metric, Names, Parts, Reading, States, listing, metric, records, up_and_state,
};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "rtpengine",
    listings: &[
        listing(&["rtpengine_show", "rtpengine:show"], ATTRIBUTES,
            &[records(PATH, &[state(&["disabled"], STATES), WEIGHT, IS_ENABLED])]),
        Listing {
            parts: Parts::Given("all"),
            ..listing(&["rtpengine.show"], &[], &[records(PATH, &[
                state(&["{disabled} {active}", "disabled"], STATES_OF_KAMAILIO), WEIGHT,
                IS_ENABLED,
            ])])
        },
    ],
    ..Processor::NONE
};

const fn state(field: Names, states: States) -> Metric {
    up_and_state!(
        "opensips_rtpengine_node",
        "an RTP engine",
        "is in use",
        "rtpengine_show",
        field,
        states
    )
}

const WEIGHT: Metric = metric(
    "opensips_rtpengine_node_weight",
    "The weight of an RTP engine in its set (rtpengine_show)",
    Reading::Number(&["weight"]),
);

const IS_ENABLED: Metric = metric(
    "opensips_rtpengine_node_enabled",
    "Whether an RTP engine is enabled; 0 after a command disabled it (rtpengine_show)",
    ENABLED,
);

#[rustfmt::skip]
const STATES_OF_KAMAILIO: States = &[
    ("0", "enabled", true), ("1", "disabled", false), ("1(permanent)", "disabled", false),
    ("false true", "enabled", true), ("false false", "inactive", false),
    ("true true", "disabled", false), ("true false", "disabled", false),
];
