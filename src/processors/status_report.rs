//! The status reports of the core and the modules (OpenSIPS 3.3 to 4.0, `status_report.c`).
//!
//! Those of 4.0 hold one for each registration that `uac_registrant` keeps, which has metrics of
//! its own.

use super::Processor;
use super::state::{
    Listing, Metric, Names, Parts, Reading, Records, listing, metric, records, step,
    up_and_state_of,
};
use crate::mi::Command;

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "status_report",
    listings: &[Listing {
        parts: GROUPS,
        ..listing(&["sr_list_status", "status_report:status"], &[], &[
            Records {
                without: ("group", REGISTRATIONS),
                ..records(
                    &[step(&[], &[("group", &["Name"])]),
                        step(&["Identifiers"], &[("identifier", &["Name"])])],
                    METRICS,
                )
            },
            // The reply to one group is its list of identifiers.
            Records {
                part: Some("group"),
                ..records(&[step(&[], &[("identifier", &["Name"])])], METRICS)
            },
        ])
    }],
    ..Processor::NONE
};

const REGISTRATIONS: Names = &["uac_registrant"];

const GROUPS: Parts = Parts::Listed {
    parameter: "group",
    least: usize::MAX,
    without: REGISTRATIONS,
    command: Command {
        names: &["sr_list_identifiers", "status_report:identifiers"],
        attributes: &[],
    },
    given: None,
    nodes: &[],
    field: &["Group"],
};

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    up_and_state_of(
        ["opensips_status_report_identifier_up", "opensips_status_report_identifier_state"],
        ["Whether what an identifier stands for is ready (sr_list_status)",
            "The readiness of an identifier, 1 for the current one (sr_list_status)"],
        &["Readiness"], &[("true", "ready", true), ("false", "not_ready", false)]),
    metric("opensips_status_report_identifier_status",
        "The status of an identifier: -2 no data, -1 not ready, 1 ready, 2 reloading, others as \
         the module says; above 0 is ready (sr_list_status)",
        Reading::Number(&["Status"])),
];
