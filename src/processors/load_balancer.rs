//! The module `load_balancer`: its destinations and their resources (OpenSIPS 1.11 to 4.0,
//! `modules/load_balancer/load_balancer.c`).

use super::Processor;
use super::state::{Reading, Step, listing, metric, optional, records, step, up_and_state};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "load_balancer",
    listings: &[listing(
        &["lb_list", "load_balancer:list"],
        &["id", "group", "enabled", "auto-re", "auto-reenable", "max", "load"],
        &[
            records(&[DESTINATIONS], &[
                up_and_state!("opensips_load_balancer_destination", "a destination", "is enabled",
                    "lb_list", &["enabled"],
                    &[("yes", "enabled", true), ("no", "disabled", false)]),
            ]),
            records(
                &[DESTINATIONS, step(&["Resources"], &[]),
                    optional(&["Resource"], &[("resource", &["Resource", "name"])])],
                &[
                    metric("opensips_load_balancer_resource_load",
                        "Calls that use a resource of a destination now (lb_list)",
                        Reading::Number(&["load"])),
                    metric("opensips_load_balancer_resource_max",
                        "Limit of calls that use a resource of a destination (lb_list)",
                        Reading::Number(&["max"])),
                ],
            ),
        ],
    )],
    ..Processor::NONE
};

const DESTINATIONS: Step = step(
    &["Destination", "Destinations"],
    &[("id", &["id"]), ("uri", &["Destination", "uri"]), ("group", &["group"])],
);
