//! The module `drouting`: its gateways and carriers (OpenSIPS 1.11 to 4.0, `modules/drouting/drouting.c`).
//!
//! With `use_partitions` the commands are refused without the name of a partition. A gateway that is probed is
//! one that failed: nothing is sent to it. 1.11 only says whether a gateway is enabled.

use super::Processor;
use super::state::{Labels, Listing, Parts, Records, Source, States, Step, state, up};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "drouting",
    listings: &[
        Listing {
            command: Command {
                names: &["dr_gw_status", "drouting:gw_status"],
                attributes: &["IP", "State", "Enabled"],
            },
            parts: PARTITIONS,
            records: &[Records {
                path: &[Step::To(&["ID", "Gateways"])],
                metrics: &[
                    up(
                        "opensips_drouting_gateway_up",
                        "Whether a gateway is in use (dr_gw_status)",
                        LABELS_OF_GATEWAY,
                        &["State", "Enabled"],
                        STATES_OF_GATEWAY,
                    ),
                    state(
                        "opensips_drouting_gateway_state",
                        "The state of a gateway, 1 for the one that it is in (dr_gw_status)",
                        LABELS_OF_GATEWAY,
                        &["State", "Enabled"],
                        STATES_OF_GATEWAY,
                    ),
                ],
            }],
        },
        Listing {
            command: Command {
                names: &["dr_carrier_status", "drouting:carrier_status"],
                attributes: &["Enabled"],
            },
            parts: PARTITIONS,
            records: &[Records {
                path: &[Step::To(&["ID", "Carriers"])],
                metrics: &[
                    up(
                        "opensips_drouting_carrier_up",
                        "Whether a carrier is enabled (dr_carrier_status)",
                        LABELS_OF_CARRIER,
                        &["Enabled"],
                        STATES_OF_CARRIER,
                    ),
                    state(
                        "opensips_drouting_carrier_state",
                        "The state of a carrier, 1 for the one that it is in (dr_carrier_status)",
                        LABELS_OF_CARRIER,
                        &["Enabled"],
                        STATES_OF_CARRIER,
                    ),
                ],
            }],
        },
    ],
    ..Processor::NONE
};

const PARTITIONS: Parts = Parts::Listed {
    parameter: "partition_name",
    least: 1,
    command: Command {
        names: &["dr_reload_status", "drouting:reload_status"],
        attributes: &["Date"],
    },
    given: None,
    nodes: &["Partition", "Partitions"],
    field: &["name", "Partition"],
};

const LABELS_OF_GATEWAY: Labels = &[
    ("partition", Source::Part),
    ("gateway", Source::Field(0, &["ID"])),
    ("address", Source::Field(0, &["IP"])),
];

const STATES_OF_GATEWAY: States = &[
    ("Active", "active", true),
    ("yes", "active", true),
    ("Inactive", "inactive", false),
    ("no", "inactive", false),
    ("Probing", "probing", false),
    ("Disabled MI", "disabled", false),
];

const LABELS_OF_CARRIER: Labels = &[
    ("partition", Source::Part),
    ("carrier", Source::Field(0, &["ID"])),
];

const STATES_OF_CARRIER: States = &[("yes", "enabled", true), ("no", "disabled", false)];
