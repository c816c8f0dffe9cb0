//! The group `nat_traversal`: endpoints behind NAT that are kept alive (OpenSIPS 1.11 to 4.0,
//! `modules/nat_traversal/nat_traversal.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "nat_traversal", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_nat_traversal_keepalive_endpoints",
        "Endpoints that are kept alive now (nat_traversal:keepalive_endpoints)",
        &[], &[("keepalive_endpoints", &[])]),
    gauge("opensips_nat_traversal_registered_endpoints",
        "Endpoints that are kept alive and registered now (nat_traversal:registered_endpoints)",
        &[], &[("registered_endpoints", &[])]),
    gauge("opensips_nat_traversal_subscribed_endpoints",
        "Endpoints that are kept alive and subscribed now (nat_traversal:subscribed_endpoints)",
        &[], &[("subscribed_endpoints", &[])]),
    gauge("opensips_nat_traversal_dialog_endpoints",
        "Dialog entries that endpoints are kept alive for now (nat_traversal:dialog_endpoints)",
        &[], &[("dialog_endpoints", &[])]),
];
