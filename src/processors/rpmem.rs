//! The group `rpmem`: the memory that survives a restart (OpenSIPS 3.0 to 4.0, `mem/rpm_mem.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "rpmem", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_rpmem_size_bytes",
        "Size of the memory that survives restarts (rpmem:rpm_total_size)",
        &[], &[("rpm_total_size", &[])]),
    gauge("opensips_rpmem_used_bytes",
        "Memory that survives restarts, in use without the allocator's overhead \
         (rpmem:rpm_used_size)",
        &[], &[("rpm_used_size", &[])]),
    gauge("opensips_rpmem_real_used_bytes",
        "Memory that survives restarts, in use with the allocator's overhead \
         (rpmem:rpm_real_used_size)",
        &[], &[("rpm_real_used_size", &[])]),
    gauge("opensips_rpmem_max_used_bytes",
        "Memory that survives restarts, most that was ever in use (rpmem:rpm_max_used_size)",
        &[], &[("rpm_max_used_size", &[])]),
    gauge("opensips_rpmem_free_bytes",
        "Memory that survives restarts, free (rpmem:rpm_free_size)",
        &[], &[("rpm_free_size", &[])]),
    gauge("opensips_rpmem_fragments",
        "Memory that survives restarts, number of fragments (rpmem:rpm_fragments)",
        &[], &[("rpm_fragments", &[])]),
];
