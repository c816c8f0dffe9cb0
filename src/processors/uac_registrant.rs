//! The module `uac_registrant`: what this server registers at others (OpenSIPS 1.11 to 4.0,
//! `modules/uac_registrant/registrant.c` and `reg_records.h`).

use super::Processor;
use super::state::{
    Metric, Names, Reading, States, listing, metric, records, step, up_and_state_of,
};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "uac_registrant",
    listings: &[listing(&["reg_list", "uac_registrant:list"], &["expires"], &[records(
        &[step(&["AOR", "Records"],
            &[("aor", &["AOR"]), ("registrar", &["registrar"]), ("binding", &["binding"]),
                ("socket", &["socket"])])],
        &[
            registration(&["state"], STATES),
            metric("opensips_uac_registrant_registration_enabled",
                "Whether a registration is wanted (reg_list)",
                Reading::Flag(&["enabled"], &["yes"])),
        ],
    )])],
    ..Processor::NONE
};

/// Whether an AOR is registered, see also `uac`.
pub(super) const fn registration(field: Names, states: States) -> Metric {
    up_and_state_of(
        ["opensips_uac_registrant_registration_up", "opensips_uac_registrant_registration_state"],
        [
            "Whether an AOR is registered; in OpenSIPS not while it is being renewed (reg_list, \
             uac.reg_dump)",
            "The state of a registration, 1 for the one that it is in (reg_list, uac.reg_dump)",
        ],
        field,
        states,
    )
}

#[rustfmt::skip]
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
    ("AUTHENTICATING_UNREGISTER_STATE", "authenticating_unregister", false),
];
