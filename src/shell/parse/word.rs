//! Words, with what is quoted in them.

use super::{Fault, Parsed, Parser, ends_word};
use crate::shell::argument::{MANY, ONE, is_name};
use crate::shell::syntax::{Piece, Word, bare};

impl Parser {
    /// The word that stands here; `None` if none does.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let mut word = Word::new();
        while let Some(next) = self.peek() {
            if self.sees("<(") || self.sees(">(") {
                self.at += 2;
                word.push(Piece::Process(self.substitution()?));
            } else if next == '(' && !word.is_empty() {
                if !self.parenthesis(&mut word)? {
                    break;
                }
            } else if ends_word(next) {
                break;
            } else if next == '~' && matches!(word.last(), None | Some(Piece::Bare('=' | ':'))) {
                self.tilde(&mut word)?;
            } else {
                self.piece(&mut word, false)?;
            }
        }
        Ok((self.at > start).then_some(word))
    }

    /// An array, or a pattern such as `@(a|b)`, after the word's beginning.
    fn parenthesis(&mut self, word: &mut Word) -> Parsed<bool> {
        match word.last() {
            Some(Piece::Bare('=')) => {
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
                word.push(Piece::Array(words));
                Ok(true)
            }
            Some(Piece::Bare('?' | '*' | '+' | '@' | '!')) => {
                self.expect("(")?;
                word.pop();
                let inner = self.nested(Self::pattern)?;
                word.push(Piece::Pattern(inner));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The rest of `@(…)`.
    fn pattern(&mut self) -> Parsed<Word> {
        let mut word = Word::new();
        let mut open = 1;
        loop {
            match self.peek() {
                Some('(') => open += 1,
                Some(')') => open -= 1,
                _ => {
                    self.piece(&mut word, false)?;
                    continue;
                }
            }
            self.next()?;
            if open == 0 {
                return Ok(word);
            }
        }
    }

    fn tilde(&mut self, word: &mut Word) -> Parsed<()> {
        self.expect("~")?;
        let mut user = String::new();
        while let Some(next) = self.peek() {
            if !(next.is_ascii_alphanumeric() || "-_.+".contains(next)) {
                break;
            }
            user.push(next);
            self.next()?;
        }
        word.push(Piece::Tilde(user));
        Ok(())
    }

    /// The pieces up to an unquoted `close`, which is taken too.
    pub(super) fn pieces(&mut self, close: char, quoted: bool) -> Parsed<Word> {
        let mut word = Word::new();
        while self.peek() != Some(close) {
            if self.peek().is_none() {
                return Err(Fault::Syntax);
            }
            let quote = quoted && !(close == '}' && self.peek() == Some('"'));
            self.piece(&mut word, quote)?;
        }
        self.next()?;
        Ok(word)
    }

    /// One piece, in a quote or outside of any.
    pub(super) fn piece(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        match self.some()? {
            '\\' => self.escaped(word, quoted)?,
            '\'' if !quoted => self.single(word)?,
            '"' if !quoted => {
                let before = word.len();
                let inner = self.nested(|inner| inner.pieces('"', true))?;
                word.extend(inner);
                if word.len() == before {
                    word.push(Piece::Nothing);
                }
            }
            '`' => {
                let list = self.backticks()?;
                word.push(Piece::Output(list, quoted));
            }
            '$' => self.dollar(word, quoted)?,
            mark @ (MANY | ONE) => word.push(Piece::Bare(mark)),
            other if quoted => word.push(Piece::Quoted(other)),
            other => word.push(Piece::Bare(other)),
        }
        Ok(())
    }

    fn escaped(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        match self.next()? {
            None => word.push(Piece::Quoted('\\')),
            Some('\n') => {}
            Some(next) if quoted && !"$`\"\\".contains(next) => {
                word.extend([Piece::Quoted('\\'), Piece::Quoted(next)]);
            }
            Some(next) => word.push(Piece::Quoted(next)),
        }
        Ok(())
    }

    fn single(&mut self, word: &mut Word) -> Parsed<()> {
        let before = word.len();
        loop {
            match self.some()? {
                '\'' => break,
                other => word.push(Piece::Quoted(other)),
            }
        }
        if word.len() == before {
            word.push(Piece::Nothing);
        }
        Ok(())
    }
}
