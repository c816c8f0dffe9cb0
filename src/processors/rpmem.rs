//! The group `rpmem`: the memory that survives a restart (OpenSIPS 3.0 to 4.0, `mem/rpm_mem.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "rpmem", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_rpmem_size_bytes",
        "Size of the memory that survives a restart (rpmem:rpm_total_size)",
        &[], &[("rpm_total_size", &[])]),
    gauge("opensips_rpmem_used_bytes",
        "Memory that survives a restart in use by the code (rpmem:rpm_used_size)",
        &[], &[("rpm_used_size", &[])]),
    gauge("opensips_rpmem_real_used_bytes",
        "Memory that survives a restart in use with the allocator's overhead \
         (rpmem:rpm_real_used_size)",
        &[], &[("rpm_real_used_size", &[])]),
    gauge("opensips_rpmem_max_used_bytes",
        "Most memory that survives a restart ever used (rpmem:rpm_max_used_size)",
        &[], &[("rpm_max_used_size", &[])]),
    gauge("opensips_rpmem_free_bytes",
        "Memory that survives a restart that is free (rpmem:rpm_free_size)",
        &[], &[("rpm_free_size", &[])]),
    gauge("opensips_rpmem_fragments",
        "Fragments that the memory that survives a restart is split into (rpmem:rpm_fragments)",
        &[], &[("rpm_fragments", &[])]),
];
