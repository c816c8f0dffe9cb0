//! Which statistic becomes which metric: one file per group of the server, each a table.
//!
//! A new metric is one entry in the table of its group. A new group is one file and one line in
//! [`PROCESSORS`]. HELP and TYPE, the mapping, the list of metrics in the README and the tests all
//! come from these tables. Nothing here knows how statistics arrive.

mod cachedb_redis;
mod call_center;
mod cdb;
mod clusterer;
mod collection;
mod core;
mod dialog;
mod dns;
mod imc;
mod load;
mod mapping;
mod msilo;
mod nat_traversal;
mod net;
mod pkmem;
mod registrar;
mod rpmem;
mod shmem;
mod shmem_group;
mod sipcapture;
mod siptrace;
mod sl;
mod snmpstats;
mod sql;
mod sst;
mod tm;
mod tmx;
mod tracer;
mod unclaimed;
mod uri;
mod usrloc;

use crate::exposition::{Family, Kind};

pub use collection::{Claimed, Collection};
pub use mapping::Mapping;
pub use unclaimed::UNCLAIMED;

/// All processors, in the order of the page.
pub const PROCESSORS: &[Processor] = &[
    cachedb_redis::PROCESSOR,
    call_center::PROCESSOR,
    cdb::PROCESSOR,
    clusterer::PROCESSOR,
    core::PROCESSOR,
    dialog::PROCESSOR,
    dns::PROCESSOR,
    imc::PROCESSOR,
    load::PROCESSOR,
    msilo::PROCESSOR,
    nat_traversal::PROCESSOR,
    net::PROCESSOR,
    pkmem::PROCESSOR,
    registrar::PROCESSOR,
    rpmem::PROCESSOR,
    shmem::PROCESSOR,
    shmem_group::PROCESSOR,
    sipcapture::PROCESSOR,
    siptrace::PROCESSOR,
    sl::PROCESSOR,
    snmpstats::PROCESSOR,
    sql::PROCESSOR,
    sst::PROCESSOR,
    tm::PROCESSOR,
    tmx::PROCESSOR,
    tracer::PROCESSOR,
    uri::PROCESSOR,
    usrloc::PROCESSOR,
];

/// What becomes of the statistics of one group.
#[derive(Debug, Clone, Copy)]
pub struct Processor {
    /// The group as the server names it, without colon. It may be a pattern like those of statistics.
    pub group: &'static str,
    /// Its metrics, in the order of the page.
    pub metrics: &'static [Metric],
}

/// One metric and the statistics that it is made of.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name, TYPE and HELP. The HELP ends with the statistic it comes from: `(core:rcv_requests)`.
    pub family: Family,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The statistics, each with a value for every label.
    ///
    /// A statistic is named as the server names it within the group, or by a pattern with variable
    /// parts in braces, such as `{pid}-total_size`. A label value `{pid}` stands for that part, or the one
    /// of the group. A statistic that is named exactly is not looked for among the patterns.
    pub statistics: Statistics,
}

/// The statistics of a [`Metric`], see there.
pub type Statistics = &'static [(&'static str, &'static [&'static str])];

/// A metric that only goes up.
const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    statistics: Statistics,
) -> Metric {
    Metric {
        family: Family {
            name,
            kind: Kind::Counter,
            help,
        },
        labels,
        statistics,
    }
}

/// A metric that goes up and down. Near 2^64 it is a negative number.
const fn gauge(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    statistics: Statistics,
) -> Metric {
    let mut metric = counter(name, help, labels, statistics);
    metric.family.kind = Kind::Gauge;
    metric
}
