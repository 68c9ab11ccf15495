//! Secret answers: the prompts that ask for them, and their redaction from the output.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::secret::{Finder, MaskStyle, Redactor, names_secret, redacted};

/// Prompts that ask for a secret, in the languages that servers speak most.
static PROMPTS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)pass ?-?_?(word|phrase|code|key|wd)|\bpass\b|\bpwd\b|\bpins?\b|\b(otp|totp|mfa|2fa)\b|one-time|(verification|security|recovery|auth\w*) (code|key)|token|secret|credential|api.?key|private.?key|\[sudo\]|mot de passe|phrase (de passe|secr)|contrase(ñ|n)a|\bclave\b|passwort|kennwort|kennsatz|\bsenha\b|palavra-passe|wachtwoord|lösenord|hasł|парол|密码|密碼|パスワード|암호";
    Regex::new(words).expect("the expression is correct")
});

/// An answer that discloses nothing: a yes or no, a choice from a list, or nothing.
static TRIVIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(y|yes|n|no|o|oui|non|\d{0,3}|\p{L})$").expect("the expression is correct")
});

/// Shortest answer that is redacted: a shorter one would make the output unreadable.
const SHORTEST: usize = 4;

/// Returns whether a prompt asks for a secret.
pub fn asks_for_secret(prompt: &str) -> bool {
    PROMPTS.is_match(prompt)
}

/// Returns whether a variable of this name holds a secret.
pub fn is_secret_variable(name: &str) -> bool {
    asks_for_secret(name) || names_secret(name)
}

/// Returns whether an answer may be recorded.
pub fn is_harmless(prompt: &str, answer: &str) -> bool {
    TRIVIAL.is_match(answer) && !asks_for_secret(prompt)
}

/// Redacts secret answers from the output.
#[derive(Debug)]
pub(super) struct AnswerRedactor {
    answers: BTreeSet<String>,
    /// `None` while there is no answer.
    finder: Option<Arc<Finder>>,
    redactor: Redactor,
}

impl Default for AnswerRedactor {
    fn default() -> Self {
        Self {
            answers: BTreeSet::new(),
            finder: None,
            redactor: Redactor::new(MaskStyle::Word),
        }
    }
}

impl AnswerRedactor {
    /// Redacts an answer from now on.
    pub(super) fn add(&mut self, answer: &str) {
        let known = self.answers.len();
        let lines = answer
            .lines()
            .filter(|line| line.chars().count() >= SHORTEST);
        self.answers.extend(lines.map(ToOwned::to_owned));
        if self.answers.len() > known {
            let answers = self.answers.iter().map(String::as_str);
            self.finder = Some(Arc::new(Finder::exactly(answers)));
        }
    }

    /// Masks each byte of an answer by itself, so that all positions stay the same.
    pub(super) fn keep_positions(&mut self) {
        self.redactor = Redactor::new(MaskStyle::Asterisks);
    }

    /// The number of bytes that are held back.
    pub(super) fn held(&self) -> u64 {
        self.redactor.held()
    }

    /// A whole text without the answers.
    pub(super) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.finder {
            Some(finder) => redacted(finder, text),
            None => text.into(),
        }
    }

    /// Takes the next part, and returns the bytes that cannot begin an answer.
    pub(super) fn take(&mut self, part: &[u8]) -> Vec<u8> {
        self.redactor.take(self.finder.as_ref(), part).into_owned()
    }

    /// The bytes that were held back because they may begin an answer.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        // An answer may have been added since.
        let mut rest = self.take(&[]);
        rest.extend(self.redactor.rest());
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_however_the_text_is_cut() {
        let text = "hunter2 hunt hunter22 äöüß! hunhunter2 x hunter";
        for size in 1..text.len() {
            let mut redactor = AnswerRedactor::default();
            for secret in ["hunter2", "hunter22", "äöüß!", "abc"] {
                redactor.add(secret);
            }
            let parts = text.as_bytes().chunks(size);
            let mut plain: Vec<u8> = parts.flat_map(|part| redactor.take(part)).collect();
            plain.extend(redactor.rest());
            let expected = "*** hunt *** *** hun*** x hunter";
            let plain = String::from_utf8(plain).unwrap();
            assert_eq!(plain, expected, "in parts of {size}");
        }
    }

    #[test]
    fn positions_can_be_kept() {
        let mut redactor = AnswerRedactor::default();
        redactor.keep_positions();
        redactor.add("hunter2");
        let plain = redactor.take(b"is hunter2? hunt");
        assert_eq!(plain, b"is *******? ");
        assert_eq!(redactor.held(), 4);
        assert_eq!(redactor.rest(), b"hunt");
    }

    #[test]
    fn only_what_gives_nothing_away_is_harmless() {
        for answer in [
            "y", "Yes", "n", "no", "o", "oui", "non", "", "1", "123", "d",
        ] {
            assert!(is_harmless("Continue", answer), "{answer}");
        }
        for answer in ["hunter2", "1234", "yes please", "x1"] {
            assert!(!is_harmless("Continue", answer), "{answer}");
        }
        for prompt in ["[sudo]", "Mot de passe", "PIN", "Passwort:", "Enter token"] {
            assert!(!is_harmless(prompt, "1"), "{prompt}");
        }
        assert!(!asks_for_secret(
            "Do you want to see the pinned passengers?"
        ));
    }
}
