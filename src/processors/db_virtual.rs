//! The module `db_virtual`: its databases (OpenSIPS 1.11 to 4.0,
//! `modules/db_virtual/db_virtual.c`, not seen on a running server).
//!
//! In JSON all databases of a set are members of one object, with equal names. Their URLs hold
//! passwords, and the last one hides the name of the set, so that the set goes by its number.

use super::Processor;
use super::state::{Reading, listing, metric, optional, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "db_virtual",
    listings: &[listing(
        &["db_get", "db_virtual:get"],
        &["i", "name", "mode", "j", "can", "may", "r_rec"],
        &[records(
            &[step(&["SET", "SETS"], &[("set", &["index", "i"])]), optional(&["DB", "DBS"], &[]),
                step(&["can"], &[])],
            &[metric("opensips_db_virtual_databases",
                "Databases of a set, by whether they can be used (db_get)",
                Reading::State(&[""], &[("1", "usable", true), ("0", "unusable", false)]))],
        )],
    )],
    ..Processor::NONE
};
