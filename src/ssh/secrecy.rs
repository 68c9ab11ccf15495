//! Answers that nobody else may read.

use std::sync::LazyLock;

use regex::Regex;

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
    any: Option<Regex>,
    held: String,
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
            .then(|| Regex::new(&each.join("|")).ok())
            .flatten();
    }

    /// A whole text without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        match &self.any {
            Some(any) => any.replace_all(text, MASK).into_owned(),
            None => text.to_owned(),
        }
    }

    /// Takes the next part, and gives what can be no secret's beginning.
    pub(super) fn take(&mut self, part: &str) -> String {
        let Some(any) = &self.any else {
            return part.to_owned();
        };
        self.held.push_str(part);
        let mut plain = String::new();
        let mut rest = self.held.as_str();
        let rest = loop {
            let sure = rest.len() - self.beginning_at_end(rest);
            match any.find(rest) {
                // What comes may make a longer secret of it.
                Some(found) if found.start() < sure => {
                    plain.push_str(&rest[..found.start()]);
                    plain.push_str(MASK);
                    rest = &rest[found.end()..];
                }
                _ => {
                    plain.push_str(&rest[..sure]);
                    break &rest[sure..];
                }
            }
        };
        self.held = rest.to_owned();
        plain
    }

    /// What was held back for a secret that did not come.
    pub(super) fn rest(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        self.redact(&held)
    }

    /// The length of the longest beginning of a secret, short of its end, that ends the text.
    fn beginning_at_end(&self, text: &str) -> usize {
        let of_one = |secret: &String| {
            let ends = secret.char_indices().map(|(end, _)| end);
            ends.filter(|end| text.ends_with(&secret[..*end])).max()
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
            let characters: Vec<_> = text.chars().collect();
            let parts = characters.chunks(size);
            let mut plain: String = parts
                .map(|part| redactor.take(&part.iter().collect::<String>()))
                .collect();
            plain.push_str(&redactor.rest());
            let expected = "*** hunt *** *** hun*** x hunter";
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
