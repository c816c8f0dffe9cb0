//! The module `dispatcher`: the destinations of its sets (OpenSIPS 1.11 to 4.0,
//! `modules/dispatcher/dispatch.c`, and Kamailio 5.6, `src/modules/dispatcher/dispatcher.c`).
//!
//! OpenSIPS 1.11 and Kamailio have no partitions. A destination that OpenSIPS probes is one that
//! failed: nothing is sent to it. Kamailio says by a second letter whether a destination is probed,
//! or never is (N), whatever its state, and still uses one that it is trying.

use super::Processor;
use super::state::{
    Listing, Parts, Records, States, count, listing, optional, records, step, up_and_state,
};
use crate::mi::Command;

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "dispatcher",
    listings: &[
        Listing {
            parts: PARTITIONS,
            ..listing(
                &["ds_list", "dispatcher:list"],
                &["state", "first_hit_counter"],
                &[records(
                    &[optional(&["PARTITION", "PARTITIONS"],
                            &[("partition", &["PARTITION", "name"])]),
                        step(&["SET", "SETS"], &[("set", &["SET", "id"])]),
                        step(&["URI", "Destinations"],
                            &[("uri", &["URI"]), ("socket", &["socket"])])],
                    &[
                        up_and_state!("opensips_dispatcher_destination", "a destination",
                            "is in use", "ds_list", &["state"], STATES),
                        count("opensips_dispatcher_destination_hits_total",
                            "Requests for which a destination was the first choice, since its \
                             set was loaded (ds_list)",
                            &["first_hit_counter"]),
                    ],
                )],
            )
        },
        listing(&["dispatcher.list"], &[], &[Records {
            part: Some("partition"),
            ..records(
                &[step(&["RECORDS"], &[]), step(&["SET"], &[("set", &["ID"])]),
                    step(&["TARGETS"], &[]),
                    step(&["DEST"], &[("uri", &["URI"]), ("socket", &["ATTRS/SOCKET"])])],
                &[up_and_state!("opensips_dispatcher_destination", "a destination", "is in use",
                    "ds_list", &["FLAGS"], STATES_OF_KAMAILIO)],
            )
        }]),
    ],
    ..Processor::NONE
};

const PARTITIONS: Parts = Parts::Listed {
    parameter: "partition",
    least: 2,
    command: Command { names: &["sr_list_status", "status_report:status"], attributes: &[] },
    given: Some(("group", "dispatcher")),
    nodes: &[],
    field: &["Name"],
};

const STATES: States =
    &[("Active", "active", true), ("Inactive", "inactive", false), ("Probing", "probing", false)];

#[rustfmt::skip]
const STATES_OF_KAMAILIO: States = &[
    ("AP", "active", true), ("AX", "active", true), ("AN", "active", true),
    ("TP", "trying", true), ("TX", "trying", true), ("TN", "trying", true),
    ("IP", "inactive", false), ("IX", "inactive", false), ("IN", "inactive", false),
    ("DP", "disabled", false), ("DX", "disabled", false), ("DN", "disabled", false),
];
