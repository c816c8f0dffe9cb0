//! When to ask again for what failed or was too large: after 15 s, then after twice as long each
//! time, up to an hour. The clock decides, so that more scrapes do not shorten a pause.

use std::borrow::Borrow;
use std::time::{Duration, Instant};

/// The first pause. Each further one is twice as long.
const FIRST: Duration = Duration::from_secs(15);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3600);

/// What failed, by what was asked for.
#[derive(Debug)]
pub struct Retry<K> {
    /// At most as many as there are questions and parts of a plan.
    pauses: Vec<Pause<K>>,
}

#[derive(Debug)]
struct Pause<K> {
    key: K,
    until: Instant,
    /// How often it failed, one time after the other.
    failures: u32,
}

impl<K> Default for Retry<K> {
    fn default() -> Self {
        Retry { pauses: Vec::new() }
    }
}

impl<K: PartialEq> Retry<K> {
    /// Whether `key` may be asked for at `now`.
    pub fn may_ask<Q: PartialEq + ?Sized>(&self, key: &Q, now: Instant) -> bool
    where
        K: Borrow<Q>,
    {
        let pause = self.pauses.iter().find(|pause| pause.key.borrow() == key);
        pause.is_none_or(|pause| now >= pause.until)
    }

    /// What failed when it was asked for last.
    pub fn failed(&self) -> impl ExactSizeIterator<Item = &K> {
        self.pauses.iter().map(|pause| &pause.key)
    }

    /// Forgets what may be asked for again at `now`.
    pub fn forget_over(&mut self, now: Instant) {
        self.pauses.retain(|pause| now < pause.until);
    }

    /// Notes that `key` failed at `now`.
    pub fn note_failure(&mut self, key: K, now: Instant) {
        let known = self.pauses.iter().position(|pause| pause.key == key);
        let failures = known.map_or(0, |index| self.pauses.swap_remove(index).failures);
        let time = FIRST.saturating_mul(1 << failures.min(16));
        self.pauses.push(Pause { key, until: now + time.min(LONGEST), failures: failures + 1 });
    }

    /// Notes that `key` was answered.
    pub fn note_success<Q: PartialEq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.pauses.retain(|pause| pause.key.borrow() != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let second = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut retry: Retry<String> = Retry::default();
        assert!(retry.may_ask("a", now));
        for expected in [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            retry.note_failure("a".to_string(), now);
            now += second * (expected - 1);
            assert!(!retry.may_ask("a", now), "{expected}");
            assert!(retry.may_ask("b", now) && retry.failed().len() == 1);
            now += second;
            assert!(retry.may_ask("a", now), "{expected}");
        }
        retry.forget_over(now - second);
        assert_eq!(retry.failed().len(), 1);
        retry.forget_over(now);
        assert_eq!(retry.failed().len(), 0);
        retry.note_failure("a".to_string(), now);
        retry.note_success("a");
        assert_eq!(retry.failed().len(), 0);
        retry.note_failure("a".to_string(), now);
        assert!(retry.may_ask("a", now + second * 15));
    }
}
