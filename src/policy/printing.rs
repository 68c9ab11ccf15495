//! The output of `echo` and `printf`.

use crate::shell::MAX_VALUE;
use crate::shell::argument::{Argument, SOMETHING, bounded, joined};

/// The widest padding that is written out.
const WIDEST: usize = 64;

pub(super) fn echo(arguments: &[Argument]) -> String {
    let flags = ["-n", "-e", "-E", "-ne", "-en", "-nE", "-En"];
    let options = arguments
        .iter()
        .take_while(|one| flags.contains(&&*one.text))
        .count();
    let (options, words) = arguments.split_at(options);
    let has = |letter| options.iter().any(|one| one.text.contains(letter));
    let text = joined(words);
    let text = if has('e') {
        unescaped(&text)
    } else {
        // Some shells' `echo` knows escapes, others' does not.
        text.replace("\\n", "\n")
    };
    if has('n') { text } else { text + "\n" }
}

/// The output of `printf` for these arguments.
pub(super) fn format(arguments: &[Argument]) -> String {
    let mut arguments = arguments;
    if arguments.first().is_some_and(|one| one.text == "--") {
        arguments = &arguments[1..];
    }
    let Some((format, mut rest)) = arguments.split_first() else {
        return String::new();
    };
    let format = unescaped(&format.text);
    let mut text = String::new();
    loop {
        let before = rest.len();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter == '%' {
                directive(&mut letters, &mut rest, &mut text);
            } else {
                text.push(letter);
            }
        }
        if rest.is_empty() || rest.len() == before || text.len() > MAX_VALUE {
            return bounded(text);
        }
    }
}

/// Prints what one `%…` stands for.
fn directive(letters: &mut std::str::Chars<'_>, rest: &mut &[Argument], text: &mut String) {
    let mut spec = String::new();
    let kind = loop {
        match letters.next() {
            Some(one) if one.is_ascii_digit() || "-+ #.'l".contains(one) => spec.push(one),
            other => break other,
        }
    };
    if kind == Some('%') {
        return text.push('%');
    }
    let value = match rest.split_first() {
        Some((first, others)) => {
            *rest = others;
            first.text.as_str()
        }
        None => "",
    };
    let value = match kind {
        Some('s' | 'q' | 'd' | 'i' | 'u') => value.to_owned(),
        Some('b') => unescaped(value),
        Some('c') => value.chars().take(1).collect(),
        _ => SOMETHING.into(),
    };
    let (width, precision) = spec.split_once('.').unwrap_or((&spec, ""));
    let digits = |text: &str| {
        let start = text.find(|one: char| one.is_ascii_digit() && one != '0');
        start.and_then(|start| text[start..].parse::<usize>().ok())
    };
    let is_text = matches!(kind, Some('s' | 'b' | 'q'));
    let value: String = if spec.contains('.') && is_text {
        value.chars().take(digits(precision).unwrap_or(0)).collect()
    } else {
        value
    };
    let width = digits(width).unwrap_or(0).min(WIDEST);
    let missing = width.saturating_sub(value.chars().count());
    let filler = if spec.starts_with('0') && !is_text {
        "0"
    } else {
        " "
    };
    let padding = filler.repeat(missing);
    if spec.starts_with('-') {
        text.extend([&*value, &*padding]);
    } else {
        text.extend([&*padding, &*value]);
    }
}

/// The text with its escapes replaced.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        let escaped = letters.next();
        let mut code = |radix, most, first| {
            let mut code: u32 = first;
            for _ in 0..most {
                match letters.peek().and_then(|next: &char| next.to_digit(radix)) {
                    Some(digit) => code = code.saturating_mul(radix).saturating_add(digit),
                    None => break,
                }
                letters.next();
            }
            char::from_u32(code).unwrap_or('\u{fffd}')
        };
        plain.push(match escaped {
            None => '\\',
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('e') => '\u{1b}',
            Some('x') => code(16, 2, 0),
            Some('u') => code(16, 4, 0),
            Some('U') => code(16, 8, 0),
            Some('0') => code(8, 3, 0),
            Some(digit @ '1'..='7') => code(8, 2, u32::from(digit) - u32::from('0')),
            // `\c` ends the output.
            Some('c') => return plain,
            Some(other) => other,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::argument::words;

    #[test]
    fn printed_as_by_a_shell() {
        for (arguments, printed) in [
            ("'%s-%s' a b", "a-b"),
            ("'%s ' a b", "a b "),
            ("'\\x2f\\057\\101'", "//A"),
            ("%.1s /tmp", "/"),
            ("%c /tmp", "/"),
            ("%5s ab", "   ab"),
            ("'%-4s|' ab", "ab  |"),
            ("%03d 7", "007"),
            ("%b '\\0057'", "/"),
            ("%s%%", "%"),
            ("-- x", "x"),
            ("", ""),
            ("%", ""),
        ] {
            let given = format(&words(arguments));
            let given = given.replace(SOMETHING, "");
            assert_eq!(given, printed, "{arguments}");
        }
        assert_eq!(echo(&words("-ne '\\x2f'")), "/");
        assert_eq!(echo(&words("-n x y")), "x y");
    }
}
