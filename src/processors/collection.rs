//! The statistics of one scrape on their way to a page.

use super::mapping::{Mapping, Table};
use crate::exposition::Page;
use crate::mi::Statistic;

/// The statistics of one scrape.
pub struct Collection<'m> {
    mapping: &'m Mapping,
    page: Page,
    /// The group of the last statistic and its table: those of a group come together.
    last: (&'static [u8], Option<&'m Table>),
}

impl<'m> Collection<'m> {
    /// Nothing yet.
    pub fn new(mapping: &'m Mapping) -> Self {
        Collection {
            mapping,
            page: Page::default(),
            last: (b"", None),
        }
    }

    /// Adds `statistic`.
    pub fn add(&mut self, statistic: &Statistic<'_>) {
        if self.last.0 != statistic.group {
            self.last = self.mapping.table_of(statistic.group);
        }
        let before = self.page.len();
        match self.last.1 {
            Some(table) => table.add_sample(b"", statistic, &mut self.page),
            None => self.mapping.add_by_pattern(statistic, &mut self.page),
        }
        if self.page.len() == before {
            self.mapping.add_unclaimed(statistic, &mut self.page);
        }
    }

    /// Prints the page at the end of `out`.
    pub fn write(mut self, out: &mut Vec<u8>) {
        self.page.write(self.mapping.headers(), out);
    }
}
