//! What the log is told of things that can fail: each failure once, and once when it is over. The
//! lines are collected while the server is asked and logged afterwards, so that a log that is slow
//! keeps nobody else from asking.

use std::time::{Duration, Instant};

use log::Level;

/// What the log was told, and what it is to be told next.
#[derive(Debug, Default)]
pub struct News {
    failing: Vec<Failing>,
    lines: Vec<(Level, String)>,
}

#[derive(Debug)]
struct Failing {
    subject: &'static str,
    since: Instant,
    /// The kinds of failures that were told since then.
    told: Vec<String>,
}

impl News {
    /// Notes that `subject` fails, and that the log is to be told `line` unless it was told of a
    /// failure of this `kind` since `subject` fails.
    pub fn fails(&mut self, subject: &'static str, kind: String, line: impl FnOnce() -> String) {
        let known = self.failing.iter_mut().find(|failing| failing.subject == subject);
        match known {
            Some(failing) if failing.told.contains(&kind) => return,
            Some(failing) => failing.told.push(kind),
            None => {
                self.failing.push(Failing { subject, since: Instant::now(), told: vec![kind] });
            }
        }
        self.lines.push((Level::Warn, line()));
    }

    /// Notes that `subject` works, and returns for how long it failed if it did.
    pub fn works(&mut self, subject: &'static str) -> Option<Duration> {
        let index = self.failing.iter().position(|failing| failing.subject == subject)?;
        Some(self.failing.swap_remove(index).since.elapsed())
    }

    /// The log is to be told `line`.
    pub fn tell(&mut self, line: String) {
        self.lines.push((Level::Info, line));
    }

    /// The lines that were not logged yet.
    pub fn take(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines)
    }
}

/// Logs what [`News::take`] gave.
pub fn log(lines: Vec<(Level, String)>) {
    for (level, line) in lines {
        log::log!(level, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_told_once_and_its_end() {
        let mut news = News::default();
        let fail = |news: &mut News, kind: &str| {
            news.fails("server", kind.to_string(), || format!("it is {kind}"));
            news.take().len()
        };
        assert_eq!(news.works("server"), None);
        for (kind, lines) in [("mute", 1), ("mute", 0), ("gone", 1), ("mute", 0)] {
            assert_eq!(fail(&mut news, kind), lines, "{kind}");
        }
        assert!(news.works("server").is_some() && news.works("server").is_none());
        assert_eq!(fail(&mut news, "mute"), 1);
    }
}
