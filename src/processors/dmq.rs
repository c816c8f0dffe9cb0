//! The module `dmq`: the nodes that Kamailio replicates with, itself among them (5.6 and 6.1,
//! `src/modules/dmq/dmqnode.c`).

use super::Processor;
use super::state::{Reading, States, listing, metric, optional, records, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "dmq",
    listings: &[listing(&["dmq.list_nodes"], &[], &[records(
        &[optional(&[], &[("node", &["{host}:{port}"]), ("protocol", &["proto"])])],
        &[
            up_and_state!("opensips_dmq_node", "a node", "is active", "dmq.list_nodes",
                &["status"], STATES),
            metric("opensips_dmq_node_failures",
                "Notifications in a row that a node did not answer; Kamailio 6.0 and later \
                 (dmq.list_nodes)",
                Reading::Number(&["fail_count"])),
        ],
    )])],
    ..Processor::NONE
};

/// Some are of one version alone.
#[rustfmt::skip]
const STATES: States = &[
    ("active", "active", true), ("pending", "pending", false), ("timeout", "timeout", false),
    ("not_active", "not_active", false), ("disabled", "disabled", false),
];
