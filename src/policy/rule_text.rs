//! The text of a rule: split into words, with its braces expanded.

use super::default::SETS;
use super::glob::RuleChar;

/// Most alternatives of one word.
const MOST: usize = 1024;

/// The words of a rule, as a shell would split them: quoted characters stand for themselves.
pub(super) fn split(text: &str) -> Result<Vec<Vec<RuleChar>>, String> {
    let mut words: Vec<Vec<RuleChar>> = Vec::new();
    let mut word: Option<Vec<RuleChar>> = None;
    let mut quote = None;
    let mut rest = text.char_indices();
    while let Some((at, next)) = rest.next() {
        match (next, quote) {
            (end, Some(open)) if end == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => {
                let (_, escaped) = rest.next().ok_or("it ends in a backslash")?;
                word.get_or_insert_default().push((escaped, true));
            }
            (other, Some(_)) => word.get_or_insert_default().push((other, true)),
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (other, None) => {
                let word = word.get_or_insert_default();
                match set(&text[at..]).filter(|_| begins_value(word)) {
                    Some((name, choices)) => {
                        word.extend(choices.chars().map(|one| (one, false)));
                        rest.nth(name.len() - 2);
                    }
                    None => word.push((other, false)),
                }
            }
        }
    }
    if quote.is_some() {
        return Err("a quote in it is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

/// Returns true if a named set can follow.
fn begins_value(word: &[RuleChar]) -> bool {
    matches!(word.last(), None | Some(('=' | '>' | '!', false)))
}

fn set(text: &str) -> Option<&'static (&'static str, &'static str)> {
    let ends = |name: &str| text[name.len()..].starts_with(|next: char| !next.is_alphanumeric());
    SETS.iter()
        .find(|(name, _)| text.starts_with(name) && (text.len() == name.len() || ends(name)))
}

/// The words that a word with `{a,b}` stands for.
pub(super) fn choices(word: &[RuleChar]) -> Result<Vec<Vec<RuleChar>>, String> {
    let mut done = Vec::new();
    let mut open = vec![word.to_vec()];
    while let Some(word) = open.pop() {
        if done.len() + open.len() > MOST {
            return Err("it stands for too many words".into());
        }
        match braces(&word, |letter| match letter {
            (one, false) => Some(*one),
            _ => None,
        }) {
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

/// The positions of an opening brace, of its alternatives, and after the closing one.
type Braces = (usize, Vec<(usize, usize)>, usize);

/// The first pair of braces with a comma in it.
pub(super) fn braces<T>(word: &[T], special: impl Fn(&T) -> Option<char>) -> Option<Braces> {
    // Each open brace, with the commas that are its own.
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut found: Option<(usize, Vec<usize>, usize)> = None;
    for (at, letter) in word.iter().enumerate() {
        match special(letter) {
            Some('{') => open.push((at, Vec::new())),
            Some(',') => {
                if let Some((_, commas)) = open.last_mut() {
                    commas.push(at);
                }
            }
            Some('}') => {
                if let Some((start, commas)) = open.pop()
                    && !commas.is_empty()
                {
                    // The outermost counts, or the first if they stand side by side.
                    let inside = found.as_ref().is_none_or(|(first, ..)| start < *first);
                    if inside {
                        found = Some((start, commas, at));
                    }
                    if open.is_empty() {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    let (start, commas, end) = found?;
    let starts = std::iter::once(start).chain(commas.iter().copied());
    let ends = commas.iter().copied().chain(std::iter::once(end));
    let parts = starts.zip(ends).map(|(first, last)| (first + 1, last));
    Some((start, parts.collect(), end + 1))
}
