//! The statistics that no processor claims: those of the script, of groups that the configuration
//! makes, and of versions to come.

use super::Metric;
use crate::exposition::{Family, Kind};

/// What they become. Only some servers tell which of them are incremental, and the script can
/// decrease those as well.
pub const UNCLAIMED: Metric = Metric {
    family: Family {
        name: "opensips_statistic",
        kind: Kind::Untyped,
        help: "Statistic that has no metric of its own, by group and name as the server spells them",
    },
    labels: &["group", "name"],
    statistics: &[],
};
