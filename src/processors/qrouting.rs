//! The module `qrouting`: how well the gateways of each rule do (OpenSIPS 3.1 to 4.0,
//! `modules/qrouting/qr_mi.c`, not seen on a running server). What has too few samples is absent.
//!
//! The reply grows with the rules and their gateways, so it is read only where the operator asks
//! for it.

use super::Processor;
use super::state::{Reading, listing, metric, optional, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "qrouting",
    is_on_by_default: false,
    listings: &[listing(&["qr_status", "qrouting:status"], &[], &[records(
        &[step(&["Partitions"], &[("partition", &["Name"])]), step(&["Rules"], &[("rule", &["Id"])]),
            step(&["Destinations"], &[]), step(&["Gateway", "Carrier"], &[("carrier", &["CRID"])]),
            optional(&["Gateways"], &[("gateway", &["GWID"])])],
        &[
            metric("opensips_qrouting_answer_seizure_ratio",
                "Share of the calls to a gateway that were answered (qr_status)",
                Reading::Average(&["ASR"])),
            metric("opensips_qrouting_call_completion_ratio",
                "Share of the calls to a gateway that ended with 2xx to 4xx (qr_status)",
                Reading::Average(&["CCR"])),
            metric("opensips_qrouting_post_dial_delay_seconds",
                "Average time until a gateway rings (qr_status)", Reading::Milliseconds(&["PDD"])),
            metric("opensips_qrouting_setup_seconds",
                "Average time until a gateway answers (qr_status)",
                Reading::Milliseconds(&["AST"])),
            metric("opensips_qrouting_call_duration_seconds",
                "Average duration of the calls to a gateway (qr_status)",
                Reading::Average(&["ACD"])),
        ],
    )])],
    ..Processor::NONE
};
