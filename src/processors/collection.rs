//! The statistics of one scrape on their way to a page.

use super::mapping::{Mapping, Table};
use super::unclaimed::Unclaimed;
use crate::exposition::{Page, Room};
use crate::mi::{Said, Statistic};

/// The statistics of one scrape.
pub struct Collection<'m> {
    mapping: &'m Mapping,
    page: Page<'m>,
    unclaimed: Unclaimed,
    /// The group of the last statistic and its table: those of a group come together.
    last: (&'static [u8], Option<&'m Table>),
}

impl<'m> Collection<'m> {
    /// Nothing yet, with room for what another scrape brought.
    pub fn new(mapping: &'m Mapping, room: Room) -> Self {
        Collection {
            mapping,
            page: Page::with_room(mapping.families(), room),
            unclaimed: Unclaimed::default(),
            last: (b"", None),
        }
    }

    /// Adds `statistic`, and returns whether a processor claims it.
    pub fn add(&mut self, statistic: &Statistic<'_>) -> bool {
        if self.last.0 != statistic.group {
            self.last = self.mapping.table_of(statistic.group);
        }
        let is_claimed = match self.last.1 {
            Some(table) => table.add_sample(b"", statistic, &mut self.page),
            None => self.mapping.add_by_pattern(statistic, &mut self.page),
        };
        if !is_claimed {
            self.unclaimed.add(statistic);
        }
        is_claimed
    }

    /// The `group:name` of each statistic that no processor claims, in the order in which they were added.
    pub fn unclaimed(&self) -> Vec<&[u8]> {
        self.unclaimed.keys()
    }

    /// The page of all statistics. Of each one that no processor claims the server `said` this, or nothing;
    /// those of which it did not answer yet are left out, so that each has one name.
    pub fn into_page(mut self, said: &[Said]) -> Page<'m> {
        self.mapping
            .add_unclaimed(&self.unclaimed, said, &mut self.page);
        self.page
    }
}
