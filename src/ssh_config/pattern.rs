//! Patterns of names: `*`, `?`, and `!` for what is not meant.

/// Returns whether `text` matches `pattern`, in which `*` is any text and `?` any character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // The point to go back to when a match fails: the last star, and the length of the text that it took.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((position, taken)) = star else {
                    return false;
                };
                star = Some((position, taken + 1));
                at = position + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

/// Returns whether one of the patterns matches and none of those with a `!` does.
pub(super) fn any<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        if let Some(refused) = pattern.strip_prefix('!') {
            if matches(refused, text) {
                return false;
            }
        } else {
            found = found || matches(pattern, text);
        }
    }
    found
}

/// The same for a list with commas.
pub(super) fn any_of(list: &str, text: &str) -> bool {
    any(list.split(',').map(str::trim), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "any"),
            ("web?", "web1"),
            ("*.example.com", "a.b.example.com"),
            ("a*b*c", "aXbXbc"),
            ("**a", "ba"),
            ("?", "é"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("web?", "web"),
            ("web?", "web12"),
            ("Web", "web"),
            ("f[o]o", "foo"),
            ("*.com", "com"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(200), &"b".repeat(2000)));
    }

    #[test]
    fn a_refused_pattern_wins_but_never_matches_by_itself() {
        assert!(any_of("!a,*", "b"));
        assert!(!any_of("*,!a", "a"));
        assert!(!any_of("!a,!b", "c"));
        assert!(any_of("x, c", "c"));
        assert!(!any_of("", "c"));
    }
}
