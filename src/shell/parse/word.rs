//! Words and their quotes.

use super::{ParseError, ParseResult, Parser, ends_word};
use crate::shell::argument::{MANY, ONE, is_name};
use crate::shell::syntax::{Word, WordPart, bare};

impl Parser {
    /// Reads the word that stands here.
    pub(super) fn word(&mut self) -> ParseResult<Option<Word>> {
        let start = self.at;
        let mut word = Word::new();
        while let Some(next) = self.peek() {
            if self.sees("<(") || self.sees(">(") {
                self.at += 2;
                word.push(WordPart::ProcessSubstitution(self.substitution()?));
            } else if next == '(' && !word.is_empty() {
                if !self.parenthesis(&mut word)? {
                    break;
                }
            } else if ends_word(next) {
                break;
            } else if next == '~' && matches!(word.last(), None | Some(WordPart::Bare('=' | ':'))) {
                self.tilde(&mut word)?;
            } else {
                self.word_part(&mut word, false)?;
            }
        }
        Ok((self.at > start).then_some(word))
    }

    /// Reads an array, or a pattern such as `@(a|b)`, that continues a word.
    fn parenthesis(&mut self, word: &mut Word) -> ParseResult<bool> {
        match word.last() {
            Some(WordPart::Bare('=')) => {
                let name = bare(&word[..word.len() - 1]).unwrap_or_default();
                if !is_name(name.strip_suffix('+').unwrap_or(&name)) {
                    return Ok(false);
                }
                self.expect("(")?;
                let mut words = Vec::new();
                self.nested(|inner| {
                    loop {
                        inner.lines()?;
                        match inner.word()? {
                            Some(element) => words.push(element),
                            None => return inner.expect(")"),
                        }
                    }
                })?;
                word.push(WordPart::Array(words));
                Ok(true)
            }
            Some(WordPart::Bare('?' | '*' | '+' | '@' | '!')) => {
                self.expect("(")?;
                word.pop();
                let inner = self.nested(Self::pattern)?;
                word.push(WordPart::ExtendedGlob(inner));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Reads the rest of `@(…)`.
    fn pattern(&mut self) -> ParseResult<Word> {
        let mut word = Word::new();
        let mut open = 1;
        loop {
            match self.peek() {
                Some('(') => open += 1,
                Some(')') => open -= 1,
                _ => {
                    self.word_part(&mut word, false)?;
                    continue;
                }
            }
            self.next()?;
            if open == 0 {
                return Ok(word);
            }
        }
    }

    fn tilde(&mut self, word: &mut Word) -> ParseResult<()> {
        self.expect("~")?;
        let mut user = String::new();
        while let Some(next) = self.peek() {
            if !(next.is_ascii_alphanumeric() || "-_.+".contains(next)) {
                break;
            }
            user.push(next);
            self.next()?;
        }
        word.push(WordPart::Tilde(user));
        Ok(())
    }

    /// Reads the parts up to an unquoted `close`, and takes that, too.
    pub(super) fn word_parts(&mut self, close: char, quoted: bool) -> ParseResult<Word> {
        let mut word = Word::new();
        while self.peek() != Some(close) {
            if self.peek().is_none() {
                return Err(ParseError::Syntax);
            }
            let quote = quoted && !(close == '}' && self.peek() == Some('"'));
            self.word_part(&mut word, quote)?;
        }
        self.next()?;
        Ok(word)
    }

    /// Reads one part, within quotes or outside.
    pub(super) fn word_part(&mut self, word: &mut Word, quoted: bool) -> ParseResult<()> {
        match self.some()? {
            '\\' => self.escaped(word, quoted)?,
            '\'' if !quoted => self.single(word)?,
            '"' if !quoted => {
                let before = word.len();
                let inner = self.nested(|inner| inner.word_parts('"', true))?;
                word.extend(inner);
                if word.len() == before {
                    word.push(WordPart::Empty);
                }
            }
            '`' => {
                let list = self.backticks()?;
                word.push(WordPart::Substitution(list, quoted));
            }
            '$' => self.dollar(word, quoted)?,
            mark @ (MANY | ONE) => word.push(WordPart::Bare(mark)),
            other if quoted => word.push(WordPart::Quoted(other)),
            other => word.push(WordPart::Bare(other)),
        }
        Ok(())
    }

    fn escaped(&mut self, word: &mut Word, quoted: bool) -> ParseResult<()> {
        match self.next()? {
            None => word.push(WordPart::Quoted('\\')),
            Some('\n') => {}
            Some(next) if quoted && !"$`\"\\".contains(next) => {
                word.extend([WordPart::Quoted('\\'), WordPart::Quoted(next)]);
            }
            Some(next) => word.push(WordPart::Quoted(next)),
        }
        Ok(())
    }

    fn single(&mut self, word: &mut Word) -> ParseResult<()> {
        let before = word.len();
        loop {
            match self.some()? {
                '\'' => break,
                other => word.push(WordPart::Quoted(other)),
            }
        }
        if word.len() == before {
            word.push(WordPart::Empty);
        }
        Ok(())
    }
}
