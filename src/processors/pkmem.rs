//! The group `pkmem`: private memory of each process (OpenSIPS 1.11 to 4.0, `pt.c` and
//! `mem/mem.c`).
//!
//! The label `pid` holds what the server puts in front of the name, which is the index in its
//! process table (the `ID` of the MI command `ps`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "pkmem", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_pkmem_total_size",
        "Size of the private memory of a process, in bytes (pkmem:<pid>-total_size)",
        &["pid"], &[("{pid}-total_size", &["{pid}"])]),
    gauge("opensips_pkmem_used_size",
        "Private memory in use by the code of a process, in bytes (pkmem:<pid>-used_size)",
        &["pid"], &[("{pid}-used_size", &["{pid}"])]),
    gauge("opensips_pkmem_real_used_size",
        "Private memory in use by a process with the allocator's overhead, in bytes \
         (pkmem:<pid>-real_used_size)",
        &["pid"], &[("{pid}-real_used_size", &["{pid}"])]),
    gauge("opensips_pkmem_max_used_size",
        "Most private memory that a process ever used, in bytes (pkmem:<pid>-max_used_size)",
        &["pid"], &[("{pid}-max_used_size", &["{pid}"])]),
    gauge("opensips_pkmem_free_size",
        "Private memory of a process that is free, in bytes (pkmem:<pid>-free_size)",
        &["pid"], &[("{pid}-free_size", &["{pid}"])]),
    gauge("opensips_pkmem_fragments",
        "Fragments that the private memory of a process is split into (pkmem:<pid>-fragments)",
        &["pid"], &[("{pid}-fragments", &["{pid}"])]),
];
