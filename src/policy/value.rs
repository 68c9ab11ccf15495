//! The values of a parameter expansion.

use super::Refusal;
use super::environment::{Elements, Environment};
use super::expand::WordReading;
use super::glob::RuleChar;
use super::judge::Judge;
use super::modifier;
use super::number;
use crate::shell::argument::{Argument, SOMETHING, UNKNOWN, bounded, is_name, is_unknown};
use crate::shell::syntax::{Modifier, ParameterExpansion, Subscript, Word, WordPart};

impl Judge<'_> {
    /// The readings of a parameter expansion, each in its words.
    pub(super) fn alternatives(
        &mut self,
        variable: &ParameterExpansion,
        environment: &Environment,
    ) -> Result<Vec<WordReading>, Refusal> {
        self.spend(1)?;
        let mut names = vec![variable.name.clone()];
        if variable.is_indirect {
            if matches!(variable.subscript, Subscript::Each | Subscript::Joined)
                && variable.name != "@"
            {
                return Ok(keys(&environment.elements(&variable.name)));
            }
            names = environment.values(&variable.name);
            names.retain(|name| is_name(name) || name.parse::<usize>().is_ok());
            if names.is_empty() {
                return Ok(vec![vec![Argument::of(UNKNOWN)]]);
            }
        }
        let mut all = Vec::new();
        for name in &names {
            all.extend(self.read(name, variable, environment)?);
        }
        let size: usize = all.iter().flatten().map(|word| word.text.len()).sum();
        self.spend(all.len() / 4 + size / 256)?;
        let is_plain = matches!(
            variable.modifier,
            Modifier::None | Modifier::Default(..) | Modifier::Demand(_) | Modifier::Instead(_)
        );
        let is_computed = !is_plain
            || variable.is_indirect
            || matches!(variable.subscript, Subscript::Element(_));
        // One shell takes an array's name for its first element, another for all.
        let is_array =
            matches!(variable.subscript, Subscript::None) && environment.is_array(&variable.name);
        if (is_computed || is_array) && !self.allow.is_empty() {
            // Shells differ in it, which is enough to refuse a command, not to allow one.
            all.push(vec![Argument::of(SOMETHING)]);
        }
        Ok(all)
    }

    fn read(
        &mut self,
        name: &str,
        variable: &ParameterExpansion,
        environment: &Environment,
    ) -> Result<Vec<WordReading>, Refusal> {
        let change = &variable.modifier;
        match &variable.subscript {
            Subscript::Each | Subscript::Joined => {
                let joins = matches!(variable.subscript, Subscript::Joined) && variable.quoted;
                let between = environment.separators().chars().next();
                let mut all = Vec::new();
                for elements in environment.elements(name) {
                    let words = self.several(name, &elements, change, environment)?;
                    for mut words in words {
                        if joins {
                            let texts: Vec<_> = words.iter().map(|one| &*one.text).collect();
                            let between = between.map(String::from).unwrap_or_default();
                            words = vec![Argument::of(texts.join(&between))];
                        }
                        all.push(words);
                    }
                }
                Ok(all)
            }
            Subscript::Element(index) => {
                let values = self.elements_at(name, index, environment)?;
                self.single(values, change, environment)
            }
            Subscript::None => self.single(environment.values(name), change, environment),
        }
    }

    fn single(
        &mut self,
        values: Vec<String>,
        change: &Modifier,
        environment: &Environment,
    ) -> Result<Vec<WordReading>, Refusal> {
        let values = self.changed(values, change, environment)?;
        let word = |value| vec![Argument::of(value)];
        Ok(values.into_iter().map(word).collect())
    }

    /// All elements of an array with a modifier applied.
    fn several(
        &mut self,
        name: &str,
        elements: &Elements,
        change: &Modifier,
        environment: &Environment,
    ) -> Result<Vec<WordReading>, Refusal> {
        let words: WordReading = elements.iter().map(|(_, one)| one.clone()).collect();
        let is_unknown = words.iter().all(Argument::is_unknown) && !words.is_empty();
        match change {
            Modifier::Length if is_unknown => Ok(vec![vec![Argument::of(SOMETHING)]]),
            Modifier::Length => Ok(vec![vec![Argument::of(words.len().to_string())]]),
            Modifier::Slice(start, length) if !is_unknown => {
                let Some((start, length)) = self.range(start, length.as_ref(), environment)? else {
                    return Ok(vec![vec![Argument::of(UNKNOWN)]]);
                };
                // Positional parameters are counted from 1.
                let skipped = i64::from(name == "@" && start > 0);
                Ok(vec![modifier::slice(&words, start - skipped, length)])
            }
            Modifier::Default(..) | Modifier::Demand(_) | Modifier::Instead(_)
                if words.is_empty() || is_unknown =>
            {
                let own = if is_unknown {
                    UNKNOWN.into()
                } else {
                    String::new()
                };
                self.single(vec![own], change, environment)
            }
            Modifier::None | Modifier::Default(..) | Modifier::Demand(_) => Ok(vec![words]),
            _ => {
                let mut changed = WordReading::new();
                for word in words {
                    let values = self.changed(vec![word.text], change, environment)?;
                    changed.extend(values.into_iter().map(Argument::of));
                }
                Ok(vec![changed])
            }
        }
    }

    /// The values of the elements that an index may mean.
    fn elements_at(
        &mut self,
        name: &str,
        index: &Word,
        environment: &Environment,
    ) -> Result<Vec<String>, Refusal> {
        let mut values = Vec::new();
        let keys = self.keys(index, environment)?;
        for elements in environment.elements(name) {
            let known = |key: &String| !key.contains(is_unknown);
            let texts = |(_, one): &(String, Argument)| one.text.clone();
            if !keys.iter().all(known) {
                values.extend(elements.iter().map(texts));
                values.push(UNKNOWN.into());
                continue;
            }
            for key in &keys {
                let found = elements.iter().filter(|(own, _)| own == key).map(texts);
                let before = values.len();
                values.extend(found);
                let back = key.parse::<i64>().ok().filter(|at| *at < 0);
                if let Some(back) = back {
                    let last = modifier::slice(&elements[..], back, Some(1));
                    values.extend(last.iter().map(texts));
                }
                if values.len() == before {
                    values.push(if name == "@" {
                        String::new()
                    } else {
                        UNKNOWN.into()
                    });
                }
            }
        }
        Ok(values)
    }

    /// The keys that an index may be: its text, and the number that it is.
    pub(super) fn keys(
        &mut self,
        index: &[WordPart],
        environment: &Environment,
    ) -> Result<Vec<String>, Refusal> {
        let mut keys = self.texts(index, environment)?;
        if let Some(number) = self.number(index, environment)? {
            let number = number.to_string();
            if !keys.contains(&number) {
                keys.push(number);
            }
        }
        Ok(keys)
    }

    /// The number that an expression is, where it is known.
    pub(super) fn number(
        &mut self,
        word: &[WordPart],
        environment: &Environment,
    ) -> Result<Option<i64>, Refusal> {
        Ok(match &self.texts(word, environment)?[..] {
            [text] => evaluate(text, environment),
            _ => None,
        })
    }

    fn range(
        &mut self,
        start: &Word,
        length: Option<&Word>,
        environment: &Environment,
    ) -> Result<Option<(i64, Option<i64>)>, Refusal> {
        let Some(start) = self.number(start, environment)? else {
            return Ok(None);
        };
        Ok(match length {
            Some(length) => self
                .number(length, environment)?
                .map(|length| (start, Some(length))),
            None => Some((start, None)),
        })
    }

    /// The values with a change.
    fn changed(
        &mut self,
        own: Vec<String>,
        change: &Modifier,
        environment: &Environment,
    ) -> Result<Vec<String>, Refusal> {
        let mut values = Vec::new();
        match change {
            Modifier::None => return Ok(own),
            Modifier::Demand(_) => values.extend(own.into_iter().map(|value| {
                if is_set(&value) {
                    value
                } else {
                    SOMETHING.into()
                }
            })),
            Modifier::Default(word, _) => {
                for value in own {
                    if is_set(&value) {
                        values.push(value);
                    } else {
                        if !value.is_empty() {
                            values.push(SOMETHING.into());
                        }
                        values.extend(self.texts(word, environment)?);
                    }
                }
            }
            Modifier::Instead(word) => {
                values.extend(self.texts(word, environment)?);
                if !own.iter().all(is_set) {
                    values.push(String::new());
                }
            }
            change => {
                for value in own {
                    self.spend(1 + value.len() / 256)?;
                    let changed = self.computed(&value, change, environment)?;
                    values.extend(changed.into_iter().map(bounded));
                }
            }
        }
        Ok(values)
    }

    /// The values that a modifier makes of one value.
    fn computed(
        &mut self,
        value: &str,
        change: &Modifier,
        environment: &Environment,
    ) -> Result<Vec<String>, Refusal> {
        let lost = || vec![if is_set(value) { SOMETHING } else { UNKNOWN }.into()];
        // A part of a value that is not known is not known either.
        if !value.is_empty() && value.chars().all(is_unknown) {
            return Ok(match change {
                Modifier::Length => vec![SOMETHING.into()],
                _ => vec![UNKNOWN.into()],
            });
        }
        let is_known = !value.chars().any(is_unknown);
        Ok(match change {
            Modifier::Length if is_known => vec![value.chars().count().to_string()],
            Modifier::Case(case) => vec![modifier::cased(value, *case)],
            Modifier::Trim {
                pattern,
                at_end,
                longest,
            } => {
                let mut values = Vec::new();
                for pattern in self.patterns(pattern, environment)? {
                    self.spend(pattern.len().saturating_mul(value.len()) / 256)?;
                    values.push(modifier::trimmed(value, &pattern, *at_end, *longest));
                }
                values
            }
            Modifier::Replace { pattern, with, how } => {
                let mut values = Vec::new();
                let with = self.texts(with, environment)?;
                for pattern in self.patterns(pattern, environment)? {
                    let search = modifier::steps(value.len(), pattern.len()) / 1024;
                    self.spend(with.len() * (1 + search.min(1024)))?;
                    let all = with
                        .iter()
                        .map(|with| modifier::replaced(value, &pattern, with, *how));
                    values.extend(all.map(|value| value.unwrap_or_else(|| SOMETHING.into())));
                }
                values
            }
            Modifier::Slice(start, length) if is_known => {
                let letters: Vec<char> = value.chars().collect();
                match self.range(start, length.as_ref(), environment)? {
                    Some((start, length)) => {
                        vec![
                            modifier::slice(&letters, start, length)
                                .into_iter()
                                .collect(),
                        ]
                    }
                    None => lost(),
                }
            }
            _ => lost(),
        })
    }

    /// The patterns that a word may be.
    fn patterns(
        &mut self,
        word: &Word,
        environment: &Environment,
    ) -> Result<Vec<Vec<RuleChar>>, Refusal> {
        /// Most patterns that are followed.
        const MOST: usize = 8;
        let mut patterns = vec![Vec::new()];
        for part in word {
            let mut ends = Vec::new();
            match part {
                WordPart::Bare(letter) => ends.push(vec![(*letter, false)]),
                WordPart::Quoted(letter) => ends.push(vec![(*letter, true)]),
                other => {
                    let quoted = matches!(other, WordPart::Variable(one) if one.quoted);
                    for text in self.texts(std::slice::from_ref(other), environment)? {
                        ends.push(text.chars().map(|one| (one, quoted)).collect());
                    }
                }
            }
            if let [end] = &ends[..] {
                for pattern in &mut patterns {
                    pattern.extend(end);
                }
                continue;
            }
            ends.truncate(MOST);
            self.spend(1 + patterns[0].len() / 256)?;
            patterns = ends
                .iter()
                .flat_map(|end| patterns.iter().map(move |start| [&start[..], end].concat()))
                .take(MOST)
                .collect();
        }
        Ok(patterns)
    }

    /// Sets the variables that `${NAME:=…}` in these words sets.
    pub(super) fn set_defaults(
        &mut self,
        words: &[Word],
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        for part in words.iter().flatten() {
            if let WordPart::Variable(variable) = part
                && matches!(variable.modifier, Modifier::Default(_, true))
                && is_name(&variable.name)
            {
                let values = self.texts(std::slice::from_ref(part), environment)?;
                self.set(environment, &variable.name, values)?;
            }
        }
        Ok(())
    }
}

/// The number that a text is as an expression, where it is known.
pub(super) fn evaluate(text: &str, environment: &Environment) -> Option<i64> {
    let value = |name: &str| match &environment.values(name)[..] {
        [value] => value.trim().parse().ok(),
        _ => None,
    };
    if text.contains(is_unknown) {
        return None;
    }
    number::evaluate(text, &value)
}

fn is_set(value: impl AsRef<str>) -> bool {
    let value = value.as_ref();
    !value.is_empty() && value.chars().any(|one| one != UNKNOWN)
}

/// The keys of arrays, as words.
fn keys(alternatives: &[Elements]) -> Vec<WordReading> {
    let key = |(key, _): &(String, Argument)| Argument::of(key.clone());
    alternatives
        .iter()
        .map(|elements| elements.iter().map(key).collect())
        .collect()
}
