//! The group `shmem`: the memory that all processes share (OpenSIPS 1.11 to 4.0,
//! `mem/shm_mem.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "shmem", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_shmem_total_size",
        "Size of the shared memory, in bytes (shmem:total_size)",
        &[], &[("total_size", &[])]),
    gauge("opensips_shmem_used_size",
        "Shared memory in use without the allocator's overhead, in bytes (shmem:used_size)",
        &[], &[("used_size", &[])]),
    gauge("opensips_shmem_real_used_size",
        "Shared memory in use with the allocator's overhead, in bytes (shmem:real_used_size)",
        &[], &[("real_used_size", &[])]),
    gauge("opensips_shmem_max_used_size",
        "Most shared memory that was ever in use, in bytes (shmem:max_used_size)",
        &[], &[("max_used_size", &[])]),
    gauge("opensips_shmem_free_size",
        "Free shared memory, in bytes (shmem:free_size)",
        &[], &[("free_size", &[])]),
    gauge("opensips_shmem_fragments",
        "Number of fragments of the shared memory (shmem:fragments)",
        &[], &[("fragments", &[])]),
];
