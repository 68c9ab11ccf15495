//! A parser for shell command lines: POSIX with what bash and zsh have in common beyond it.
//!
//! It reads a text once; only `((` may make it go back. It limits its steps and its depth, so that no text can
//! hang it or exhaust the stack.

mod compound;
mod document;
mod dollar;
mod list;
mod simple;
mod word;

use std::rc::Rc;

use super::syntax::CommandList;
use super::{MAX_DEPTH, MAX_TEXT};
pub(crate) use simple::declared;

/// The reason why a text has no syntax tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ParseError {
    /// It is not of this grammar.
    Syntax,
    /// It is too long or nested too deep.
    TooComplex,
}

type ParseResult<T> = Result<T, ParseError>;

/// The commands of `text`, which itself lies `depth` deep in others.
pub(crate) fn parse(text: &str, depth: usize) -> ParseResult<CommandList> {
    if text.len() > MAX_TEXT {
        return Err(ParseError::TooComplex);
    }
    let mut parser = Parser::new(text.chars().collect(), depth);
    let list = parser.list()?;
    if parser.at < parser.text.len() {
        return Err(ParseError::Syntax);
    }
    Ok(list)
}

/// The parser, at a place in its text.
struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
    /// The steps that are left.
    left: usize,
    documents: Vec<document::PendingDocument>,
}

impl Parser {
    fn new(text: Vec<char>, depth: usize) -> Self {
        Self {
            at: 0,
            depth,
            left: 8 * text.len() + 1000,
            text,
            documents: Vec::new(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn sees(&self, text: &str) -> bool {
        let mut rest = self.text[self.at..].iter();
        text.chars().all(|wanted| rest.next() == Some(&wanted))
    }

    fn step(&mut self) -> ParseResult<()> {
        self.left = self.left.checked_sub(1).ok_or(ParseError::TooComplex)?;
        Ok(())
    }

    fn next(&mut self) -> ParseResult<Option<char>> {
        self.step()?;
        let next = self.peek();
        self.at += usize::from(next.is_some());
        Ok(next)
    }

    /// The next character, which has to be there.
    fn some(&mut self) -> ParseResult<char> {
        self.next()?.ok_or(ParseError::Syntax)
    }

    fn take(&mut self, text: &str) -> bool {
        let sees = self.sees(text);
        if sees {
            self.at += text.len();
        }
        sees
    }

    fn expect(&mut self, text: &str) -> ParseResult<()> {
        if self.take(text) {
            Ok(())
        } else {
            Err(ParseError::Syntax)
        }
    }

    /// One level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> ParseResult<T>) -> ParseResult<T> {
        self.step()?;
        if self.depth >= MAX_DEPTH {
            return Err(ParseError::TooComplex);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// The list of a substitution, whose here-documents are its own, and the parenthesis after it.
    fn substitution(&mut self) -> ParseResult<CommandList> {
        let documents = std::mem::take(&mut self.documents);
        let list = self.nested(Self::list)?;
        self.documents = documents;
        self.expect(")")?;
        Ok(list)
    }

    /// Skips spaces, escaped line ends and comments.
    fn blanks(&mut self) -> ParseResult<()> {
        loop {
            if self.take("\\\n") || self.take(" ") || self.take("\t") || self.take("\r") {
                self.step()?;
            } else if self.peek() == Some('#') {
                while !matches!(self.peek(), None | Some('\n')) {
                    self.next()?;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Skips blanks and line ends, and reads the here-documents that begin at these.
    fn lines(&mut self) -> ParseResult<()> {
        self.blanks()?;
        while self.take("\n") {
            self.step()?;
            self.read_documents()?;
            self.blanks()?;
        }
        Ok(())
    }

    /// The text from here to the next blank or operator, as far as a keyword can be long.
    fn keyword(&self) -> String {
        let rest = &self.text[self.at..];
        rest.iter()
            .take(10)
            .take_while(|&&next| !ends_word(next))
            .collect()
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.keyword() == keyword && self.take(keyword)
    }

    fn expect_keyword(&mut self, keyword: &str) -> ParseResult<()> {
        self.lines()?;
        if self.take_keyword(keyword) {
            Ok(())
        } else {
            Err(ParseError::Syntax)
        }
    }

    /// The text that was read since `start`, as it is written.
    fn part(&self, start: usize) -> Rc<str> {
        const LONGEST: usize = 200;
        let written = &self.text[start..self.at];
        let mut part: String = written.iter().take(LONGEST).collect();
        part.truncate(part.trim_end().len());
        if written.len() > LONGEST {
            part.push('…');
        }
        part.into()
    }
}

/// Returns whether the character ends an unquoted word.
fn ends_word(next: char) -> bool {
    matches!(
        next,
        ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::argument::Argument;
    use crate::shell::syntax::{CommandKind, Join, runs_commands};

    /// The text's simple commands, each with what stands before it and behind it.
    fn commands(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        note(&parse(text, 0).unwrap(), &mut found);
        found
    }

    fn note(list: &CommandList, found: &mut Vec<String>) {
        for pipeline in list {
            for (at, command) in pipeline.commands.iter().enumerate() {
                let before = match pipeline.join {
                    _ if at > 0 => "| ",
                    Join::Then => "",
                    Join::And => "&& ",
                    Join::Or => "|| ",
                };
                match &command.kind {
                    CommandKind::Simple { words, .. } => {
                        let texts = words.iter().map(|word| Argument::unexpanded(word).text);
                        let behind = if pipeline.background { " &" } else { "" };
                        let texts = texts.collect::<Vec<_>>().join(",");
                        found.push(format!("{before}{texts}{behind}"));
                    }
                    CommandKind::Subshell(list) => note(list, found),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn commands_are_told_apart_as_a_shell_does() {
        let cases: [(&str, &[&str]); 8] = [
            ("a 'b c' d\\ e;f", &["a,b c,d e", "f"]),
            (
                "a && b || c | d & e",
                &["a", "&& b", "|| c &", "| d &", "e"],
            ),
            ("a \"x;y\" 2>&1 >/dev/null 3>&- c | b", &["a,x;y,c", "| b"]),
            ("a &>log\nb", &["a", "b"]),
            ("a $(b; c \")\") d", &["a,\u{F0000},d"]),
            ("a # b; c\nd", &["a", "d"]),
            ("a; cat <<EOF\ntail -f x\nEOF\nb", &["a", "cat", "b"]),
            ("a; (b; c)", &["a", "b", "c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(commands(text), expected, "{text}");
        }
    }

    #[test]
    fn what_runs_other_commands_for_its_words_is_marked() {
        for (text, expected) in [
            ("a $(b)", true),
            ("a \"`b`\"", true),
            ("a \"${x:-$(b)}\"", true),
            ("a $((1 + $(b)))", true),
            ("a <(b)", true),
            ("a '$(b)' \\$x ${y:-z}", false),
        ] {
            let list = parse(text, 0).unwrap();
            let CommandKind::Simple { words, .. } = &list[0].commands[0].kind else {
                panic!("{text}");
            };
            let runs = words.iter().any(|word| runs_commands(word));
            assert_eq!(runs, expected, "{text}");
        }
    }
}
