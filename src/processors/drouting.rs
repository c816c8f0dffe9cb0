//! The module `drouting`: its gateways and carriers (OpenSIPS 1.11 to 4.0,
//! `modules/drouting/drouting.c`).
//!
//! With `use_partitions` the commands are refused without the name of a partition. A gateway that
//! is probed is one that failed: nothing is sent to it. 1.11 only says whether a gateway is
//! enabled.

use super::Processor;
use super::state::{Listing, Names, Parts, Records, States, listing, records, step, up_and_state};
use crate::mi::Command;

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "drouting",
    listings: &[
        Listing {
            parts: PARTITIONS,
            ..listing(
                &["dr_gw_status", "drouting:gw_status"],
                &["IP", "State", "Enabled"],
                &[Records {
                    part: Some("partition"),
                    ..records(
                        &[step(&["ID", "Gateways"],
                            &[("gateway", &["ID"]), ("address", &["IP"])])],
                        &[up_and_state!("opensips_drouting_gateway", "a gateway", "is in use",
                            "dr_gw_status", &["State", "Enabled"], STATES_OF_GATEWAY)],
                    )
                }],
            )
        },
        Listing {
            parts: PARTITIONS,
            ..listing(
                &["dr_carrier_status", "drouting:carrier_status"],
                &["Enabled"],
                &[Records {
                    part: Some("partition"),
                    ..records(
                        &[step(&["ID", "Carriers"], &[("carrier", &["ID"])])],
                        &[up_and_state!("opensips_drouting_carrier", "a carrier", "is enabled",
                            "dr_carrier_status", &["Enabled"],
                            &[("yes", "enabled", true), ("no", "disabled", false)])],
                    )
                }],
            )
        },
    ],
    ..Processor::NONE
};

const PARTITIONS: Parts = Parts::Listed {
    parameter: "partition_name",
    least: 1,
    without: &[],
    command: Command { names: RELOAD_STATUS, attributes: &["Date"] },
    given: None,
    nodes: PARTITION,
    field: PARTITION_NAME,
};

const RELOAD_STATUS: Names = &["dr_reload_status", "drouting:reload_status"];
const PARTITION: Names = &["Partition", "Partitions"];
const PARTITION_NAME: Names = &["name", "Partition"];

const STATES_OF_GATEWAY: States = &[
    ("Active", "active", true),
    ("yes", "active", true),
    ("Inactive", "inactive", false),
    ("no", "inactive", false),
    ("Probing", "probing", false),
    ("Disabled MI", "disabled", false),
];
