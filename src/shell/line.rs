//! A command line's simple commands, as a POSIX shell would tell them apart.

use std::iter::Peekable;
use std::str::Chars;

/// What stands between a simple command and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// `;` or a newline, or the end of the line.
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `&`
    Background,
}

/// A command without its redirections.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words without their quotes, assignments included.
    pub(super) words: Vec<String>,
    /// Whether it runs other commands for its words.
    pub(super) substitutes: bool,
}

/// Gives the simple commands of a line one by one, as far as it consists of them: it ends before a
/// compound command, a function or a here-document.
pub(super) struct Line<'a> {
    rest: Peekable<Chars<'a>>,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars().peekable(),
        }
    }

    /// The word that is written from here, and whether there is one.
    fn word(&mut self, command: &mut Simple) -> Option<String> {
        let (mut word, mut quoted) = (String::new(), false);
        while let Some(&character) = self.rest.peek() {
            if " \t\n;&|<>()".contains(character) {
                break;
            }
            self.rest.next();
            match character {
                '\'' => {
                    quoted = true;
                    word.extend(self.rest.by_ref().take_while(|next| *next != '\''));
                }
                '"' => {
                    quoted = true;
                    self.double_quoted(&mut word, command);
                }
                '\\' => word.extend(self.rest.next().filter(|next| *next != '\n')),
                '$' if self.rest.peek() == Some(&'(') => {
                    command.substitutes = true;
                    self.substitution();
                    word.push(character);
                }
                '`' => {
                    command.substitutes = true;
                    word.extend(self.rest.by_ref().take_while(|next| *next != '`'));
                }
                _ => word.push(character),
            }
        }
        (quoted || !word.is_empty()).then_some(word)
    }

    fn double_quoted(&mut self, word: &mut String, command: &mut Simple) {
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return,
                '\\' => word.extend(self.rest.next()),
                '$' if self.rest.peek() == Some(&'(') => {
                    command.substitutes = true;
                    self.substitution();
                    word.push(character);
                }
                _ => {
                    command.substitutes |= character == '`';
                    word.push(character);
                }
            }
        }
    }

    /// Passes over what stands in parentheses.
    fn substitution(&mut self) {
        let mut depth = 0;
        while let Some(character) = self.rest.next() {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => {
                    self.rest.next();
                }
                '\'' | '"' => while self.rest.next().is_some_and(|next| next != character) {},
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes over a redirection. Gives whether it is one that can be passed over.
    fn redirection(&mut self, command: &mut Simple) -> bool {
        let mut operator = String::new();
        while let Some(character) = self.rest.next_if(|next| "<>&|-".contains(*next)) {
            operator.push(character);
        }
        if ["<<", "<<-"].contains(&operator.as_str()) || self.rest.peek() == Some(&'(') {
            return false;
        }
        if !operator.ends_with("&-") {
            while self.rest.next_if(|next| " \t".contains(*next)).is_some() {}
            self.word(command);
        }
        true
    }
}

impl Iterator for Line<'_> {
    type Item = (Simple, Separator);

    fn next(&mut self) -> Option<Self::Item> {
        let mut command = Simple::default();
        let mut is_redirected = false;
        loop {
            let Some(&character) = self.rest.peek() else {
                let is_there = is_redirected || !command.words.is_empty();
                return is_there.then_some((command, Separator::Then));
            };
            match character {
                ' ' | '\t' => {
                    self.rest.next();
                }
                '#' => while self.rest.next_if(|next| *next != '\n').is_some() {},
                '(' | ')' => {
                    self.rest = "".chars().peekable();
                    return None;
                }
                '<' | '>' => {
                    is_redirected = true;
                    if !self.redirection(&mut command) {
                        self.rest = "".chars().peekable();
                        return None;
                    }
                }
                ';' | '\n' | '&' | '|' => {
                    self.rest.next();
                    if character == '&' && self.rest.peek() == Some(&'>') {
                        continue;
                    }
                    let doubled = self.rest.next_if(|next| *next == character).is_some();
                    let separator = match (character, doubled) {
                        ('&', true) => Separator::And,
                        ('&', false) => Separator::Background,
                        ('|', true) => Separator::Or,
                        ('|', false) => {
                            // `|&` takes standard error as well.
                            self.rest.next_if(|next| *next == '&');
                            Separator::Pipe
                        }
                        _ => Separator::Then,
                    };
                    if is_redirected || !command.words.is_empty() {
                        return Some((command, separator));
                    }
                }
                _ => {
                    let Some(word) = self.word(&mut command) else {
                        continue;
                    };
                    // The number of a descriptor is the redirection's.
                    let is_descriptor = word.bytes().all(|byte| byte.is_ascii_digit())
                        && self.rest.peek().is_some_and(|next| "<>".contains(*next));
                    if !is_descriptor {
                        command.words.push(word);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        Line::new(line)
            .map(|(command, separator)| format!("{} {separator:?}", command.words.join(",")))
            .collect()
    }

    #[test]
    fn commands_are_told_apart_as_a_shell_does() {
        let cases: [(&str, &[&str]); 8] = [
            ("a 'b c' d\\ e;f", &["a,b c,d e Then", "f Then"]),
            (
                "a && b || c | d & e",
                &["a And", "b Or", "c Pipe", "d Background", "e Then"],
            ),
            (
                "a \"x;y\" 2>&1 >/dev/null 3>&- c | b",
                &["a,x;y,c Pipe", "b Then"],
            ),
            ("a &>log\nb", &["a Then", "b Then"]),
            ("a $(b; c \")\") d", &["a,$,d Then"]),
            ("a # b; c\nd", &["a Then", "d Then"]),
            ("a; cat <<EOF\ntail -f x\nEOF", &["a Then"]),
            ("a; (b; c)", &["a Then"]),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn what_runs_other_commands_for_its_words_is_marked() {
        for (line, substitutes) in [
            ("a $(b)", true),
            ("a \"`b`\"", true),
            ("a '$(b)' \\$x", false),
        ] {
            let (command, _) = Line::new(line).next().unwrap();
            assert_eq!(command.substitutes, substitutes, "{line}");
        }
    }
}
