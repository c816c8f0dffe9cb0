//! The module `uac_registrant`: what this server registers at others (OpenSIPS 1.11 to 4.0,
//! `modules/uac_registrant/registrant.c` and `reg_records.h`).
//!
//! There may be thousands, so that only the state is shown that each is in. `uac_registrant_states`
//! adds those that it is not in.

use super::Processor;
use super::state::{Metric, Names, Reading, States, Step, listing, metric, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "uac_registrant",
    listings: &[listing(COMMAND, &["expires"], &[records(
        &[RECORDS],
        &[
            registration(&["state"], STATES),
            metric("opensips_uac_registrant_registration_enabled",
                "Whether a registration is enabled (reg_list)",
                Reading::Flag(&["enabled"], &["yes"])),
        ],
    )])],
    ..Processor::NONE
};

pub(super) const COMMAND: Names = &["reg_list", "uac_registrant:list"];

#[rustfmt::skip]
pub(super) const RECORDS: Step = step(&["AOR", "Records"],
    &[("aor", &["AOR"]), ("registrar", &["registrar"]), ("binding", &["binding"]),
        ("socket", &["socket"])]);

const STATE: &str = "opensips_uac_registrant_registration_state";
const HELP_OF_STATE: &str =
    "The state of a registration, 1 for the current one (reg_list, uac.reg_dump)";

/// Whether an AOR is registered, see also `uac`.
pub(super) const fn registration(field: Names, states: States) -> Metric {
    let state = metric(STATE, HELP_OF_STATE, Reading::Count).family;
    metric(
        "opensips_uac_registrant_registration_up",
        "Whether an AOR is registered; in OpenSIPS 0 while it is being renewed (reg_list, \
         uac.reg_dump)",
        Reading::UpAndOneState(field, states, state),
    )
}

/// The states that an AOR is not in.
pub(super) const fn other_states(field: Names, states: States) -> Metric {
    metric(STATE, HELP_OF_STATE, Reading::OtherStates(field, states))
}

#[rustfmt::skip]
pub(super) const STATES: States = &[
    ("NOT_REGISTERED_STATE", "not_registered", false),
    ("REGISTERING_STATE", "registering", false),
    ("AUTHENTICATING_STATE", "authenticating", false),
    ("REGISTERED_STATE", "registered", true),
    ("REGISTER_TIMEOUT_STATE", "register_timeout", false),
    ("INTERNAL_ERROR_STATE", "internal_error", false),
    ("WRONG_CREDENTIALS_STATE", "wrong_credentials", false),
    ("REGISTRAR_ERROR_STATE", "registrar_error", false),
    ("UNREGISTERING_STATE", "unregistering", false),
    ("AUTHENTICATING_UNREGISTER_STATE", "authenticating_unregister", false),
];
