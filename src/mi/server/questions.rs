//! What a server is asked for beside its statistics: in which time, and after a failure not before
//! a pause is over. No I/O.

use std::time::{Duration, Instant};

use crate::mi::deadline::Deadline;
use crate::mi::error::{CommandError, Error};
use crate::mi::retry::Retry;

/// Something that a server is asked for beside its statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is.
    pub topic: Topic,
    /// Whether the answer has less time than the operator grants, since the client is in a hurry.
    /// What is too slow then says nothing to the others.
    pub is_hurried: bool,
}

/// What a server is asked for beside its statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Its version.
    Version,
    /// Its groups.
    Groups,
    /// Its processes.
    Processes,
    /// The names of its commands.
    Commands,
    /// What this command shows, and the value of its parameter.
    Command(&'static str, String),
}

/// What a server was asked for beside its statistics and did not tell.
#[derive(Debug, Default)]
pub struct Questions(Retry<Question>);

impl Questions {
    /// A question about `topic` and how long its answer may take: `most`, and less where `deadline`
    /// is that of a client in a hurry.
    ///
    /// # Errors
    ///
    /// [`CommandError::Paused`] after a failure, [`CommandError::NoTime`] when so little is left
    /// that silence would say nothing of the topic.
    pub fn prepare(
        &self,
        topic: Topic,
        most: Duration,
        deadline: Deadline,
    ) -> Result<(Question, Duration), CommandError> {
        let time = most.min(deadline.limit() / 4);
        let question = Question { topic, is_hurried: time < most };
        let now = Instant::now();
        if !self.0.may_ask(&question, now) || !self.0.may_ask(&question.patient(), now) {
            return Err(CommandError::Paused);
        }
        match deadline.remaining() {
            Some(left) if left >= time => Ok((question, time)),
            _ => Err(CommandError::NoTime),
        }
    }

    /// Notes how `question` was answered.
    pub fn note(&mut self, question: Question, error: Option<&CommandError>) {
        let has_failed = match error {
            None => false,
            Some(
                CommandError::TooLarge
                | CommandError::TooSlow { .. }
                | CommandError::Error(Error::ReplyTooLarge(_)),
            ) => true,
            // A command that has nothing to tell costs little.
            Some(_) => !matches!(question.topic, Topic::Command(..)),
        };
        if !has_failed {
            return self.0.note_success(&question);
        }
        log::debug!("no answer to {:?}", question.topic);
        let is_too_large = matches!(error, Some(CommandError::TooLarge));
        let failed = if is_too_large { question.patient() } else { question };
        self.0.note_failure(failed, Instant::now());
    }

    /// Whether a command of one of these names was too slow or too large when it was called last.
    pub fn has_failed(&self, names: &[&str]) -> bool {
        let is_named =
            |topic: &Topic| matches!(topic, Topic::Command(name, _) if names.contains(name));
        self.0.failed().any(|question| is_named(&question.topic))
    }
}

impl Question {
    /// The same with all the time that the operator grants. What is too slow in that is too slow in
    /// less.
    fn patient(&self) -> Self {
        Question { is_hurried: false, ..self.clone() }
    }
}
