//! The module `rtp_relay`: the calls whose media it relays (OpenSIPS 3.2 to 4.0,
//! `modules/rtp_relay/rtp_relay_ctx.c`; a reply with calls was not captured).
//!
//! The reply grows with the calls, so it is read only where the operator asks for it.

use super::Processor;
use super::state::{Reading, listing, metric, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "rtp_relay",
    is_on_by_default: false,
    listings: &[listing(&["rtp_relay_list", "rtp_relay:list"], &[], &[records(&[], &[
        metric("opensips_rtp_relay_calls", "Calls whose media are relayed now (rtp_relay_list)",
            Reading::CountOf(&[])),
    ])])],
    ..Processor::NONE
};
