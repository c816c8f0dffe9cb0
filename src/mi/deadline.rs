//! Until when something may be waited for.

use std::time::{Duration, Instant};

/// The moment up to which a scrape may wait, however many waits it consists of.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Deadline { start: Instant::now(), limit }
    }

    /// How long the scrape may take in all.
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// The moment `limit` from now, if that comes earlier.
    pub fn at_most(self, limit: Duration) -> Self {
        let left = self.remaining().unwrap_or(Duration::ZERO);
        Deadline::after(limit.min(left))
    }

    /// The moment `limit` from now, if that comes later.
    pub fn at_least(self, limit: Duration) -> Self {
        match self.remaining() {
            Some(left) if left >= limit => self,
            _ => Deadline::after(limit),
        }
    }

    /// What is left, never zero: `None` when the moment has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.limit.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero())
    }
}
