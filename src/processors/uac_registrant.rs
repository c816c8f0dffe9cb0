//! The module `uac_registrant`: what this server registers at others (OpenSIPS 1.11 to 4.0,
//! `modules/uac_registrant/registrant.c` and `reg_records.h`).

use super::Processor;
use super::state::{
    Labels, Listing, Parts, Reading, Records, Source, States, Step, metric, state, up,
};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "uac_registrant",
    listings: &[Listing {
        command: Command {
            names: &["reg_list", "uac_registrant:list"],
            attributes: &["expires"],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[Step::To(&["AOR", "Records"])],
            metrics: &[
                up(
                    "opensips_uac_registrant_registration_up",
                    "Whether an AOR is registered; not while it is being renewed (reg_list)",
                    LABELS,
                    &["state"],
                    STATES,
                ),
                state(
                    "opensips_uac_registrant_registration_state",
                    "The state of a registration, 1 for the one that it is in (reg_list)",
                    LABELS,
                    &["state"],
                    STATES,
                ),
                metric(
                    "opensips_uac_registrant_registration_enabled",
                    "Whether a registration is wanted (reg_list)",
                    LABELS,
                    Reading::Flag(&["enabled"], &["yes"]),
                ),
            ],
        }],
    }],
    ..Processor::NONE
};

const LABELS: Labels = &[
    ("aor", Source::Field(0, &["AOR"])),
    ("registrar", Source::Field(0, &["registrar"])),
    ("binding", Source::Field(0, &["binding"])),
];

const STATES: States = &[
    ("NOT_REGISTERED_STATE", "not_registered", false),
    ("REGISTERING_STATE", "registering", false),
    ("AUTHENTICATING_STATE", "authenticating", false),
    ("REGISTERED_STATE", "registered", true),
    ("REGISTER_TIMEOUT_STATE", "register_timeout", false),
    ("INTERNAL_ERROR_STATE", "internal_error", false),
    ("WRONG_CREDENTIALS_STATE", "wrong_credentials", false),
    ("REGISTRAR_ERROR_STATE", "registrar_error", false),
    ("UNREGISTERING_STATE", "unregistering", false),
    (
        "AUTHENTICATING_UNREGISTER_STATE",
        "authenticating_unregister",
        false,
    ),
];
