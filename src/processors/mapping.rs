//! The tables of all processors, made ready for looking statistics up, and the patterns in them.

use std::collections::HashMap;
use std::iter;

use foldhash::fast::RandomState;

use super::unclaimed::UNCLAIMED;
use super::{Metric, Processor};
use crate::exposition::{Header, Kind, LabelValue, Page, Template, Value};
use crate::mi::Statistic;

/// Turns statistics into samples.
pub struct Mapping {
    /// The families of all metrics, in table order, and at the end [`UNCLAIMED`].
    headers: Vec<Header>,
    groups: HashMap<&'static [u8], Table, RandomState>,
    /// Those whose names have variable parts.
    group_patterns: Vec<(Pattern, Table)>,
    /// The series of [`UNCLAIMED`].
    unclaimed: Template,
}

/// What becomes of the statistics of a group.
#[derive(Default)]
pub struct Table {
    exact: HashMap<&'static [u8], Vec<Claim>, RandomState>,
    patterns: Vec<(Pattern, Claim)>,
}

/// One sample that a statistic becomes.
struct Claim {
    /// The index of its family, and the kind of that.
    family: usize,
    kind: Kind,
    /// Its values are the variable parts of the group, and then those of the name.
    series: Template,
}

impl Mapping {
    /// The mapping that `processors` describe.
    pub fn new(processors: &'static [Processor]) -> Self {
        let mut mapping = Mapping {
            headers: Vec::new(),
            groups: HashMap::default(),
            group_patterns: Vec::new(),
            unclaimed: Template::given(UNCLAIMED.family.name, UNCLAIMED.labels.iter().copied()),
        };
        let mut families = Vec::new();
        for processor in processors {
            let group = Pattern::new(processor.group);
            let mut table = Table::default();
            for metric in processor.metrics {
                table.add(metric, families.len(), &group);
                families.push(metric.family);
            }
            if group.parts.is_empty() {
                mapping.groups.insert(processor.group.as_bytes(), table);
            } else {
                mapping.group_patterns.push((group, table));
            }
        }
        families.push(UNCLAIMED.family);
        mapping.headers = Header::of(&families);
        mapping
    }

    /// The headers of the families that samples are added to.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The group of that name with its table, if processors know it by this very name.
    pub fn table_of(&self, group: &[u8]) -> (&'static [u8], Option<&Table>) {
        match self.groups.get_key_value(group) {
            Some((group, table)) => (group, Some(table)),
            None => (b"", None),
        }
    }

    /// Adds to `page` what `statistic` becomes if the name of its group has a variable part: nothing if no
    /// processor claims it.
    pub fn add_by_pattern(&self, statistic: &Statistic<'_>, page: &mut Page) {
        let mut tables = self.group_patterns.iter();
        let found = tables.find_map(|(pattern, table)| {
            let parts = pattern.parts_of(statistic.group)?;
            Some((*parts.first()?, table))
        });
        if let Some((part, table)) = found {
            table.add_sample(part, statistic, page);
        }
    }

    /// Adds to `page` what a `statistic` becomes that no processor claims.
    pub fn add_unclaimed(&self, statistic: &Statistic<'_>, page: &mut Page) {
        let value = value_of(UNCLAIMED.family.kind, statistic.value);
        let family = self.headers.len() - 1;
        let labels = [statistic.group, statistic.name];
        page.add(family, &self.unclaimed, &labels, value);
    }
}

impl Table {
    /// Adds the claims of `metric`, whose family has this index, in a group of that name.
    fn add(&mut self, metric: &Metric, family: usize, group: &Pattern) {
        for (statistic, values) in metric.statistics {
            let name = Pattern::new(statistic);
            let labels = iter::zip(metric.labels, *values);
            let labels = labels.map(|(label, value)| (*label, label_value(value, group, &name)));
            let claim = Claim {
                family,
                kind: metric.family.kind,
                series: Template::new(metric.family.name, labels),
            };
            if name.parts.is_empty() {
                let claims = self.exact.entry(statistic.as_bytes()).or_default();
                claims.push(claim);
            } else {
                self.patterns.push((name, claim));
            }
        }
    }

    /// Adds to `page` what `statistic` becomes: a sample for each metric that names it exactly, else one for
    /// the first pattern that fits, if there is any. `part` is the variable part of its group.
    pub fn add_sample(&self, part: &[u8], statistic: &Statistic<'_>, page: &mut Page) {
        let Statistic { name, value, .. } = *statistic;
        if let Some(claims) = self.exact.get(name) {
            let mut parts = Parts::default();
            parts[OF_GROUP] = part;
            for claim in claims {
                claim.add(&parts, value, page);
            }
            return;
        }
        let mut patterns = self.patterns.iter();
        let found = patterns.find_map(|(pattern, claim)| Some((pattern.parts_of(name)?, claim)));
        if let Some((mut parts, claim)) = found {
            parts[OF_GROUP] = part;
            claim.add(&parts, value, page);
        }
    }
}

