//! The modifiers of parameter expansions, applied to values that are known.

use super::glob::RuleChar;
use crate::shell::syntax::{CaseChange, Occurrence};

/// Most steps of one search; past them, the value counts as not known.
const MOST_STEPS: usize = 1 << 20;

/// The value with the match of the pattern at one of its ends removed.
pub(super) fn trimmed(value: &str, pattern: &[RuleChar], at_end: bool, longest: bool) -> String {
    let mut text: Vec<char> = value.chars().collect();
    let mut tokens = tokens(pattern);
    if at_end {
        text.reverse();
        tokens.reverse();
    }
    let lengths = lengths(&tokens, &text);
    let length = if longest {
        lengths.last()
    } else {
        lengths.first()
    };
    let mut rest = text.split_off(length.copied().unwrap_or(0));
    if at_end {
        rest.reverse();
    }
    rest.into_iter().collect()
}

/// The value with another text where the pattern matches; `None` if that takes too long.
pub(super) fn replaced(
    value: &str,
    pattern: &[RuleChar],
    with: &str,
    how: Occurrence,
) -> Option<String> {
    let text: Vec<char> = value.chars().collect();
    let tokens = tokens(pattern);
    match how {
        Occurrence::AtStart if tokens.is_empty() => return Some(format!("{with}{value}")),
        Occurrence::AtEnd if tokens.is_empty() => return Some(format!("{value}{with}")),
        _ => {}
    }
    if how == Occurrence::AtEnd {
        let rest = trimmed(value, pattern, true, true);
        let is_found = rest.len() < value.len();
        return Some(if is_found { rest + with } else { rest });
    }
    if steps(text.len(), tokens.len()) > MOST_STEPS {
        return None;
    }
    let mut changed = String::new();
    let (mut at, mut done) = (0, false);
    while at < text.len() {
        let tries = !done && (at == 0 || how != Occurrence::AtStart);
        let found = tries.then(|| lengths(&tokens, &text[at..]).last().copied());
        if let Some(length) = found.flatten().filter(|length| *length > 0) {
            changed.push_str(with);
            at += length;
            done = how != Occurrence::Every;
        } else {
            changed.push(text[at]);
            at += 1;
        }
        if changed.len() > crate::shell::MAX_VALUE {
            return None;
        }
    }
    Some(changed)
}

/// The steps of a search for a pattern at every position of a text.
pub(super) fn steps(text: usize, pattern: usize) -> usize {
    (text + 1).saturating_pow(2).saturating_mul(pattern + 1)
}

/// The part of the value that `${NAME:offset:length}` means.
pub(super) fn slice<T: Clone>(all: &[T], offset: i64, length: Option<i64>) -> Vec<T> {
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { count + at } else { at };
    let start = place(offset);
    if start < 0 || start > count {
        return Vec::new();
    }
    let end = match length {
        None => count,
        Some(length) if length < 0 => count.saturating_add(length),
        Some(length) => start.saturating_add(length).min(count),
    };
    let at = |place: i64| usize::try_from(place).unwrap_or(0);
    all.get(at(start)..at(end)).unwrap_or_default().to_vec()
}

pub(super) fn cased(value: &str, case: CaseChange) -> String {
    let first = |change: fn(&char) -> char| {
        let mut letters = value.chars();
        let first = letters.next().map(|one| change(&one));
        first.into_iter().chain(letters).collect()
    };
    match case {
        CaseChange::Upper => value.to_ascii_uppercase(),
        CaseChange::Lower => value.to_ascii_lowercase(),
        CaseChange::FirstUpper => first(char::to_ascii_uppercase),
        CaseChange::FirstLower => first(char::to_ascii_lowercase),
        CaseChange::Swapped => value
            .chars()
            .map(|one| {
                if one.is_ascii_lowercase() {
                    one.to_ascii_uppercase()
                } else {
                    one.to_ascii_lowercase()
                }
            })
            .collect(),
    }
}

/// One element of a pattern. Unlike in a path, each may match a `/`.
enum PatternToken {
    Is(char),
    One,
    Class(Vec<char>, bool),
    Many,
}

