//! Word expansion (POSIX, XCU 2.6): the arguments that a shell makes of a word.

use super::Refusal;
use super::environment::Environment;
use super::expansion::{
    Expansion, MOST_READINGS, class_length, each, letter_to_all, range_length, spread,
};
use super::judge::Judge;
use super::path;
use super::rule_text::braces;
use crate::shell::argument::{Argument, MANY, ONE, SOMETHING, UNKNOWN, joined};
use crate::shell::syntax::{Word, WordPart};

/// Most words that braces make of one.
const MOST_CHOICES: usize = 512;

/// The arguments of one reading of a word.
pub(super) type WordReading = Vec<Argument>;

impl Judge<'_> {
    /// The readings of a word; several if a variable in it may have several values.
    pub(super) fn readings(
        &mut self,
        word: &[WordPart],
        environment: &Environment,
        splits: bool,
    ) -> Result<Vec<WordReading>, Refusal> {
        let mut chosen: Vec<Vec<&WordPart>> = vec![word.iter().collect()];
        let mut readings = vec![WordReading::new()];
        if splits {
            chosen = self.choices(chosen)?;
        }
        for parts in chosen {
            let mut all = Vec::new();
            for expansion in self.expansions(&parts, environment, splits)? {
                for reading in &readings {
                    all.push([&reading[..], &expansion[..]].concat());
                }
            }
            self.spend(all.len())?;
            if all.len() > MOST_READINGS {
                return Err(Refusal::beyond(
                    "its variables and braces stand for too many words",
                ));
            }
            readings = all;
        }
        Ok(readings)
    }

    /// The word's text where it is one argument.
    pub(super) fn texts(
        &mut self,
        word: &[WordPart],
        environment: &Environment,
    ) -> Result<Vec<String>, Refusal> {
        let readings = self.readings(word, environment, false)?;
        Ok(readings.iter().map(|reading| joined(reading)).collect())
    }

    /// Expands the braces of a word.
    fn choices<'p>(
        &mut self,
        mut open: Vec<Vec<&'p WordPart>>,
    ) -> Result<Vec<Vec<&'p WordPart>>, Refusal> {
        let mut done = Vec::new();
        while let Some(word) = open.pop() {
            self.spend(1 + word.len() / 16)?;
            if done.len() + open.len() > MOST_CHOICES {
                return Err(Refusal::beyond("braces in it stand for too many words"));
            }
            let special = |part: &&WordPart| match part {
                WordPart::Bare(one) => Some(*one),
                _ => None,
            };
            match braces(&word, special) {
                Some((start, parts, end)) => {
                    for (first, last) in parts.into_iter().rev() {
                        open.push([&word[..start], &word[first..last], &word[end..]].concat());
                    }
                }
                None => done.push(word),
            }
        }
        Ok(done)
    }

    fn expansions(
        &mut self,
        word: &[&WordPart],
        environment: &Environment,
        splits: bool,
    ) -> Result<Vec<WordReading>, Refusal> {
        let mut expansions = vec![Expansion::default()];
        let separators = splits.then(|| environment.separators());
        let mut rest = word.iter().enumerate();
        while let Some((at, part)) = rest.next() {
            self.spend(expansions.len() / 8)?;
            if splits && let Some((letter, length)) = pattern(&word[at..]) {
                rest.nth(length - 2);
                letter_to_all(&mut expansions, letter);
                continue;
            }
            match part {
                WordPart::Bare(letter) => {
                    let letter = match letter {
                        '*' if splits => MANY,
                        '?' if splits => ONE,
                        other => *other,
                    };
                    letter_to_all(&mut expansions, letter);
                }
                WordPart::Quoted(letter) => letter_to_all(&mut expansions, *letter),
                WordPart::Empty => each(&mut expansions, |expansion| expansion.fixed = true),
                WordPart::Tilde(user) => {
                    let home = home(user, environment);
                    each(&mut expansions, |expansion| expansion.push(&home));
                }
                WordPart::Arithmetic(word) => {
                    let known = self.allow.is_empty();
                    let number = if known {
                        self.number(word, environment)?
                    } else {
                        None
                    };
                    let text = number.map_or(SOMETHING.into(), |number| number.to_string());
                    each(&mut expansions, |expansion| expansion.push(&text));
                }
                WordPart::ExtendedGlob(_) => letter_to_all(&mut expansions, MANY),
                WordPart::ProcessSubstitution(list) => {
                    let printed = self.printed(list, environment)?;
                    each(&mut expansions, |expansion| {
                        expansion.push(&format!("/dev/fd/{SOMETHING}"));
                        expansion.printed.clone_from(&printed);
                    });
                }
                WordPart::Substitution(list, quoted) => {
                    let value = self.printed(list, environment)?.unwrap_or(UNKNOWN.into());
                    let value = value.trim_end_matches('\n');
                    let separators = separators.as_deref().filter(|_| !quoted);
                    each(&mut expansions, |expansion| {
                        expansion.add(value, separators);
                    });
                }
                WordPart::Array(words) => {
                    let value = self.arguments_of(words, environment)?;
                    let value = joined(&value);
                    each(&mut expansions, |expansion| expansion.push(&value));
                }
                WordPart::Variable(variable) => {
                    let mut alternatives = self.alternatives(variable, environment)?;
                    if !splits {
                        for words in &mut alternatives {
                            *words = vec![Argument::of(joined(words))];
                        }
                    }
                    let separators = separators.as_deref().filter(|_| !variable.quoted);
                    expansions = spread(expansions, &alternatives, separators);
                }
            }
        }
        each(&mut expansions, Expansion::cut);
        Ok(expansions
            .into_iter()
            .map(|expansion| expansion.done)
            .collect())
    }

    /// The arguments of several words, whichever reading they come from.
    pub(super) fn arguments_of(
        &mut self,
        words: &[Word],
        environment: &Environment,
    ) -> Result<WordReading, Refusal> {
        let mut all = WordReading::new();
        for word in words {
            all.extend(
                self.readings(word, environment, true)?
                    .into_iter()
                    .flatten(),
            );
        }
        self.spend(all.len())?;
        Ok(all)
    }
}

/// The mark for the `[…]` or `{1..9}` that begins here, and the number of its parts.
fn pattern(word: &[&WordPart]) -> Option<(char, usize)> {
    match word.first()? {
        WordPart::Bare('[') => Some((ONE, class_length(word)?)),
        WordPart::Bare('{') => {
            let length = range_length(word)?;
            // `{a..z}` is one letter.
            let is_letter = matches!(word[1], WordPart::Bare(one) if one.is_ascii_alphabetic());
            Some((if is_letter { ONE } else { SOMETHING }, length))
        }
        _ => None,
    }
}

fn home(user: &str, environment: &Environment) -> String {
    match user {
        "" => environment.values("HOME").swap_remove(0),
        "root" => "/root".into(),
        "+" => environment.values("PWD").swap_remove(0),
        "-" => environment.values("OLDPWD").swap_remove(0),
        user => path::normal(&format!("/home/{user}")),
    }
}
