//! The statistics of one scrape on their way to a page.

use std::ops::Range;

use super::mapping::{Mapping, Table, renewed};
use super::unclaimed::Unclaimed;
use crate::bytes::{append, is_equal};
use crate::exposition::Page;
use crate::mi::{Said, Statistic};

/// The statistics of one scrape.
pub struct Collection<'m> {
    mapping: &'m Mapping,
    remembered: Remembered,
    /// How many statistics came.
    count: usize,
    unclaimed: Unclaimed,
    /// The group of the last statistic and its table: those of a group come together.
    last: (&'static [u8], Option<&'m Table>),
}

/// Group and name of all statistics of a scrape, in their order, and the page of those that processors claim. From
/// one scrape to the next a server hardly ever changes what it has: then the page needs nothing but the new values.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Group and name of all statistics, one behind the other.
    keys: Vec<u8>,
    statistics: Vec<Entry>,
    page: Page,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Where its group ends, and its name.
    group: usize,
    name: usize,
    /// How many samples there are up to its last one. None of its own if no processor claims it.
    samples: usize,
}

/// How many times more room than statistics is too much.
const SPARSE: usize = 4;

impl<'m> Collection<'m> {
    /// Nothing yet. It is made the faster the more it has in common with what another scrape came upon.
    pub fn new(mapping: &'m Mapping, remembered: Remembered) -> Self {
        Collection {
            mapping,
            remembered,
            count: 0,
            unclaimed: Unclaimed::default(),
            last: (b"", None),
        }
    }

    /// Adds `statistic`, and returns whether a processor claims it.
    pub fn add(&mut self, statistic: &Statistic<'_>) -> bool {
        let samples = match self.remembered.samples_of(self.count, statistic) {
            Some(samples) => {
                let renew = |old| renewed(old, statistic.value);
                self.remembered.page.renew(samples.clone(), renew);
                samples
            }
            None => self.add_new(statistic),
        };
        self.count += 1;
        if samples.is_empty() {
            self.unclaimed.add(statistic);
        }
        !samples.is_empty()
    }

    /// Adds a statistic that did not come at this place before, and returns its samples.
    fn add_new(&mut self, statistic: &Statistic<'_>) -> Range<usize> {
        self.remembered.truncate(self.count);
        if self.last.0 != statistic.group {
            self.last = self.mapping.table_of(statistic.group);
        }
        let page = &mut self.remembered.page;
        let before = page.len();
        match self.last.1 {
            Some(table) => table.add_sample(b"", statistic, page),
            None => self.mapping.add_by_pattern(statistic, page),
        }
        let samples = before..page.len();
        self.remembered.push(statistic);
        samples
    }

    /// The `group:name` of each statistic that no processor claims, in the order in which they were added.
    pub fn unclaimed(&self) -> Vec<&[u8]> {
        self.unclaimed.keys()
    }

    /// Prints the page of all statistics at the end of `out`. Of each one that no processor claims the server
    /// `said` this, or nothing; those of which it did not answer yet are left out, so that each has one name.
    /// Returns what the next scrape may have in common with this one.
    pub fn write(mut self, said: &[Said], out: &mut Vec<u8>) -> Remembered {
        self.remembered.truncate(self.count);
        self.remembered.page.write(self.mapping.headers(), out);
        self.mapping.write_unclaimed(&self.unclaimed, said, out);
        self.remembered.forget_if_sparse();
        self.remembered
    }
}

impl Remembered {
    /// The samples of the statistic that came at this place, if `statistic` is that one.
    fn samples_of(&self, place: usize, statistic: &Statistic<'_>) -> Option<Range<usize>> {
        let entry = self.statistics.get(place)?;
        let before = self.before(place);
        let group = self.keys.get(before.name..entry.group)?;
        let name = self.keys.get(entry.group..entry.name)?;
        let is_same = is_equal(name, statistic.name) && is_equal(group, statistic.group);
        is_same.then_some(before.samples..entry.samples)
    }

    /// The statistic that came before this place.
    fn before(&self, place: usize) -> Entry {
        let before = place.checked_sub(1);
        let before = before.and_then(|before| self.statistics.get(before));
        before.copied().unwrap_or_default()
    }

    /// Notes what the samples that came last were made of.
    fn push(&mut self, statistic: &Statistic<'_>) {
        append(statistic.group, &mut self.keys);
        let group = self.keys.len();
        append(statistic.name, &mut self.keys);
        self.statistics.push(Entry {
            group,
            name: self.keys.len(),
            samples: self.page.len(),
        });
    }

    /// How many statistics it is.
    pub fn len(&self) -> usize {
        self.statistics.len()
    }

    /// Whether it is none.
    pub fn is_empty(&self) -> bool {
        self.statistics.is_empty()
    }

    /// Gives memory back when there were many more statistics before.
    fn forget_if_sparse(&mut self) {
        if self.statistics.capacity() / SPARSE > self.statistics.len().max(SPARSE) {
            *self = Remembered::default();
        }
    }

    /// Keeps the statistics before this place.
    fn truncate(&mut self, place: usize) {
        if place < self.statistics.len() {
            let last = self.before(place);
            self.statistics.truncate(place);
            self.keys.truncate(last.name);
            self.page.truncate(last.samples);
        }
    }
}
