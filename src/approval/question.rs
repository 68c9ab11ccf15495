//! A question to a person, and the answer to it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LIFE;
use crate::actor::Actor;
use crate::readable::readable;
use crate::time::{Timestamp, brief};

/// The time after a question's life in which an answer that came in time is still heeded.
const HEEDED: Duration = Duration::from_secs(10);

/// The answer of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersonAnswer {
    /// It may happen.
    Yes,
    /// It must not happen.
    No,
}

/// A question that is answered by yes or no, once. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonQuestion {
    /// All that a yes is about, in one line.
    #[serde(rename = "question")]
    pub text: String,
    /// The servers that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// The tool that was called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// The command, the steps or the diff, in lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// The rule or mode by which it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The reason that the caller gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The one who wants to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Actor>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The task that begins with a yes, whose ID the question has. Without one, the call is to be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_task: bool,
    /// The command that "always" lets through, where it can: program and first word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<PersonAnswer>,
    /// The one who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Actor>,
    /// When they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
}

impl PersonQuestion {
    /// A question asked now, of this text alone.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            asked_at: Timestamp::now(),
            ..Self::default()
        }
    }

    /// The time at which it, and the answer to it, stop counting.
    pub fn expires_at(&self) -> Timestamp {
        self.asked_at.after(LIFE)
    }

    /// The time for which it can still be answered; zero once it has expired.
    pub fn time_left(&self) -> Duration {
        LIFE.saturating_sub(self.asked_at.elapsed())
    }

    /// All that a person has to know, in lines that can be shown.
    pub fn in_lines(&self) -> String {
        let mut text = format!("{}\n", self.text);
        // Writing to a string cannot fail.
        for line in self.details.lines() {
            let _ = writeln!(text, "    {line}");
        }
        let by = self.asked_by.as_ref().map(ToString::to_string);
        for (label, fact) in [
            ("rule", self.rule.as_deref()),
            ("reason", self.reason.as_deref()),
            ("asked by", by.as_deref()),
        ] {
            if let Some(fact) = fact {
                let _ = writeln!(text, "  {label}: {fact}");
            }
        }
        let (age, left) = (self.asked_at.age(), brief(self.time_left()));
        let _ = writeln!(text, "  asked {age} ago, open for {left}");
        readable(&text).into_owned()
    }

    pub(super) fn is_open(&self) -> bool {
        self.answer.is_none() && !self.time_left().is_zero()
    }

    /// Returns whether nothing is to be made of it any more.
    pub(super) fn is_expired(&self) -> bool {
        let heeded = self.answered_at.map_or(Duration::ZERO, |_| HEEDED);
        self.asked_at.elapsed() >= LIFE + heeded
    }
}
