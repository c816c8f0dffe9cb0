//! Looking up names, some of which have variable parts.

use crate::bytes::is_equal;

/// The most variable parts that a name can have.
const MAX_PARTS: usize = 3;

/// What the variable parts of a name stand for, from the second place on. The first one is for the
/// variable part of its group.
pub type Parts<'n> = [&'n [u8]; 1 + MAX_PARTS];

/// What belongs to names that are exact, and to patterns such as `{protocol}:{ip}:{port}-load`.
pub struct Names<T> {
    /// By the length of the name, which tells most of them apart.
    exact: Vec<Vec<(&'static [u8], Vec<T>)>>,
    patterns: Vec<(Pattern, Vec<T>)>,
}

impl<T> Names<T> {
    /// No names.
    pub fn new() -> Self {
        Names { exact: Vec::new(), patterns: Vec::new() }
    }

    /// Adds `what` to those that belong to `name`. Of a pattern only the first one counts.
    pub fn add(&mut self, name: &'static str, what: T) {
        let pattern = Pattern::new(name);
        if !pattern.parts.is_empty() {
            self.patterns.push((pattern, vec![what]));
            return;
        }
        let length = name.len();
        self.exact.resize_with(self.exact.len().max(length + 1), Vec::new);
        let Some(names) = self.exact.get_mut(length) else {
            return;
        };
        match names.iter_mut().find(|(known, _)| known == &name.as_bytes()) {
            Some((_, known)) => known.push(what),
            None => names.push((name.as_bytes(), vec![what])),
        }
    }

    /// What belongs to `name` if it is there exactly, else what belongs to the first pattern that
    /// fits, with its variable parts in `parts`.
    pub fn find<'n>(&self, name: &'n [u8], parts: &mut Parts<'n>) -> Option<&[T]> {
        let exact = self.exact.get(name.len()).map_or(&[][..], Vec::as_slice);
        if let Some((_, found)) = exact.iter().find(|(known, _)| is_equal(known, name)) {
            return Some(found);
        }
        let mut patterns = self.patterns.iter();
        let (_, found) = patterns.find(|(pattern, _)| {
            let inner = pattern.inner_of(name);
            inner.is_some_and(|inner| pattern.split(inner, parts).is_some())
        })?;
        Some(found)
    }
}

/// A name with variable parts.
pub struct Pattern {
    prefix: &'static [u8],
    /// The names of the variable parts.
    parts: Vec<&'static str>,
    /// What stands between them.
    separators: Vec<&'static [u8]>,
    suffix: &'static [u8],
}

impl Pattern {
    /// Reads a name with its variable parts in braces.
    pub fn new(text: &'static str) -> Self {
        let mut pieces = text.split('{');
        let prefix = pieces.next().unwrap_or_default().as_bytes();
        let pieces = pieces.map(|piece| piece.split_once('}').unwrap_or((piece, "")));
        let (parts, behind): (Vec<&str>, Vec<&str>) = pieces.take(MAX_PARTS).unzip();
        let mut separators: Vec<&[u8]> = behind.into_iter().map(str::as_bytes).collect();
        let suffix = separators.pop().unwrap_or_default();
        Pattern { prefix, parts, separators, suffix }
    }

    /// The index of the variable part that `value` stands for, if it is the name of one in braces.
    pub fn index_of(&self, value: &str) -> Option<usize> {
        let name = value.strip_prefix('{')?.strip_suffix('}')?;
        self.parts.iter().position(|part| *part == name)
    }

    /// What stands between prefix and suffix, if `name` has both.
    #[inline(always)]
    fn inner_of<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        let (prefix, rest) = name.split_at_checked(self.prefix.len())?;
        let end = rest.len().checked_sub(self.suffix.len())?;
        let (inner, suffix) = rest.split_at_checked(end)?;
        (is_equal(suffix, self.suffix) && is_equal(prefix, self.prefix)).then_some(inner)
    }

    /// Puts the variable parts of `inner` into `parts`, if it has all separators and none is empty.
    ///
    /// It is cut at the last place where the last separator stands, and at the first place for
    /// those before: that is right for `udp:2001:DB8::1:5060`, where only the middle part can hold
    /// one.
    fn split<'n>(&self, inner: &'n [u8], parts: &mut Parts<'n>) -> Option<()> {
        let mut slots = parts.iter_mut().skip(1);
        let mut rest = inner;
        for (index, separator) in self.separators.iter().enumerate() {
            // No separator is empty, a test sees to that; `max` keeps `windows` from a panic.
            let mut windows = rest.windows(separator.len().max(1));
            let at = if index + 1 == self.separators.len() {
                windows.rposition(|window| window == *separator)?
            } else {
                windows.position(|window| window == *separator)?
            };
            *slots.next()? = rest.get(..at).filter(|part| !part.is_empty())?;
            rest = rest.get(at + separator.len()..)?;
        }
        *slots.next()? = Some(rest).filter(|part| !part.is_empty())?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &'static str, name: &str) -> Option<String> {
        let pattern = Pattern::new(pattern);
        let mut parts = Parts::default();
        pattern.split(pattern.inner_of(name.as_bytes())?, &mut parts)?;
        let used = parts.get(1..=pattern.parts.len())?;
        let used = used.iter().map(|part| String::from_utf8_lossy(part));
        Some(used.collect::<Vec<_>>().join("|"))
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
            ("{protocol}:{ip}:{port}-load", "udp:127.0.0.1:5111-load", Some("udp|127.0.0.1|5111")),
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
            ("{protocol}:[{ip}]:{port}-load", "udp:127.0.0.1:5111-load", None),
            ("{protocol}:{ip}:{port}-load", "tcp-load", None),
            ("{protocol}:{ip}:{port}-load", "udp:5060-load", None),
            ("{a}{b}", "xy", None),
        ] {
            assert_eq!(parts(pattern, name).as_deref(), expected, "{pattern} {name}");
        }
    }
}
