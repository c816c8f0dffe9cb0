//! The group `usrloc`: registered users and contacts (OpenSIPS 1.11 to 4.0,
//! `modules/usrloc/ul_mod.c` and `udomain.c`).
//!
//! A domain is the name of a location table, as the script spells it. Kamailio (5.6) puts an
//! underscore behind it.

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor = Processor { group: "usrloc", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_usrloc_registered_users_total",
        "AORs in memory now, over all domains (usrloc:registered_users)",
        &[], &[("registered_users", &[])]),
    gauge("opensips_userloc_registered_users_total",
        "The same as opensips_usrloc_registered_users_total, under its documented name \
         (usrloc:registered_users)",
        &[], &[("registered_users", &[])]),
    gauge("opensips_usrloc_users",
        "AORs of a domain in memory now (usrloc:<domain>-users)",
        &["domain"], &[("{domain}-users", &["{domain}"]), ("{domain}_users", &["{domain}"])]),
    gauge("opensips_usrloc_contacts",
        "Contacts of a domain in memory now (usrloc:<domain>-contacts)",
        &["domain"], &[("{domain}-contacts", &["{domain}"]), ("{domain}_contacts", &["{domain}"])]),
    counter("opensips_usrloc_expires",
        "Contacts of a domain that expired (usrloc:<domain>-expires)",
        &["domain"], &[("{domain}-expires", &["{domain}"]), ("{domain}_expires", &["{domain}"])]),
];
