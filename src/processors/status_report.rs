//! The status reports of the core and the modules (OpenSIPS 3.3 to 4.0, `status_report.c`).

use super::Processor;
use super::state::{
    Labels, Listing, Parts, Reading, Records, Source, States, Step, metric, state, up,
};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "status_report",
    listings: &[Listing {
        command: Command {
            names: &["sr_list_status", "status_report:status"],
            attributes: &[],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[Step::To(&[]), Step::To(&["Identifiers"])],
            metrics: &[
                up(
                    "opensips_status_report_identifier_up",
                    "Whether what an identifier stands for is ready (sr_list_status)",
                    LABELS,
                    &["Readiness"],
                    STATES,
                ),
                state(
                    "opensips_status_report_identifier_state",
                    "The readiness of an identifier, 1 for the one that it has (sr_list_status)",
                    LABELS,
                    &["Readiness"],
                    STATES,
                ),
                metric(
                    "opensips_status_report_identifier_status",
                    "The status of an identifier: -2 no data, -1 not ready, 1 ready, 2 reloading, others as the module says; above 0 is ready (sr_list_status)",
                    LABELS,
                    Reading::Number(&["Status"]),
                ),
            ],
        }],
    }],
    ..Processor::NONE
};

const LABELS: Labels = &[
    ("group", Source::Field(0, &["Name"])),
    ("identifier", Source::Field(1, &["Name"])),
];

const STATES: States = &[("true", "ready", true), ("false", "not_ready", false)];
