//! The module `load_balancer`: its destinations and their resources (OpenSIPS 1.11 to 4.0,
//! `modules/load_balancer/load_balancer.c`).

use super::Processor;
use super::state::{
    Labels, Listing, Parts, Reading, Records, Source, States, Step, metric, state, up,
};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "load_balancer",
    listings: &[Listing {
        command: Command {
            names: &["lb_list", "load_balancer:list"],
            attributes: &[
                "id",
                "group",
                "enabled",
                "auto-re",
                "auto-reenable",
                "max",
                "load",
            ],
        },
        parts: Parts::Whole,
        records: &[
            Records {
                path: &[DESTINATIONS],
                metrics: &[
                    up(
                        "opensips_load_balancer_destination_up",
                        "Whether a destination is enabled (lb_list)",
                        LABELS,
                        &["enabled"],
                        STATES,
                    ),
                    state(
                        "opensips_load_balancer_destination_state",
                        "The state of a destination, 1 for the one that it is in (lb_list)",
                        LABELS,
                        &["enabled"],
                        STATES,
                    ),
                ],
            },
            Records {
                path: &[
                    DESTINATIONS,
                    Step::To(&["Resources"]),
                    Step::Perhaps(&["Resource"]),
                ],
                metrics: &[
                    metric(
                        "opensips_load_balancer_resource_load",
                        "Calls that use a resource of a destination now (lb_list)",
                        LABELS_OF_RESOURCE,
                        Reading::Number(&["load"]),
                    ),
                    metric(
                        "opensips_load_balancer_resource_max",
                        "Calls that may use a resource of a destination at once (lb_list)",
                        LABELS_OF_RESOURCE,
                        Reading::Number(&["max"]),
                    ),
                ],
            },
        ],
    }],
    ..Processor::NONE
};

const DESTINATIONS: Step = Step::To(&["Destination", "Destinations"]);

const LABELS: Labels = &[ID, URI, GROUP];

const LABELS_OF_RESOURCE: Labels = &[
    ID,
    URI,
    GROUP,
    ("resource", Source::Field(2, &["Resource", "name"])),
];

const ID: (&str, Source) = ("id", Source::Field(0, &["id"]));
const URI: (&str, Source) = ("uri", Source::Field(0, &["Destination", "uri"]));
const GROUP: (&str, Source) = ("group", Source::Field(0, &["group"]));

const STATES: States = &[("yes", "enabled", true), ("no", "disabled", false)];
