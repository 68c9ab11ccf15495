//! Answers that nobody else may read.

use std::sync::LazyLock;

use regex::{Regex, bytes};

use crate::secret::MASK;

/// Prompts that ask for a secret, in the languages that servers speak most.
static PROMPTS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)pass ?-?_?(word|phrase|code|key|wd)|\bpass\b|\bpwd\b|\bpins?\b|\b(otp|totp|mfa|2fa)\b|one-time|(verification|security|recovery|auth\w*) (code|key)|token|secret|credential|api.?key|private.?key|\[sudo\]|mot de passe|phrase (de passe|secr)|contrase(ñ|n)a|\bclave\b|passwort|kennwort|kennsatz|\bsenha\b|palavra-passe|wachtwoord|lösenord|hasł|парол|密码|密碼|パスワード|암호";
    Regex::new(words).expect("the expression is correct")
});

/// An answer that gives nothing away: a yes or no, a choice from a list, or nothing.
static TRIVIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(y|yes|n|no|o|oui|non|\d{0,3}|\p{L})$").expect("the expression is correct")
});

/// A shorter answer would make the output unreadable if it were taken out everywhere.
const SHORTEST: usize = 4;

/// Whether a prompt asks for a secret.
pub fn asks_for_secret(prompt: &str) -> bool {
    PROMPTS.is_match(prompt)
}

/// Whether an answer may be recorded.
pub fn is_harmless(prompt: &str, answer: &str) -> bool {
    TRIVIAL.is_match(answer) && !asks_for_secret(prompt)
}

/// Takes secrets out of a text that comes in parts.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// The longest first: one may begin with another.
    secrets: Vec<String>,
    any: Option<bytes::Regex>,
    held: Vec<u8>,
}

impl Redactor {
    /// Takes an answer out from now on.
    pub(super) fn add(&mut self, answer: &str) {
        for line in answer.lines() {
            let is_new = !self.secrets.iter().any(|secret| secret == line);
            if is_new && line.chars().count() >= SHORTEST {
                self.secrets.push(line.to_owned());
            }
        }
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let each: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| regex::escape(secret))
            .collect();
        // An answer that is too long for an expression is left out, as the shortest are.
        self.any = (!each.is_empty())
            .then(|| bytes::Regex::new(&each.join("|")).ok())
            .flatten();
    }

    /// A whole text without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.without(text.as_bytes())).into_owned()
    }

    fn without(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.any {
            Some(any) => any.replace_all(bytes, MASK.as_bytes()).into_owned(),
            None => bytes.to_vec(),
        }
    }

    /// Takes the next part, and gives what can be no secret's beginning.
    pub(super) fn take(&mut self, part: &[u8]) -> Vec<u8> {
        let Some(any) = &self.any else {
            return part.to_vec();
        };
        self.held.extend_from_slice(part);
        let mut plain = Vec::new();
        let mut rest = self.held.as_slice();
        let rest = loop {
            let sure = rest.len() - self.beginning_at_end(rest);
            match any.find(rest) {
                // What comes may make a longer secret of it.
                Some(found) if found.start() < sure => {
                    plain.extend_from_slice(&rest[..found.start()]);
                    plain.extend_from_slice(MASK.as_bytes());
                    rest = &rest[found.end()..];
                }
                _ => {
                    plain.extend_from_slice(&rest[..sure]);
                    break &rest[sure..];
                }
            }
        };
        self.held = rest.to_vec();
        plain
    }

    /// What was held back for a secret that did not come.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.without(&held)
    }

    /// The length of the longest beginning of a secret, short of its end, that ends the text.
    fn beginning_at_end(&self, text: &[u8]) -> usize {
        let of_one = |secret: &String| {
            let secret = secret.as_bytes();
            let mut ends = (1..secret.len()).rev();
            ends.find(|end| text.ends_with(&secret[..*end]))
        };
        let longest = self.secrets.iter().filter_map(of_one).max();
        longest.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_however_the_text_is_cut() {
        let text = "hunter2 hunt hunter22 äöüß! hunhunter2 x hunter";
        for size in 1..text.len() {
            let mut redactor = Redactor::default();
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
