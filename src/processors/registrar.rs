//! The group `registrar`: REGISTER requests and the limits set for them (OpenSIPS 1.11 to 4.0,
//! `modules/registrar/reg_mod.c`; Kamailio 5.6 and 6.1, of which the ranges are).

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "registrar", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_registrar_max_expires",
        "Longest expiry that a registration may have, in seconds; 0 means no limit \
         (registrar:max_expires)",
        &[], &[("max_expires", &[])]),
    gauge("opensips_registrar_max_contacts",
        "Most contacts that an AOR may have; 0 means no limit (registrar:max_contacts)",
        &[], &[("max_contacts", &[])]),
    gauge("opensips_registrar_default_expire",
        "Expiry of a registration that asks for none, in seconds (registrar:default_expire)",
        &[], &[("default_expire", &[])]),
    gauge("opensips_registrar_expires_range",
        "Percent by which the expiry of a registration is varied, if it asks for one, or if it \
         does not (default); only Kamailio (registrar:expires_range, \
         registrar:default_expires_range)",
        &["of"], &[("expires_range", &["asked"]), ("default_expires_range", &["default"])]),
    counter("opensips_registrar_registrations",
        "Registrations saved (accepted), and refused or failed (rejected) \
         (registrar:accepted_regs, registrar:rejected_regs)",
        &["type"], &[("accepted_regs", &["accepted"]), ("rejected_regs", &["rejected"])]),
];
