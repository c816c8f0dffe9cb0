//! The status reports of the core and the modules (OpenSIPS 3.3 to 4.0, `status_report.c`).

use super::Processor;
use super::state::{Reading, listing, metric, records, step, up_and_state_of};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "status_report",
    listings: &[listing(&["sr_list_status", "status_report:status"], &[], &[records(
        &[step(&[], &[("group", &["Name"])]),
            step(&["Identifiers"], &[("identifier", &["Name"])])],
        &[
            up_and_state_of(
                ["opensips_status_report_identifier_up",
                    "opensips_status_report_identifier_state"],
                ["Whether what an identifier stands for is ready (sr_list_status)",
                    "The readiness of an identifier, 1 for the one that it has (sr_list_status)"],
                &["Readiness"], &[("true", "ready", true), ("false", "not_ready", false)]),
            metric("opensips_status_report_identifier_status",
                "The status of an identifier: -2 no data, -1 not ready, 1 ready, 2 reloading, \
                 others as the module says; above 0 is ready (sr_list_status)",
                Reading::Number(&["Status"])),
        ],
    )])],
    ..Processor::NONE
};
