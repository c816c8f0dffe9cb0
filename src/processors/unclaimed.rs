//! The statistics that no processor claims: those of the script, of groups that the configuration makes, and
//! of versions to come.

use std::ops::Range;

use crate::exposition::{Family, Kind};
use crate::mi::Statistic;

/// What they become. The server may say which of them are incremental; if it does not, the last one holds all.
pub const UNCLAIMED: [Family; 3] = [
    Family {
        name: "opensips_statistic_total",
        kind: Kind::Counter,
        help: "Statistic that has no metric of its own and that the server calls incremental, by group and name as the server spells them",
    },
    Family {
        name: "opensips_statistic",
        kind: Kind::Gauge,
        help: "Statistic that has no metric of its own and that the server does not call incremental, by group and name as the server spells them",
    },
    Family {
        name: "opensips_statistic",
        kind: Kind::Untyped,
        help: "Statistic that has no metric of its own, by group and name as the server spells them; the server does not say which are incremental",
    },
];

/// Such statistics of one scrape, one text behind the other.
#[derive(Debug, Default)]
pub struct Unclaimed {
    /// `group:name` of all.
    text: Vec<u8>,
    statistics: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Where its `group:name` stands.
    key: Range<usize>,
    /// The length of the group.
    group: usize,
    value: u64,
}

impl Unclaimed {
    /// Adds `statistic`.
    pub fn add(&mut self, statistic: &Statistic<'_>) {
        let start = self.text.len();
        self.text.extend_from_slice(statistic.group);
        self.text.push(b':');
        self.text.extend_from_slice(statistic.name);
        self.statistics.push(Entry {
            key: start..self.text.len(),
            group: statistic.group.len(),
            value: statistic.value,
        });
    }

    /// The `group:name` of each, in the order in which they were added.
    pub fn keys(&self) -> Vec<&[u8]> {
        let keys = self.statistics.iter().map(|entry| self.text(&entry.key));
        keys.collect()
    }

    /// Group, name and value of each, in the same order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], u64)> {
        self.statistics.iter().map(|entry| {
            let (group, name) = self.text(&entry.key).split_at(entry.group);
            (group, name.get(1..).unwrap_or_default(), entry.value)
        })
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}
