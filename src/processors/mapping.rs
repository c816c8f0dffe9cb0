//! The tables of all processors, made ready for looking statistics up, and the patterns in them.

use std::collections::HashMap;
use std::iter;

use super::Processor;
use crate::exposition::{Family, Kind, Page, Value};
use crate::mi::Statistic;

/// What a statistic becomes that no processor claims.
pub const UNCLAIMED: Family = Family {
    name: "opensips_statistic",
    kind: Kind::Untyped,
    help: "Statistic that has no metric of its own, by group and name as the server spells them",
};

/// Turns statistics into samples.
pub struct Mapping {
    /// The families of all metrics, in table order, and [`UNCLAIMED`] at the end.
    families: Vec<Family>,
    exact: HashMap<(&'static [u8], &'static [u8]), Vec<Claim>>,
    patterns: HashMap<&'static [u8], Vec<(Pattern, Claim)>>,
    /// What no processor claims, with the group and the name as its parts.
    unclaimed: Claim,
}

/// One sample that a statistic becomes.
struct Claim {
    /// The index of its family, and the kind of that.
    family: usize,
    kind: Kind,
    labels: Vec<(&'static str, LabelValue)>,
}

enum LabelValue {
    Fixed(&'static str),
    /// What the variable part with this index stands for.
    Part(usize),
}

impl Mapping {
    /// The mapping that `processors` describe.
    pub fn new(processors: &'static [Processor]) -> Self {
        let mut families = Vec::new();
        let mut exact: HashMap<_, Vec<Claim>> = HashMap::new();
        let mut patterns: HashMap<_, Vec<(Pattern, Claim)>> = HashMap::new();
        for processor in processors {
            let group = processor.group.as_bytes();
            for metric in processor.metrics {
                let family = families.len();
                families.push(metric.family);
                for (statistic, values) in metric.statistics {
                    let pattern = Pattern::new(statistic);
                    let claim = Claim {
                        family,
                        kind: metric.family.kind,
                        labels: iter::zip(metric.labels, *values)
                            .map(|(label, value)| (*label, pattern.label_value(value)))
                            .collect(),
                    };
                    if pattern.parts.is_empty() {
                        let key = (group, statistic.as_bytes());
                        exact.entry(key).or_default().push(claim);
                    } else {
                        let of_group = patterns.entry(group).or_default();
                        of_group.push((pattern, claim));
                    }
                }
            }
        }
        let unclaimed = Claim {
            family: families.len(),
            kind: UNCLAIMED.kind,
            labels: vec![
                ("group", LabelValue::Part(0)),
                ("name", LabelValue::Part(1)),
            ],
        };
        families.push(UNCLAIMED);
        Mapping {
            families,
            exact,
            patterns,
            unclaimed,
        }
    }

    /// The families that samples are added to.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Adds to `page` what `statistic` becomes: a sample for each metric that names it exactly, else
    /// one for the first pattern that fits, else one that carries its group and name.
    pub fn add(&self, statistic: &Statistic<'_>, page: &mut Page<'_>) {
        let Statistic { group, name, value } = *statistic;
        if let Some(claims) = self.exact.get(&(group, name)) {
            for claim in claims {
                claim.add(&[], value, page);
            }
            return;
        }
        for (pattern, claim) in self.patterns.get(group).into_iter().flatten() {
            if let Some(parts) = pattern.parts_of(name) {
                return claim.add(&parts, value, page);
            }
        }
        self.unclaimed.add(&[group, name], value, page);
    }
}

impl Claim {
    fn add(&self, parts: &[&[u8]], value: u64, page: &mut Page<'_>) {
        let labels = self.labels.iter().map(|(label, value)| {
            let value = match value {
                LabelValue::Fixed(text) => text.as_bytes(),
                LabelValue::Part(index) => parts.get(*index).copied().unwrap_or_default(),
            };
            (*label, value)
        });
        page.add(self.family, labels, value_of(self.kind, value));
    }
}

/// The server prints a level that fell below zero as an unsigned number near 2^64. Only a counter
/// can mean such a number.
fn value_of(kind: Kind, value: u64) -> Value {
    match kind {
        Kind::Counter => Value::Unsigned(value),
        Kind::Gauge | Kind::Untyped => Value::Signed(value.cast_signed()),
    }
}

/// The most variable parts that a pattern can have.
const MAX_PARTS: usize = 4;

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

    fn label_value(&self, value: &'static str) -> LabelValue {
        value
            .strip_prefix('{')
            .and_then(|value| value.strip_suffix('}'))
            .and_then(|name| self.parts.iter().position(|&(part, _)| part == name))
            .map_or(LabelValue::Fixed(value), LabelValue::Part)
    }

    /// The variable parts of `name`, if it fits. None of them is empty.
    ///
    /// The name is cut at the last place where the last separator stands, and at the first place for
    /// those before: that is right for `location-a-users`, where the domain holds the separator, and
    /// for `udp:2001:DB8::1:5060-load`, where only the middle part can.
    fn parts_of<'n>(&self, name: &'n [u8]) -> Option<[&'n [u8]; MAX_PARTS]> {
        let ((_, suffix), inner) = self.parts.split_last()?;
        let mut rest = name
            .strip_prefix(self.prefix.as_bytes())?
            .strip_suffix(suffix.as_bytes())?;
        let mut parts = [&[][..]; MAX_PARTS];
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
