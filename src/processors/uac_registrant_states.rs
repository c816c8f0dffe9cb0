//! The states that the registrations of `uac_registrant` and `uac` are not in, on request: there
//! may be thousands of registrations.

use super::Processor;
use super::state::{listing, records};
use super::uac::OTHER_STATES_OF_KAMAILIO;
use super::uac_registrant::{COMMAND, RECORDS, STATES, other_states};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "uac_registrant_states",
    is_on_by_default: false,
    listings: &[
        listing(COMMAND, &["expires"], &[records(&[RECORDS], &[other_states(&["state"], STATES)])]),
        OTHER_STATES_OF_KAMAILIO,
    ],
    ..Processor::NONE
};
