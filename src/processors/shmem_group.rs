//! The groups `shmem_<mem_group>`: shared memory by the groups of modules that the configuration
//! makes (OpenSIPS 2.3 to 4.0, `mem/shm_mem.c`, built with `SHM_EXTRA_STATS`). 2.2 calls them
//! `shmem_group_<mem_group>`.

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "shmem_{mem_group}", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_shmem_group_used_bytes",
        "Shared memory in use by the modules of a group (shmem_<mem_group>:memory_used)",
        &["mem_group"], &[("memory_used", &["{mem_group}"])]),
    gauge("opensips_shmem_group_real_used_bytes",
        "Shared memory in use by the modules of a group with the allocator's overhead \
         (shmem_<mem_group>:real_used)",
        &["mem_group"], &[("real_used", &["{mem_group}"])]),
    gauge("opensips_shmem_group_max_real_used_bytes",
        "Most shared memory that the modules of a group ever had in use, with the allocator's \
         overhead (shmem_<mem_group>:max_real_used)",
        &["mem_group"], &[("max_real_used", &["{mem_group}"])]),
    gauge("opensips_shmem_group_fragments",
        "Fragments of shared memory of the modules of a group (shmem_<mem_group>:fragments)",
        &["mem_group"], &[("fragments", &["{mem_group}"])]),
];
