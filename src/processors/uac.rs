//! The group `uac`: what Kamailio registers at others (5.6 and 6.1, `src/modules/uac/uac_reg.c`),
//! in the same metrics as `uac_registrant`.
//!
//! `regactive` has no metric: it goes down with each renewal, and below zero. A registration that
//! failed is disabled too unless `reg_retry_interval` is set, so nothing tells which one somebody
//! disabled. The reply holds passwords: no field of it is read that is not named here.

use super::state::{Listing, Names, States, Step, listing, optional, records};
use super::uac_registrant::{other_states, registration};
use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "uac", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_uac_registrations",
        "Registrations at other servers (uac:regtotal)", &[], &[("regtotal", &[])]),
    gauge("opensips_uac_disabled_registrations",
        "Registrations at other servers that were disabled by a failure or an operator \
         (uac:regdisabled)",
        &[], &[("regdisabled", &[])]),
];

const LISTINGS: &[Listing] =
    &[listing(COMMAND, &[], &[records(&[RECORDS], &[registration(FLAGS, STATES)])])];

/// For `uac_registrant_states`.
pub(super) const OTHER_STATES_OF_KAMAILIO: Listing =
    listing(COMMAND, &[], &[records(&[RECORDS], &[other_states(FLAGS, STATES)])]);

const COMMAND: Names = &["uac.reg_dump"];
const FLAGS: Names = &["flags&7"];

#[rustfmt::skip]
const RECORDS: Step = optional(&[], &[
    ("aor", &["sip:{r_username}@{r_domain}"]), ("registrar", &["sip:{r_domain}"]),
    ("binding", &["sip:{l_uuid}@{contact_addr}"]),
]);

/// By the flags 1 (disabled), 2 (ongoing) and 4 (online).
#[rustfmt::skip]
const STATES: States = &[
    ("0", "not_registered", false), ("2", "registering", false),
    ("4", "registered", true), ("6", "registered", true),
    ("1", "disabled", false), ("3", "disabled", false), ("5", "disabled", false),
    ("7", "disabled", false),
];