fn tokens(pattern: &[RuleChar]) -> Vec<PatternToken> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((&(letter, literal), others)) = rest.split_first() {
        rest = others;
        tokens.push(match letter {
            '*' if !literal => PatternToken::Many,
            '?' if !literal => PatternToken::One,
            '[' if !literal => {
                let skip = 1 + usize::from(matches!(others.first(), Some(('!' | '^', false))));
                let close = others.iter().skip(skip).position(|one| one.0 == ']');
                match close.map(|at| others.split_at(at + skip)) {
                    Some((class, after)) => {
                        rest = &after[1..];
                        let class = &class[skip - 1..];
                        PatternToken::Class(members(class), skip == 2)
                    }
                    None => PatternToken::Is('['),
                }
            }
            other => PatternToken::Is(other),
        });
    }
    tokens
}

/// The characters of a class; a range of more than a few hundred is cut.
fn members(class: &[RuleChar]) -> Vec<char> {
    let mut members = Vec::new();
    let mut at = 0;
    while at < class.len() {
        if let [(first, _), ('-', _), (last, _), ..] = class[at..] {
            members.extend((first..=last).take(256));
            at += 3;
        } else {
            members.push(class[at].0);
            at += 1;
        }
    }
    members
}

/// The lengths of the prefixes of the text that match, the shortest first.
fn lengths(tokens: &[PatternToken], text: &[char]) -> Vec<usize> {
    let mut found = Vec::new();
    if tokens.len().saturating_mul(text.len()) > MOST_STEPS {
        return found;
    }
    let mut places = vec![false; tokens.len() + 1];
    places[0] = true;
    for length in 0..=text.len() {
        for (place, token) in tokens.iter().enumerate() {
            places[place + 1] |= places[place] && matches!(token, PatternToken::Many);
        }
        if places[tokens.len()] {
            found.push(length);
        }
        let Some(&letter) = text.get(length) else {
            break;
        };
        let mut next = vec![false; places.len()];
        for (place, token) in tokens
            .iter()
            .enumerate()
            .filter(|(place, _)| places[*place])
        {
            match token {
                PatternToken::Many => next[place] = true,
                PatternToken::One => next[place + 1] = true,
                PatternToken::Is(own) => next[place + 1] |= *own == letter,
                PatternToken::Class(members, inverted) => {
                    next[place + 1] |= members.contains(&letter) != *inverted;
                }
            }
        }
        places = next;
        if !places.contains(&true) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Vec<RuleChar> {
        text.chars().map(|one| (one, false)).collect()
    }

    #[test]
    fn ends_are_trimmed_as_a_shell_does() {
        for (value, by, at_end, longest, rest) in [
            ("/a/b/c", "/*", true, false, "/a/b"),
            ("/a/b/c", "/*", true, true, ""),
            ("/a/b/c", "*/", false, false, "a/b/c"),
            ("/a/b/c", "*/", false, true, "c"),
            ("abc", "?", true, false, "ab"),
            ("/", "?", true, false, ""),
            ("a1", "[0-9]", true, false, "a"),
            ("ab", "[!0-9]", true, false, "a"),
            ("abc", "x", true, true, "abc"),
            ("", "*", true, true, ""),
        ] {
            assert_eq!(
                trimmed(value, &pattern(by), at_end, longest),
                rest,
                "{value} {by}"
            );
        }
    }

    #[test]
    fn patterns_are_replaced_as_a_shell_does() {
        for (value, by, how, changed) in [
            ("aXbX", "X", Occurrence::First, Some("a-bX")),
            ("aXbX", "X", Occurrence::Every, Some("a-b-")),
            ("XaX", "X", Occurrence::AtStart, Some("-aX")),
            ("XaX", "X", Occurrence::AtEnd, Some("Xa-")),
            ("aXX", "X*", Occurrence::First, Some("a-")),
            ("abc", "", Occurrence::Every, Some("abc")),
            ("abc", "", Occurrence::AtStart, Some("-abc")),
            ("abc", "", Occurrence::AtEnd, Some("abc-")),
        ] {
            let given = replaced(value, &pattern(by), "-", how);
            assert_eq!(given.as_deref(), changed, "{value} {by} {how:?}");
        }
        assert_eq!(
            replaced(&"x".repeat(4096), &pattern("*y"), "", Occurrence::Every),
            None
        );
    }

    #[test]
    fn slices_count_from_either_end() {
        let text: Vec<char> = "/tmp".chars().collect();
        for (offset, length, part) in [
            (0, Some(1), "/"),
            (1, None, "tmp"),
            (-3, Some(2), "tm"),
            (1, Some(-1), "tm"),
            (9, None, ""),
            (-9, None, ""),
            (3, Some(i64::MAX), "p"),
            (0, Some(-9), ""),
        ] {
            assert_eq!(
                slice(&text, offset, length),
                part.chars().collect::<Vec<_>>()
            );
        }
    }
}
