//! Which statistic and which state becomes which metric: one file per group or module of the
//! server, each a table.
//!
//! A new metric is one row in `METRICS` of its group. A new state is one row in `listings`: the
//! names of the command, the steps from the root of its reply to the nodes of interest, with the
//! labels that stand in each, and a metric for each field ([`state`]). A new group is one file and
//! one line in [`PROCESSORS`]. HELP and TYPE, the mapping, METRICS.md and the tests all come from
//! these tables. Nothing here knows how statistics arrive.

mod blacklists;
mod cachedb_redis;
mod call_center;
mod call_center_queue;
mod cdb;
mod clusterer;
mod core;
mod db_virtual;
mod dialog;
mod dialog_states;
mod dispatcher;
mod dmq;
mod dns;
mod drouting;
mod htable;
mod imc;
mod keepalive;
mod lcr;
mod load;
mod load_balancer;
mod mapping;
mod mqueue;
mod msilo;
mod names;
mod nat_traversal;
mod net;
mod pike;
mod pipelimit;
mod pkmem;
mod qrouting;
mod ratelimit;
mod registrar;
mod rpmem;
mod rtp_relay;
mod rtpengine;
mod rtpproxy;
mod shmem;
mod shmem_group;
mod sipcapture;
mod siptrace;
mod sl;
mod snmpstats;
mod sockets_mgm;
mod sql;
mod sst;
pub mod state;
mod state_mapping;
mod status_report;
mod tcp;
mod tcp_connections;
mod tls;
mod tm;
mod tmx;
mod tracer;
mod uac;
mod uac_registrant;
mod uac_registrant_states;
mod uri;
mod usrloc;
mod websocket;

use crate::exposition::{Family, Kind};

pub use mapping::{Collection, Mapping};
pub use state::{Described, Listing};
pub use state_mapping::StateMapping;

/// All processors, in the order of the page.
pub const PROCESSORS: &[Processor] = &[
    blacklists::PROCESSOR,
    cachedb_redis::PROCESSOR,
    call_center::PROCESSOR,
    call_center_queue::PROCESSOR,
    cdb::PROCESSOR,
    clusterer::PROCESSOR,
    core::PROCESSOR,
    db_virtual::PROCESSOR,
    dialog::PROCESSOR,
    dialog_states::PROCESSOR,
    dispatcher::PROCESSOR,
    dmq::PROCESSOR,
    dns::PROCESSOR,
    drouting::PROCESSOR,
    htable::PROCESSOR,
    imc::PROCESSOR,
    keepalive::PROCESSOR,
    lcr::PROCESSOR,
    load::PROCESSOR,
    load_balancer::PROCESSOR,
    mqueue::PROCESSOR,
    msilo::PROCESSOR,
    nat_traversal::PROCESSOR,
    net::PROCESSOR,
    pike::PROCESSOR,
    pipelimit::PROCESSOR,
    pkmem::PROCESSOR,
    qrouting::PROCESSOR,
    ratelimit::PROCESSOR,
    registrar::PROCESSOR,
    rpmem::PROCESSOR,
    rtp_relay::PROCESSOR,
    rtpengine::PROCESSOR,
    rtpproxy::PROCESSOR,
    shmem::PROCESSOR,
    shmem_group::PROCESSOR,
    sipcapture::PROCESSOR,
    siptrace::PROCESSOR,
    sl::PROCESSOR,
    snmpstats::PROCESSOR,
    sockets_mgm::PROCESSOR,
    sql::PROCESSOR,
    sst::PROCESSOR,
    status_report::PROCESSOR,
    tcp::PROCESSOR,
    tcp_connections::PROCESSOR,
    tls::PROCESSOR,
    tm::PROCESSOR,
    tmx::PROCESSOR,
    tracer::PROCESSOR,
    uac::PROCESSOR,
    uac_registrant::PROCESSOR,
    uac_registrant_states::PROCESSOR,
    uri::PROCESSOR,
    usrloc::PROCESSOR,
    websocket::PROCESSOR,
];

/// What becomes of the statistics of one group, and of what commands of the module of that name
/// show.
#[derive(Debug, Clone, Copy)]
pub struct Processor {
    /// The group as the server names it, without colon. It may be a pattern like those of
    /// statistics.
    pub group: &'static str,
    /// Whether it is collected unless the operator says otherwise. What the server works hard for
    /// is not.
    pub is_on_by_default: bool,
    /// The metrics of its statistics, in the order of the page.
    pub metrics: &'static [Metric],
    /// Its commands, in the order of the page.
    pub listings: &'static [Listing],
}

impl Processor {
    /// One that does nothing.
    pub const NONE: Processor =
        Processor { group: "", is_on_by_default: true, metrics: &[], listings: &[] };

    /// The metrics of its commands.
    pub fn state_metrics(&self) -> impl Iterator<Item = Described> + use<> {
        let records = self.listings.iter().flat_map(|listing| listing.records);
        records.flat_map(state::Records::described)
    }
}

/// The processor of `group`, if its name has no variable part.
pub fn processor_of(group: &[u8]) -> Option<&'static Processor> {
    let mut processors = PROCESSORS.iter();
    processors.find(|processor| processor.group.as_bytes().eq_ignore_ascii_case(group))
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
    /// parts in braces, such as `{pid}-total_size`. A label value `{pid}` stands for that part, or
    /// the one of the group. A statistic that is named exactly is not looked for among the
    /// patterns.
    pub statistics: Statistics,
}

/// What becomes of a statistic that no processor claims: one of the script, of a group that the
/// configuration makes, or of a version to come. Only some servers tell which of these are
/// incremental, and the script can decrease those as well.
pub const UNCLAIMED: Metric = Metric {
    family: Family {
        name: "opensips_statistic",
        kind: Kind::Untyped,
        help: "Statistic that has no metric of its own, by group and name as the server spells them",
    },
    labels: &["group", "name"],
    statistics: &[],
};

/// The statistics of a [`Metric`], see there.
pub type Statistics = &'static [(&'static str, &'static [&'static str])];

/// A metric that only goes up.
const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    statistics: Statistics,
) -> Metric {
    Metric { family: Family { name, kind: Kind::Counter, help }, labels, statistics }
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
