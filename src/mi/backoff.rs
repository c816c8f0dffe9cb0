//! How long a command that is not answered is left out: the server does nothing else while it works on one.

use std::time::{Duration, Instant};

/// The first pause. Each further one is twice as long.
const FIRST: Duration = Duration::from_secs(15);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3600);

/// What came of asking for one thing.
#[derive(Debug, Default)]
pub struct Backoff {
    /// How often it was asked in vain, one after the other.
    failures: u32,
    /// When it may be asked again.
    until: Option<Instant>,
    /// The most time that an answer had and did not come in.
    waited: Duration,
}

impl Backoff {
    /// Whether the server may be asked when it has so much time for the answer: not in a pause, unless that is more
    /// than it had before. So strangers who announce a short scrape timeout keep nobody else from an answer.
    pub fn may_ask(&self, now: Instant, time: Duration) -> bool {
        time > self.waited || self.until.is_none_or(|until| now >= until)
    }

    /// Notes that there was no answer in this time.
    pub fn note_silence(&mut self, now: Instant, time: Duration) {
        let pause = FIRST.saturating_mul(1 << self.failures.min(16));
        self.until = now.checked_add(pause.min(LONGEST));
        self.failures += 1;
        self.waited = self.waited.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let second = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(backoff.may_ask(now, second));
        for expected in [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            backoff.note_silence(now, second);
            now += second * (expected - 1);
            assert!(!backoff.may_ask(now, second), "{expected}");
            assert!(backoff.may_ask(now, second * 2));
            now += second;
            assert!(backoff.may_ask(now, second), "{expected}");
        }
    }

    #[test]
    fn less_time_says_nothing_of_more() {
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(1));
        let now = Instant::now();
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.note_silence(now, short);
        }
        assert!(!backoff.may_ask(now, short));
        assert!(backoff.may_ask(now, long));
    }
}
