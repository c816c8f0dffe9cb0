//! The module `dispatcher`: the destinations of its sets (OpenSIPS 1.11 to 4.0,
//! `modules/dispatcher/dispatch.c`, and Kamailio 5.6 and 6.1,
//! `src/modules/dispatcher/dispatcher.c`).
//!
//! OpenSIPS 1.11 and Kamailio have no partitions. A destination that OpenSIPS probes is one that
//! failed: nothing is sent to it. One that is inactive was loaded or made so. Kamailio says by a
//! second letter whether a destination is probed, or never is (N), whatever its state, and still
//! uses one that it is trying. A list of more than some 200 destinations fits into its reply only
//! without their attributes.

use super::Processor;
use super::state::{
    Listing, Metric, Names, Parts, Reading, States, count, listing, metric, optional, records,
    step, up_and_state,
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
        Listing {
            parts: Parts::OrLess("short"),
            nothing: Some("No Destination Sets"),
            ..listing(&["dispatcher.list"], &[], &[records(
                &[step(&["RECORDS"], &[]), step(&["SET"], &[("set", &["ID"])]),
                    step(&["TARGETS"], &[]),
                    step(&["DEST"], &[("uri", &["URI"]), ("socket", &["ATTRS/SOCKET"]),
                        ("duid", &["ATTRS/DUID"])])],
                &[
                    up_and_state!("opensips_dispatcher_destination", "a destination",
                        "is in use", "ds_list", &["FLAGS"], STATES_OF_KAMAILIO),
                    metric("opensips_dispatcher_destination_priority",
                        "The priority of a destination in its set (dispatcher.list)",
                        Reading::Number(&["PRIORITY"])),
                    metric("opensips_dispatcher_destination_weight",
                        "The weight of a destination in its set (dispatcher.list)",
                        Reading::Number(&["ATTRS/WEIGHT"])),
                    metric("opensips_dispatcher_destination_dialogs",
                        "Dialogs that a destination has now, where the algorithm counts them \
                         (dispatcher.list)",
                        Reading::Number(&["RUNTIME/DLGLOAD"])),
                    latency("average", &["LATENCY/AVG"]),
                    latency("deviation", &["LATENCY/STD"]),
                    latency("estimate", &["LATENCY/EST"]),
                    latency("max", &["LATENCY/MAX"]),
                    count("opensips_dispatcher_destination_timeouts_total",
                        "Pings that a destination did not answer, since its set was loaded \
                         (dispatcher.list)",
                        &["LATENCY/TIMEOUT"]),
                ],
            )])
        },
    ],
    ..Processor::NONE
};

const fn latency(statistic: &'static str, field: Names) -> Metric {
    let help = "How long a destination takes to answer pings, where ds_ping_latency_stats is set \
                (dispatcher.list)";
    let reading = Reading::Milliseconds(field);
    Metric {
        fixed: Some(("statistic", statistic)),
        ..metric("opensips_dispatcher_destination_latency_seconds", help, reading)
    }
}

const PARTITIONS: Parts = Parts::Listed {
    parameter: "partition",
    least: 2,
    without: &[],
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
    ("IP", "probing", false), ("IX", "inactive", false), ("IN", "inactive", false),
    ("DP", "disabled", false), ("DX", "disabled", false), ("DN", "disabled", false),
];
