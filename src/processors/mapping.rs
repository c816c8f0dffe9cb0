//! The tables of all processors, made ready for looking statistics up, and the statistics of one
//! scrape on their way to a page.

use std::iter;

use super::names::{Names, Parts, Pattern};
use super::{Metric, Processor, UNCLAIMED};
use crate::bytes::is_equal;
use crate::exposition::{Header, Kind, LabelValue, Page, Series, Value};
use crate::mi::Statistic;

/// Turns statistics into samples.
pub struct Mapping {
    /// The families of all metrics, in table order, and at the end [`UNCLAIMED`].
    headers: Vec<Header>,
    groups: Names<Names<Claim>>,
    /// What becomes of a statistic that is not among them: its group and name are the parts.
    unclaimed: Claim,
}

/// One sample that a statistic becomes.
struct Claim {
    /// Its label values are the variable parts of group and name.
    series: Series,
    kind: Kind,
}

impl Mapping {
    /// The mapping that `processors` describe.
    pub fn new(processors: &'static [Processor]) -> Self {
        let mut families = Vec::new();
        let mut groups = Names::new();
        for processor in processors {
            let mut names = Names::new();
            for metric in processor.metrics {
                add_claims(processor.group, metric, families.len(), &mut names);
                families.push(metric.family);
            }
            groups.add(processor.group, names);
        }
        let labels = UNCLAIMED.labels.iter().copied();
        let unclaimed = Claim {
            series: Series::given(families.len(), UNCLAIMED.family.name, labels),
            kind: UNCLAIMED.family.kind,
        };
        families.push(UNCLAIMED.family);
        Mapping { headers: Header::of(&families), groups, unclaimed }
    }
}

/// Adds the claims of `metric`, whose family has this index, to the names of `group`.
fn add_claims(group: &'static str, metric: &Metric, family: usize, names: &mut Names<Claim>) {
    let group = Pattern::new(group);
    for (statistic, values) in metric.statistics {
        let name = Pattern::new(statistic);
        let labels = iter::zip(metric.labels, *values).map(|(label, value)| {
            let of_group = group.index_of(value);
            let part = of_group.or_else(|| name.index_of(value).map(|index| 1 + index));
            (*label, part.map_or(LabelValue::Fixed(value), LabelValue::Given))
        });
        let mut rows = metric.statistics.iter();
        let place = rows.position(|(_, others)| others == values);
        let series = Series::new(family, metric.family.name, labels);
        let series = series.at(place.unwrap_or_default());
        let kind = metric.family.kind;
        names.add(statistic, Claim { series, kind });
    }
}

/// The statistics of one scrape.
pub struct Collection<'m> {
    mapping: &'m Mapping,
    page: Page<'m>,
    /// The group of the last statistic, since those of a group come together: its name, the
    /// variable part of that, and the names in it.
    group: Vec<u8>,
    part: Vec<u8>,
    names: Option<&'m Names<Claim>>,
}

impl<'m> Collection<'m> {
    /// Nothing yet.
    pub fn new(mapping: &'m Mapping) -> Self {
        Collection {
            mapping,
            page: Page::with_room(512),
            group: Vec::new(),
            part: Vec::new(),
            names: None,
        }
    }

    /// Adds `statistic`: a sample for each metric that has its very name, else one for the first
    /// pattern that fits, else one of [`UNCLAIMED`]. Returns whether its value can be right.
    pub fn add(&mut self, statistic: &Statistic<'_>) -> bool {
        let Statistic { group, name, value } = *statistic;
        let mut parts = Parts::default();
        if !is_equal(group, &self.group) {
            let found = self.mapping.groups.find(group, &mut parts);
            self.names = found.and_then(|names| names.first());
            self.group.clear();
            self.group.extend_from_slice(group);
            self.part.clear();
            self.part.extend_from_slice(parts[1]);
        }
        if let Some(claims) = self.names.and_then(|names| names.find(name, &mut parts)) {
            parts[0] = &self.part;
            let mut are_added = true;
            for claim in claims {
                are_added &= claim.add(&parts, value, &mut self.page);
            }
            are_added
        } else {
            (parts[0], parts[1]) = (group, name);
            self.mapping.unclaimed.add(&parts, value, &mut self.page)
        }
    }

    /// Prints the page at the end of `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        self.page.write(&self.mapping.headers, out);
    }
}

impl Claim {
    /// Adds a sample with this `value`, and returns whether there is one. The server prints what
    /// fell below zero as an unsigned number near 2^64: that is no count, but a level.
    fn add<'m>(&'m self, parts: &Parts<'_>, value: u64, page: &mut Page<'m>) -> bool {
        let signed = value.cast_signed();
        let is_count = self.kind == Kind::Counter;
        if is_count && signed < 0 {
            return false;
        }
        let value = if is_count { Value::Unsigned(value) } else { Value::Signed(signed) };
        page.add(&self.series, parts, value);
        true
    }
}
