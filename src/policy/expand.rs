//! Words as the arguments that a shell makes of them.

use super::Refusal;
use super::environment::Scope;
use super::expansion::{Draft, class_length, each, letter_to_all, range_length, spread};
use super::judge::Judge;
use super::path;
use super::rule_text::braces;
use crate::shell::argument::{Argument, MANY, ONE, SOMETHING, UNKNOWN};
use crate::shell::syntax::{Piece, Word};

/// Readings of one word that are followed; past it, a variable's value counts as not known.
pub(super) const MOST_READINGS: usize = 64;
/// Words that braces may make of one.
const MOST_CHOICES: usize = 512;

/// The arguments that one reading of a word makes.
pub(super) type Reading = Vec<Argument>;

impl Judge<'_> {
    /// The readings of a word; several if a variable in it may have several values.
    pub(super) fn readings(
        &mut self,
        word: &[Piece],
        scope: &Scope,
        splits: bool,
    ) -> Result<Vec<Reading>, Refusal> {
        let mut chosen: Vec<Vec<&Piece>> = vec![word.iter().collect()];
        let mut readings = vec![Reading::new()];
        if splits {
            chosen = self.choices(chosen)?;
        }
        for pieces in chosen {
            let mut all = Vec::new();
            for draft in self.drafts(&pieces, scope, splits)? {
                for reading in &readings {
                    all.push([&reading[..], &draft[..]].concat());
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
    pub(super) fn texts(&mut self, word: &[Piece], scope: &Scope) -> Result<Vec<String>, Refusal> {
        let readings = self.readings(word, scope, false)?;
        Ok(readings
            .iter()
            .map(|reading| crate::shell::argument::joined(reading))
            .collect())
    }

    /// The words that braces make of one.
    fn choices<'p>(
        &mut self,
        mut open: Vec<Vec<&'p Piece>>,
    ) -> Result<Vec<Vec<&'p Piece>>, Refusal> {
        let mut done = Vec::new();
        while let Some(word) = open.pop() {
            self.spend(1 + word.len() / 16)?;
            if done.len() + open.len() > MOST_CHOICES {
                return Err(Refusal::beyond("braces in it stand for too many words"));
            }
            let special = |piece: &&Piece| match piece {
                Piece::Bare(one) => Some(*one),
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

    fn drafts(
        &mut self,
        word: &[&Piece],
        scope: &Scope,
        splits: bool,
    ) -> Result<Vec<Reading>, Refusal> {
        let mut drafts = vec![Draft::default()];
        let separators = splits.then(|| scope.separators());
        let mut rest = word.iter().enumerate();
        while let Some((at, piece)) = rest.next() {
            self.spend(drafts.len() / 8)?;
            match piece {
                Piece::Bare('[') if splits && class_length(&word[at..]).is_some() => {
                    let length = class_length(&word[at..]).unwrap_or(1);
                    rest.nth(length - 2);
                    letter_to_all(&mut drafts, ONE);
                }
                Piece::Bare('{') if splits && range_length(&word[at..]).is_some() => {
                    let length = range_length(&word[at..]).unwrap_or(1);
                    rest.nth(length - 2);
                    // `{a..z}` is one letter.
                    let is_letter =
                        matches!(word[at + 1], Piece::Bare(one) if one.is_ascii_alphabetic());
                    letter_to_all(&mut drafts, if is_letter { ONE } else { SOMETHING });
                }
                Piece::Bare(letter) => {
                    let letter = match letter {
                        '*' if splits => MANY,
                        '?' if splits => ONE,
                        other => *other,
                    };
                    letter_to_all(&mut drafts, letter);
                }
                Piece::Quoted(letter) => letter_to_all(&mut drafts, *letter),
                Piece::Nothing => each(&mut drafts, |draft| draft.fixed = true),
                Piece::Tilde(user) => {
                    let home = home(user, scope);
                    each(&mut drafts, |draft| draft.push(&home));
                }
                Piece::Number(word) => {
                    let known = self.allow.is_empty();
                    let number = if known {
                        self.number(word, scope)?
                    } else {
                        None
                    };
                    let text = number.map_or(SOMETHING.into(), |number| number.to_string());
                    each(&mut drafts, |draft| draft.push(&text));
                }
                Piece::Pattern(_) => {
                    letter_to_all(&mut drafts, MANY);
                }
                Piece::Process(list) => {
                    let printed = self.printed(list, scope)?;
                    each(&mut drafts, |draft| {
                        draft.push(&format!("/dev/fd/{SOMETHING}"));
                        draft.printed.clone_from(&printed);
                    });
                }
                Piece::Output(list, quoted) => {
                    let value = self.printed(list, scope)?.unwrap_or(UNKNOWN.into());
                    let value = value.trim_end_matches('\n');
                    let separators = separators.as_deref().filter(|_| !quoted);
                    each(&mut drafts, |draft| draft.add(value, separators));
                }
                Piece::Array(words) => {
                    let value = self.flat(words, scope)?;
                    let value = crate::shell::argument::joined(&value);
                    each(&mut drafts, |draft| draft.push(&value));
                }
                Piece::Variable(variable) => {
                    let mut alternatives = self.alternatives(variable, scope)?;
                    if !splits {
                        for words in &mut alternatives {
                            *words = vec![Argument::of(crate::shell::argument::joined(words))];
                        }
                    }
                    let separators = separators.as_deref().filter(|_| !variable.quoted);
                    drafts = spread(drafts, &alternatives, separators);
                }
            }
        }
        each(&mut drafts, Draft::cut);
        Ok(drafts.into_iter().map(|draft| draft.done).collect())
    }

    /// The arguments of several words, whichever reading they come from.
    pub(super) fn flat(&mut self, words: &[Word], scope: &Scope) -> Result<Reading, Refusal> {
        let mut all = Reading::new();
        for word in words {
            all.extend(self.readings(word, scope, true)?.into_iter().flatten());
        }
        self.spend(all.len())?;
        Ok(all)
    }
}

fn home(user: &str, scope: &Scope) -> String {
    match user {
        "" => scope.values("HOME").swap_remove(0),
        "root" => "/root".into(),
        "+" => scope.values("PWD").swap_remove(0),
        "-" => scope.values("OLDPWD").swap_remove(0),
        user => path::normal(&format!("/home/{user}")),
    }
}