/// What `value` in a table means for a statistic in a group.
fn label_value(value: &'static str, group: &Pattern, name: &Pattern) -> LabelValue<'static> {
    let of_name = name.index_of(value);
    let of_group = || group.index_of(value).map(|_| OF_GROUP);
    of_name
        .or_else(of_group)
        .map_or(LabelValue::Fixed(value), LabelValue::Given)
}

impl Claim {
    fn add(&self, parts: &Parts<'_>, value: u64, page: &mut Page) {
        page.add(self.family, &self.series, parts, value_of(self.kind, value));
    }
}

/// The server prints a level that fell below zero as an unsigned number near 2^64. Only a counter
/// can mean such a number.
fn value_of(kind: Kind, value: u64) -> Value {
    match kind {
        Kind::Counter => Value::Unsigned(value),
        _ => Value::Signed(value.cast_signed()),
    }
}

/// The most variable parts that the name of a statistic can have. That of a group has one.
const MAX_PARTS: usize = 4;

/// Where the variable part of the group stands.
const OF_GROUP: usize = MAX_PARTS;

/// What the variable parts of a name stand for, and that of its group.
type Parts<'n> = [&'n [u8]; MAX_PARTS + 1];

/// A name with variable parts: `{protocol}:{ip}:{port}-load`.
struct Pattern {
    prefix: &'static str,
    /// The variable parts, each with the text between it and the next one or the end.
    parts: Vec<(&'static str, &'static str)>,
}

impl Pattern {
    fn new(text: &'static str) -> Self {
        let mut pieces = text.split('{');
        let prefix = pieces.next().unwrap_or_default();
        let parts = pieces
            .map(|piece| piece.split_once('}').unwrap_or((piece, "")))
            .take(MAX_PARTS)
            .collect();
        Pattern { prefix, parts }
    }

    /// The index of the variable part that `value` stands for, if it is the name of one in braces.
    fn index_of(&self, value: &str) -> Option<usize> {
        let name = value.strip_prefix('{')?.strip_suffix('}')?;
        self.parts.iter().position(|&(part, _)| part == name)
    }

    /// The variable parts of `name`, if it fits. None of them is empty.
    ///
    /// The name is cut at the last place where the last separator stands, and at the first place for
    /// those before: that is right for `location-a-users`, where the domain holds the separator, and
    /// for `udp:2001:DB8::1:5060-load`, where only the middle part can.
    fn parts_of<'n>(&self, name: &'n [u8]) -> Option<Parts<'n>> {
        let ((_, suffix), inner) = self.parts.split_last()?;
        let (prefix, suffix) = (self.prefix.as_bytes(), suffix.as_bytes());
        // Most patterns differ here, and one byte is compared faster than many.
        let end = name.len().checked_sub(suffix.len())?;
        if suffix
            .first()
            .is_some_and(|first| name.get(end) != Some(first))
        {
            return None;
        }
        let mut rest = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let mut parts = Parts::default();
        let mut slots = parts.iter_mut();
        for (index, (_, separator)) in inner.iter().enumerate() {
            // No separator is empty, a test sees to that; `max` keeps `windows` from a panic.
            let mut windows = rest.windows(separator.len().max(1));
            let here = |window: &[u8]| window == separator.as_bytes();
            let at = if index + 1 == inner.len() {
                windows.rposition(here)?
            } else {
                windows.position(here)?
            };
            *slots.next()? = rest.get(..at).filter(|part| !part.is_empty())?;
            rest = rest.get(at + separator.len()..)?;
        }
        *slots.next()? = Some(rest).filter(|part| !part.is_empty())?;
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &'static str, name: &str) -> Option<String> {
        let pattern = Pattern::new(pattern);
        let parts = pattern.parts_of(name.as_bytes())?;
        let used = parts.get(..pattern.parts.len())?;
        Some(
            used.iter()
                .map(|part| String::from_utf8_lossy(part))
                .collect::<Vec<_>>()
                .join("|"),
        )
    }

    #[test]
    fn a_part_is_what_the_rest_of_the_pattern_leaves() {
        for (pattern, name, expected) in [
            ("{pid}-total_size", "12-total_size", Some("12")),
            ("{pid}-total_size", "-total_size", None),
            ("{pid}-total_size", "12-used_size", None),
            ("load-proc-{process}", "load-proc-9", Some("9")),
            ("load-proc-{process}", "load-proc-", None),
            ("load-proc-{process}", "load1m-proc-9", None),
            ("{domain}-users", "a-b.c-users", Some("a-b.c")),
            ("{domain}-users", "users-users-users", Some("users-users")),
            (
                "{protocol}:{ip}:{port}-load",
                "udp:127.0.0.1:5111-load",
                Some("udp|127.0.0.1|5111"),
            ),
            (
                "{protocol}:{ip}:{port}-load",
                "udp:2001:DB8::1:5060-load",
                Some("udp|2001:DB8::1|5060"),
            ),
            (
                "{protocol}:[{ip}]:{port}-load",
                "udp:[2001:DB8::1]:5060-load",
                Some("udp|2001:DB8::1|5060"),
            ),
            (
                "{protocol}:[{ip}]:{port}-load",
                "udp:127.0.0.1:5111-load",
                None,
            ),
            ("{protocol}:{ip}:{port}-load", "tcp-load", None),
            ("{protocol}:{ip}:{port}-load", "udp:5060-load", None),
            ("{a}{b}", "xy", None),
        ] {
            assert_eq!(
                parts(pattern, name).as_deref(),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
