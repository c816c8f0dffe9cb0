//! What the operator lets be collected, by `--collect` and `--exclude`.

use super::argument::check;
use crate::processors::processor_of;

/// The groups that may be collected. By default all that are on by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these, if there are any.
    pub only: Vec<String>,
    /// These too, although they are not on by default.
    pub added: Vec<String>,
    /// Never these.
    pub excluded: Vec<String>,
}

impl Scope {
    /// Whether `group` may be collected.
    pub fn allows(&self, group: &[u8]) -> bool {
        let is_on = || processor_of(group).is_none_or(|processor| processor.is_on_by_default);
        let is_wanted = match self.only.as_slice() {
            [] => is_on() || is_among(&self.added, group),
            only => is_among(only, group),
        };
        is_wanted && !self.excludes(group)
    }

    /// Whether `group` is not collected only since nobody asked for it, and the server works hard
    /// for it.
    pub fn is_off_by_default(&self, group: &[u8]) -> bool {
        let is_on = processor_of(group).is_none_or(|processor| processor.is_on_by_default);
        !is_on && self.only.is_empty() && !self.excludes(group)
    }

    /// Whether the operator excludes `group`.
    pub fn excludes(&self, group: &[u8]) -> bool {
        is_among(&self.excluded, group)
    }

    /// The groups that the operator names to be collected.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let groups = self.only.iter().chain(&self.added);
        groups.map(String::as_str).filter(|group| !self.excludes(group.as_bytes()))
    }

    /// Makes `groups` all that are collected, or further ones if `all` is one of them.
    ///
    /// # Errors
    ///
    /// What would be right.
    pub fn collect(&mut self, groups: &str) -> Result<(), String> {
        let (all, groups): (Vec<&str>, Vec<&str>) =
            groups.split(',').partition(|word| word.trim() == "all");
        let groups = match groups.as_slice() {
            [] => Vec::new(),
            groups => Scope::parse_groups(&groups.join(","))?,
        };
        *if all.is_empty() { &mut self.only } else { &mut self.added } = groups;
        Ok(())
    }

    /// The groups in a list with commas, with or without their colons.
    ///
    /// # Errors
    ///
    /// What would be right.
    pub fn parse_groups(text: &str) -> Result<Vec<String>, String> {
        let mut groups = Vec::new();
        for word in text.split(',').map(str::trim) {
            let group = word.strip_suffix(':').unwrap_or(word);
            let is_group = check(group.as_bytes().to_vec()).is_ok() && !group.contains(':');
            if ["", "all"].contains(&group) || !is_group {
                return Err("use groups with commas between them, such as core,tm".to_string());
            }
            groups.push(group.to_string());
        }
        Ok(groups)
    }
}

/// Whether `group` is one of `groups`. Servers take groups in any case.
fn is_among(groups: &[String], group: &[u8]) -> bool {
    let mut groups = groups.iter();
    groups.any(|of| of.as_bytes().eq_ignore_ascii_case(group))
}
