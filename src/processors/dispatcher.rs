//! The module `dispatcher`: the destinations of its sets (OpenSIPS 1.11 to 4.0, `modules/dispatcher/dispatch.c`, and
//! Kamailio 5.6, `src/modules/dispatcher/dispatcher.c`).
//!
//! OpenSIPS 1.11 and Kamailio have no partitions. A destination that OpenSIPS probes is one that failed: nothing is
//! sent to it. Kamailio says by a second letter whether a destination is probed, or never is (N), whatever its
//! state, and still uses one that it is trying.

use super::Processor;
use super::state::{Labels, Listing, Parts, Records, Source, States, Step, count, state, up};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "dispatcher",
    listings: &[
        Listing {
            command: Command {
                names: &["ds_list", "dispatcher:list"],
                attributes: &["state", "first_hit_counter"],
            },
            parts: Parts::Listed {
                parameter: "partition",
                least: 2,
                command: Command {
                    names: &["sr_list_status", "status_report:status"],
                    attributes: &[],
                },
                given: Some(("group", "dispatcher")),
                nodes: &[],
                field: &["Name"],
            },
            records: &[Records {
                path: &[
                    Step::Perhaps(&["PARTITION", "PARTITIONS"]),
                    Step::To(&["SET", "SETS"]),
                    Step::To(&["URI", "Destinations"]),
                ],
                metrics: &[
                    up(
                        "opensips_dispatcher_destination_up",
                        UP,
                        LABELS,
                        &["state"],
                        STATES,
                    ),
                    state(
                        "opensips_dispatcher_destination_state",
                        STATE,
                        LABELS,
                        &["state"],
                        STATES,
                    ),
                    count(
                        "opensips_dispatcher_destination_hits_total",
                        "Requests for which a destination was the first choice, since its set was loaded (ds_list)",
                        LABELS,
                        &["first_hit_counter"],
                    ),
                ],
            }],
        },
        Listing {
            command: Command {
                names: &["dispatcher.list"],
                attributes: &[],
            },
            parts: Parts::Whole,
            records: &[Records {
                path: &[
                    Step::To(&["RECORDS"]),
                    Step::To(&["SET"]),
                    Step::To(&["TARGETS"]),
                    Step::To(&["DEST"]),
                ],
                metrics: &[
                    up(
                        "opensips_dispatcher_destination_up",
                        UP,
                        LABELS_OF_KAMAILIO,
                        &["FLAGS"],
                        STATES_OF_KAMAILIO,
                    ),
                    state(
                        "opensips_dispatcher_destination_state",
                        STATE,
                        LABELS_OF_KAMAILIO,
                        &["FLAGS"],
                        STATES_OF_KAMAILIO,
                    ),
                ],
            }],
        },
    ],
    ..Processor::NONE
};

const UP: &str = "Whether a destination is in use (ds_list)";
const STATE: &str = "The state of a destination, 1 for the one that it is in (ds_list)";

const LABELS: Labels = &[
    ("partition", Source::Field(0, &["PARTITION", "name"])),
    ("set", Source::Field(1, &["SET", "id"])),
    ("uri", Source::Field(2, &["URI"])),
    ("socket", Source::Field(2, &["socket"])),
];

const STATES: States = &[
    ("Active", "active", true),
    ("Inactive", "inactive", false),
    ("Probing", "probing", false),
];

const LABELS_OF_KAMAILIO: Labels = &[
    ("partition", Source::Part),
    ("set", Source::Field(1, &["ID"])),
    ("uri", Source::Field(3, &["URI"])),
    ("socket", Source::Field(3, &["ATTRS/SOCKET"])),
];

const STATES_OF_KAMAILIO: States = &[
    ("AP", "active", true),
    ("AX", "active", true),
    ("AN", "active", true),
    ("TP", "trying", true),
    ("TX", "trying", true),
    ("TN", "trying", true),
    ("IP", "inactive", false),
    ("IX", "inactive", false),
    ("IN", "inactive", false),
    ("DP", "disabled", false),
    ("DX", "disabled", false),
    ("DN", "disabled", false),
];
