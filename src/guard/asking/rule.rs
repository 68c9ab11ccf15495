//! A rule that asks, as it is written: `SUBJECT [on SERVERS] [on DAYS] [after|before TIME | between TIME and TIME]`.
//!
//! | subject | calls that it is about |
//! |---|---|
//! | none | all that are not known to read only |
//! | `tool:file_edit` | those of this tool; `*` stands for any letters |
//! | any other | those that a block rule of this text would refuse: `rm -r *`, `* >/etc/*` |

use chrono::NaiveDateTime;
use globset::GlobMatcher;

use super::servers::{ServerChoice, ServerNames};
use super::when::{TimeSpan, Weekdays};
use super::work::WantedWork;
use crate::policy::Pattern;
use crate::text::{NameCase, misspelt, name_glob};

/// The words that begin a condition. In a command they have to be quoted: a rule of which a condition is taken for
/// a part of the command would never ask.
const CONDITIONS: [&str; 4] = ["on", "after", "before", "between"];

/// A rule that asks.
#[derive(Debug)]
pub(super) struct AskRule {
    text: String,
    subject: AskSubject,
    servers: Option<ServerChoice>,
    days: Option<Weekdays>,
    span: Option<TimeSpan>,
}

#[derive(Debug)]
enum AskSubject {
    Changes,
    Tool(GlobMatcher),
    Command(Box<Pattern>),
}

impl AskRule {
    /// Parses a rule. The error completes a sentence about it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            text: text.trim().to_owned(),
            subject: AskSubject::Changes,
            servers: None,
            days: None,
            span: None,
        };
        let mut rest: Vec<&str> = text.split_whitespace().collect();
        if rest.is_empty() {
            return Err("is empty".to_owned());
        }
        while let Some(left) = rule.take_condition(&rest)? {
            rest.truncate(left);
        }
        rule.subject = match rest.as_slice() {
            [] => AskSubject::Changes,
            [only] if only.starts_with("tool:") => {
                let name = only.trim_start_matches("tool:");
                AskSubject::Tool(name_glob(name, NameCase::Counts)?)
            }
            words if words.iter().any(|word| CONDITIONS.contains(word)) => {
                return Err("has a condition that is none of: on SERVERS or DAYS, after TIME, before TIME, between TIME and TIME; quote the word if it belongs to the command".to_owned());
            }
            [first, ..] => {
                let end = rest.last().unwrap_or(first);
                let command = span_of(text, first, end);
                let pattern = Pattern::parse(command)?;
                AskSubject::Command(Box::new(pattern))
            }
        };
        Ok(rule)
    }

    /// Takes the last condition, and returns the number of words before it.
    fn take_condition(&mut self, words: &[&str]) -> Result<Option<usize>, String> {
        let taken = match words {
            [.., "between", from, "and", to] => {
                self.set_span(TimeSpan::between(from, to)?)?;
                4
            }
            [.., "after", time] if looks_like_time(time) => {
                self.set_span(TimeSpan::after(time)?)?;
                2
            }
            [.., "before", time] if looks_like_time(time) => {
                self.set_span(TimeSpan::before(time)?)?;
                2
            }
            [.., "on", name] => {
                match Weekdays::parse(name) {
                    Some(days) if self.days.is_none() => self.days = Some(days),
                    None if self.servers.is_none() => {
                        self.servers = Some(ServerChoice::parse(name)?);
                    }
                    _ => return Err("names days, or servers, twice".to_owned()),
                }
                2
            }
            _ => return Ok(None),
        };
        Ok(Some(words.len() - taken))
    }

    fn set_span(&mut self, span: TimeSpan) -> Result<(), String> {
        match self.span.replace(span) {
            None => Ok(()),
            Some(_) => Err("names a time twice; between … and … has two".to_owned()),
        }
    }

    /// The servers that it is for; all if `None`.
    pub(super) fn servers(&self) -> Option<&ServerChoice> {
        self.servers.as_ref()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn holds(&self, names: &ServerNames, now: &NaiveDateTime) -> bool {
        let servers = self.servers.as_ref();
        servers.is_none_or(|servers| servers.holds_for(names))
            && self.days.is_none_or(|days| days.hold_at(now))
            && self.span.is_none_or(|span| span.holds_at(now))
    }

    /// Returns whether it is about a call, whatever its commands and paths.
    pub(super) fn is_about_call(&self, work: &WantedWork<'_>) -> bool {
        match &self.subject {
            AskSubject::Changes => work.may_change,
            AskSubject::Tool(name) => name.is_match(work.tool),
            AskSubject::Command(_) => false,
        }
    }

    /// Refuses a rule about tools of which there is none. The error completes a sentence about it.
    pub(super) fn check_tool(&self, known: &[String]) -> Result<(), String> {
        let AskSubject::Tool(name) = &self.subject else {
            return Ok(());
        };
        if known.iter().any(|known| name.is_match(known)) {
            return Ok(());
        }
        let meant = misspelt(name.glob().glob(), known.iter().map(String::as_str));
        let meant = meant.map(|meant| format!("; did you mean `tool:{meant}`?"));
        Err(format!("names no tool{}", meant.unwrap_or_default()))
    }

    /// Its rule about commands.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match &self.subject {
            AskSubject::Command(pattern) => Some(pattern),
            _ => None,
        }
    }

    /// Returns whether it is about files that are written or removed.
    pub(super) fn is_about_files(&self) -> bool {
        self.pattern()
            .is_some_and(|pattern| pattern.text().contains('>') || pattern.is_about("rm"))
    }

    /// Returns whether its rule about commands has this text.
    pub(super) fn is_written(&self, text: &str) -> bool {
        self.pattern().is_some_and(|pattern| pattern.text() == text)
    }
}

/// The part of a text from one of its words to another.
fn span_of<'t>(text: &'t str, first: &str, last: &str) -> &'t str {
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    let end = last.as_ptr() as usize - text.as_ptr() as usize + last.len();
    &text[start..end]
}

fn looks_like_time(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && text.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_stand_behind_the_subject_in_any_order() {
        for (text, command) in [
            ("rm -r *", Some("rm -r *")),
            ("* >/etc/* on tag:prod", Some("* >/etc/*")),
            (
                "systemctl restart * on web1,web2 after 18:00",
                Some("systemctl restart *"),
            ),
            ("after 18:00 on tag:prod", None),
            ("on weekends", None),
            ("on all between 22:00 and 06:00 on mon-fri", None),
            ("tool:file_edit on tag:prod", None),
            ("grep 'after' x", Some("grep 'after' x")),
            ("grep 'a  b' on web1", Some("grep 'a  b'")),
        ] {
            let rule = AskRule::parse(text).unwrap();
            assert_eq!(rule.pattern().map(Pattern::text), command, "{text}");
        }
        for wrong in [
            "",
            "  ",
            "after 25:00",
            "after noon",
            "between 1:00 and x",
            "on web1 on web2",
            "on sat on sun",
            "after 1:00 before 2:00",
            "on {",
            "rm 'x",
            "touch * on",
            "touch * after noon",
            "touch * after 18:00 before",
            "grep after x",
        ] {
            assert!(AskRule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
