//! A command at a terminal: what it prints, made plain, and the answers to its prompts.

use std::time::Duration;

use regex::{Regex, RegexBuilder};
use tokio::time::Instant;

use crate::terminal::Screen;

/// A prompt that waits at the end of its line has been printed whole after so long.
const AFTER_LINE: Duration = Duration::from_millis(100);
/// A program that ended its prompt's line may just be printing on.
const AFTER_NEWLINE: Duration = Duration::from_millis(500);

/// Lines of the end that a prompt is looked for in.
const PROMPT_LINES: usize = 3;

/// Prompts that somebody who wants the command done says yes to.
const USUAL: &str = r"(?i)\[y(es)?/n(o)?\]|\(y(es)?/n(o)?(/[^)]*)?\)|\by/n\b|do you want to (continue|proceed)|continue\?|proceed\?|are you sure|overwrite|replace .*\?|save (changes|modified|it)|is this ok";
/// Prompts that want the whole word.
const WANTS_WORD: &str = r"(?i)yes/no|type 'yes'|type yes";
/// Prompts for what must never be guessed.
const SECRET: &str = r"(?i)pass(word|phrase|code)|\bPIN\b|verification code|\botp\b";

/// What is said to a command, and when.
#[derive(Debug)]
pub struct Conversation {
    answers: Vec<(Regex, String)>,
    usual: Option<Regex>,
    wants_word: Regex,
    secret: Regex,
    screen: Screen,
    /// What came since the last answer.
    pending: String,
    /// The last answer, which the terminal shows as if it had been printed.
    echo: String,
    changed: Instant,
    looked: bool,
}

/// A prompt's pattern: a text in upper or lower case, or a regular expression between slashes.
pub fn pattern(text: &str) -> Result<Regex, regex::Error> {
    match text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
    {
        Some(expression) if !expression.is_empty() => Regex::new(expression),
        _ => RegexBuilder::new(&regex::escape(text))
            .case_insensitive(true)
            .build(),
    }
}

/// Whether an answer to this prompt is a secret.
pub fn is_secret(prompt: &str) -> bool {
    known(SECRET).is_match(prompt)
}

fn known(expression: &str) -> Regex {
    Regex::new(expression).expect("the expression is correct")
}

impl Conversation {
    /// A conversation with these answers; with `usual`, also with a yes to the usual questions.
    pub fn new(answers: Vec<(Regex, String)>, usual: bool) -> Self {
        Self {
            answers,
            usual: usual.then(|| known(USUAL)),
            wants_word: known(WANTS_WORD),
            secret: known(SECRET),
            screen: Screen::default(),
            pending: String::new(),
            echo: String::new(),
            changed: Instant::now(),
            looked: true,
        }
    }

    /// Takes what the terminal shows next, and gives it in plain text.
    pub(super) fn take(&mut self, bytes: &[u8]) -> String {
        let text = self.screen.take(bytes);
        self.pending.push_str(&text);
        if let Some(rest) = self.pending.strip_prefix(&self.echo) {
            self.pending = rest.to_owned();
            self.echo.clear();
        }
        (self.changed, self.looked) = (Instant::now(), false);
        text
    }

    /// What was held back for an end that did not come.
    pub(super) fn rest(&mut self) -> String {
        self.screen.rest()
    }

    /// When to look for a prompt.
    pub(super) fn due(&self) -> Option<Instant> {
        let patience = if self.pending.ends_with('\n') {
            AFTER_NEWLINE
        } else {
            AFTER_LINE
        };
        (!self.looked).then(|| self.changed + patience)
    }

    /// The answer to the prompt that waits, if one does.
    pub(super) fn answer(&mut self) -> Option<String> {
        self.looked = true;
        let prompt = self.prompt();
        let given = self
            .answers
            .iter()
            .find(|(pattern, _)| pattern.is_match(&prompt));
        let answer = match (given, &self.usual) {
            (Some((_, answer)), _) => answer.clone(),
            (None, Some(usual)) if usual.is_match(&prompt) && !self.secret.is_match(&prompt) => {
                if self.wants_word.is_match(&prompt) {
                    "yes"
                } else {
                    "y"
                }
                .to_owned()
            }
            _ => return None,
        };
        self.pending.clear();
        let line = format!("{answer}\n");
        self.echo.clone_from(&line);
        Some(line)
    }

    /// The last lines, where a prompt would stand.
    pub(super) fn prompt(&self) -> String {
        let lines: Vec<_> = self
            .pending
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(PROMPT_LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(answers: &[(&str, &str)], usual: bool) -> Conversation {
        let answers = answers
            .iter()
            .map(|(prompt, answer)| (pattern(prompt).unwrap(), (*answer).to_owned()))
            .collect();
        Conversation::new(answers, usual)
    }

    fn answer_to(conversation: &mut Conversation, text: &str) -> Option<String> {
        conversation.take(text.as_bytes());
        conversation.answer()
    }

    #[tokio::test]
    async fn answers_come_as_often_as_their_prompts_in_any_order() {
        let answers = [
            ("Do you want to continue", "Y"),
            ("/^Restart \\w+\\?/", "no"),
        ];
        let mut talk = conversation(&answers, false);
        assert_eq!(answer_to(&mut talk, "Restart ssh?"), Some("no\n".into()));
        assert_eq!(
            answer_to(&mut talk, "no\r\ndo you WANT to continue? "),
            Some("Y\n".into())
        );
        assert_eq!(
            answer_to(&mut talk, "Y\r\nDo you want to continue? "),
            Some("Y\n".into())
        );
        assert_eq!(answer_to(&mut talk, "Y\r\nworking\r\n"), None);
    }

    #[tokio::test]
    async fn the_usual_questions_are_answered_and_secrets_never() {
        let mut talk = conversation(&[], true);
        assert_eq!(answer_to(&mut talk, "Proceed? [Y/n] "), Some("y\n".into()));
        let host = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
        assert_eq!(answer_to(&mut talk, host), Some("yes\n".into()));
        assert_eq!(answer_to(&mut talk, "[sudo] password for me [y/n]: "), None);
        assert_eq!(
            answer_to(&mut conversation(&[], false), "Proceed? [Y/n] "),
            None
        );
    }

    #[tokio::test]
    async fn the_echo_of_an_answer_is_no_prompt() {
        let mut talk = conversation(&[("yes", "yes")], false);
        assert_eq!(answer_to(&mut talk, "type yes: "), Some("yes\n".into()));
        assert_eq!(answer_to(&mut talk, "yes\r\n"), None);
    }
}
