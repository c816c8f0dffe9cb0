//! The group `pkmem`: private memory of each process (OpenSIPS 1.11 to 4.0, `pt.c` and
//! `mem/mem.c`).
//!
//! The label `pid` holds what the server puts in front of the name, which is the index in its
//! process table (the `ID` of the MI command `ps`).
//!
//! Kamailio tells by a command what each process noted when it last handled something (5.6 and 6.1,
//! `src/modules/kex/pkg_stats.c`).

use super::state::{self, Listing, listing, optional, records, same};
use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "pkmem", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

const LISTINGS: &[Listing] = &[listing(
    &["pkg.stats"],
    &[],
    &[records(&[optional(&[], &[("pid", &["entry"])])], OF_KAMAILIO)],
)];

const OF_KAMAILIO: &[state::Metric] = &[
    same(&TOTAL_SIZE, &["total_size"]),
    same(&USED_SIZE, &["used"]),
    same(&REAL_USED_SIZE, &["real_used"]),
    same(&FREE_SIZE, &["free"]),
    same(&FRAGMENTS, &["total_frags"]),
];

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    TOTAL_SIZE,
    USED_SIZE,
    REAL_USED_SIZE,
    gauge("opensips_pkmem_max_used_size",
        "Most private memory that a process ever had in use, in bytes (pkmem:<pid>-max_used_size)",
        &["pid"], &[("{pid}-max_used_size", &["{pid}"])]),
    FREE_SIZE,
    FRAGMENTS,
];

#[rustfmt::skip]
const TOTAL_SIZE: Metric = gauge("opensips_pkmem_total_size",
    "Size of the private memory of a process, in bytes (pkmem:<pid>-total_size, pkg.stats)",
    &["pid"], &[("{pid}-total_size", &["{pid}"])]);

#[rustfmt::skip]
const USED_SIZE: Metric = gauge("opensips_pkmem_used_size",
    "Private memory in use by a process without the allocator's overhead, in bytes \
     (pkmem:<pid>-used_size, pkg.stats)",
    &["pid"], &[("{pid}-used_size", &["{pid}"])]);

#[rustfmt::skip]
const REAL_USED_SIZE: Metric = gauge("opensips_pkmem_real_used_size",
    "Private memory in use by a process with the allocator's overhead, in bytes \
     (pkmem:<pid>-real_used_size, pkg.stats)",
    &["pid"], &[("{pid}-real_used_size", &["{pid}"])]);

#[rustfmt::skip]
const FREE_SIZE: Metric = gauge("opensips_pkmem_free_size",
    "Free private memory of a process, in bytes (pkmem:<pid>-free_size, pkg.stats)",
    &["pid"], &[("{pid}-free_size", &["{pid}"])]);

#[rustfmt::skip]
const FRAGMENTS: Metric = gauge("opensips_pkmem_fragments",
    "Number of fragments of the private memory of a process (pkmem:<pid>-fragments, pkg.stats)",
    &["pid"], &[("{pid}-fragments", &["{pid}"])]);
