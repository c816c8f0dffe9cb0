//! How scrapes end, over time: what the landing page shows, and when the log has news.

use std::time::{Duration, Instant};

use crate::mi::Error;

/// Remembers how the last scrape ended.
#[derive(Default)]
pub struct Health {
    last: Option<Outcome>,
}

struct Outcome {
    /// When the scrape began.
    began: Instant,
    /// The beginning of the first scrape that ended like this one, up or down.
    since: Instant,
    error: Option<Error>,
    /// The kinds of errors that were news since then.
    told: Vec<String>,
}

/// What the log should say.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// The server answers; it was down for so long, if it was.
    Up(Option<Duration>),
    /// The server does not answer, or now for a reason that was not told in this outage.
    Down,
}

impl Health {
    /// How the last scrape ended: `None` before the first one, else why it failed, if it did.
    pub fn last(&self) -> Option<Result<(), &Error>> {
        self.last
            .as_ref()
            .map(|outcome| outcome.error.as_ref().map_or(Ok(()), Err))
    }

    /// Takes note of a scrape that `began` then and ended now. Of scrapes that overlap, the one that
    /// began later knows better, whichever ends first.
    pub fn note(&mut self, began: Instant, error: Option<Error>) -> Option<News> {
        if self.last.as_ref().is_some_and(|last| began < last.began) {
            return None;
        }
        let last = self.last.take();
        let (since, mut told, news) = match last {
            Some(last) if last.error.is_some() == error.is_some() => (last.since, last.told, None),
            Some(last) => {
                let down_for = began.saturating_duration_since(last.since);
                (began, Vec::new(), Some(News::Up(Some(down_for))))
            }
            None => (began, Vec::new(), Some(News::Up(None))),
        };
        let news = match &error {
            None => news,
            Some(error) => {
                let kind = error.kind();
                let is_news = !told.contains(&kind);
                if is_news {
                    told.push(kind);
                }
                is_news.then_some(News::Down)
            }
        };
        self.last = Some(Outcome {
            began,
            since,
            error,
            told,
        });
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_off() -> Option<Error> {
        Some(Error::Truncated { bytes: 1 })
    }

    fn answered(code: u16) -> Option<Error> {
        let reason = "reason".to_string();
        Some(Error::Answered {
            code: code.into(),
            reason,
        })
    }

    fn empty() -> Option<Error> {
        Some(Error::Empty)
    }

    #[test]
    fn each_change_is_news_once() {
        let mut health = Health::default();
        let start = Instant::now();
        let second = |number| start + Duration::from_secs(number);
        assert!(health.last().is_none());
        for (at, error, news) in [
            (0, None, Some(News::Up(None))),
            (1, None, None),
            (2, cut_off(), Some(News::Down)),
            (3, cut_off(), None),
            (4, empty(), Some(News::Down)),
            // Told already in this outage.
            (5, cut_off(), None),
            (6, empty(), None),
            (7, answered(500), Some(News::Down)),
            (7, answered(400), Some(News::Down)),
            (8, answered(500), None),
            (9, None, Some(News::Up(Some(Duration::from_secs(7))))),
            (10, None, None),
            (11, cut_off(), Some(News::Down)),
            (12, None, Some(News::Up(Some(Duration::from_secs(1))))),
        ] {
            assert_eq!(health.note(second(at), error), news, "{at}");
        }
        assert!(matches!(health.last(), Some(Ok(()))));
    }

    #[test]
    fn it_may_begin_down() {
        let mut health = Health::default();
        let start = Instant::now();
        assert_eq!(health.note(start, empty()), Some(News::Down));
        assert!(matches!(health.last(), Some(Err(Error::Empty))));
        let later = start + Duration::from_secs(3);
        let up = News::Up(Some(Duration::from_secs(3)));
        assert_eq!(health.note(later, None), Some(up));
    }

    #[test]
    fn a_scrape_that_began_earlier_is_no_news() {
        let mut health = Health::default();
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        assert_eq!(health.note(later, None), Some(News::Up(None)));
        assert_eq!(health.note(start, cut_off()), None);
        assert!(matches!(health.last(), Some(Ok(()))));
    }
}
