//! The calls that wait in the queue of `call_center` (OpenSIPS 1.11 to 4.0,
//! `modules/call_center/call_center.c`; a queue with calls was not captured).
//!
//! The reply grows with the waiting calls, so it is read only where the operator asks for it.

use super::Processor;
use super::state::{Reading, listing, metric, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "call_center_queue",
    is_on_by_default: false,
    listings: &[listing(
        &["cc_list_queue", "call_center:list_queue"],
        &["Waiting for", "ETW", "Priority", "Skill"],
        &[records(&[step(&["Call", "Calls"], &[("flow", &["Flow", "Flow/Flow"])])], &[
            metric("opensips_call_center_queue_calls",
                "Calls of a flow that wait in the queue now (cc_list_queue)", Reading::Count),
            metric("opensips_call_center_queue_longest_wait_seconds",
                "Time that the longest of the waiting calls of a flow has waited (cc_list_queue)",
                Reading::Number(&["Waiting for"])),
        ])],
    )],
    ..Processor::NONE
};
