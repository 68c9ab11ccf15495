//! What begins with `$` or a backtick.

use super::super::syntax::{Change, List, Piece, Word};
use super::{Fault, Parsed, Parser};

impl Parser {
    /// What follows a `$`.
    pub(super) fn dollar(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        let piece = match self.peek() {
            Some('(') => {
                if self.sees("((")
                    && let Some(end) = self.arithmetic_end(2)?
                {
                    Piece::Number(self.nested(|inner| inner.arithmetic(2, end))?)
                } else {
                    self.expect("(")?;
                    Piece::Output(self.substitution()?, quoted)
                }
            }
            Some('{') => {
                self.expect("{")?;
                self.nested(|inner| inner.parameter(quoted))?
            }
            Some('\'') if !quoted => {
                self.expect("'")?;
                return self.ansi(word);
            }
            // `$"…"` is a translated text.
            Some('"') if !quoted => return Ok(()),
            Some(next) if next.is_ascii_alphabetic() || next == '_' => {
                let name = self.name()?;
                Piece::Variable {
                    name,
                    change: Change::None,
                    quoted,
                }
            }
            Some(next) if next.is_ascii_digit() || "@*#?$!-".contains(next) => {
                self.next()?;
                Piece::Variable {
                    name: next.to_string(),
                    change: Change::None,
                    quoted,
                }
            }
            _ if quoted => Piece::Quoted('$'),
            _ => Piece::Bare('$'),
        };
        word.push(piece);
        Ok(())
    }

    fn name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            if !(next.is_ascii_alphanumeric() || next == '_') {
                break;
            }
            name.push(next);
            self.next()?;
        }
        Ok(name)
    }

    /// The rest of `${…}`.
    fn parameter(&mut self, quoted: bool) -> Parsed<Piece> {
        let counted = self.sees("#") && !self.sees("#}") && self.take("#");
        let indirect = self.sees("!") && !self.sees("!}") && self.take("!");
        let mut name = self.name()?;
        if name.is_empty() {
            name.push(self.some()?);
        }
        let mut subscript = Word::new();
        if self.take("[") {
            let element = self.pieces(']', false)?;
            if matches!(element[..], [Piece::Bare('@' | '*')]) && !counted {
                // All elements are words of their own.
                name.push_str("[@]");
            } else if element
                .iter()
                .any(|piece| !matches!(piece, Piece::Bare(_) | Piece::Quoted(_)))
            {
                subscript = element;
            }
        }
        let colon = self.sees(":") && self.take(":");
        let operator = match self.peek() {
            Some(next @ ('-' | '=' | '?' | '+')) => {
                self.next()?;
                Some(next)
            }
            _ => None,
        };
        let rest = self.pieces('}', quoted)?;
        let change = match operator {
            _ if counted => Change::Demand,
            _ if indirect => Change::Other(rest),
            _ if !subscript.is_empty() => Change::Other(subscript),
            Some('-' | '=') => Change::Default(rest),
            Some('?') => Change::Demand,
            Some('+') => Change::Instead(rest),
            _ if rest.is_empty() && !colon => Change::None,
            _ => Change::Other(rest),
        };
        Ok(Piece::Variable {
            name,
            change,
            quoted,
        })
    }

    /// Where the `))` stands that closes an opening of so many characters; `None` if there is none.
    pub(super) fn arithmetic_end(&mut self, opening: usize) -> Parsed<Option<usize>> {
        let mut open = 0_usize;
        for (offset, next) in self.text[self.at + opening..].iter().enumerate() {
            self.left = self.left.checked_sub(1).ok_or(Fault::Beyond)?;
            match next {
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' => {
                    let end = self.at + opening + offset;
                    return Ok((self.text.get(end + 1) == Some(&')')).then_some(end));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The expression up to `end`, for what is run in it.
    pub(super) fn arithmetic(&mut self, opening: usize, end: usize) -> Parsed<Word> {
        self.at += opening;
        let mut word = Word::new();
        while self.at < end {
            self.piece(&mut word, true)?;
        }
        self.at = self.at.max(end);
        self.expect("))")?;
        Ok(word)
    }

    /// The commands up to a closing backtick.
    pub(super) fn backticks(&mut self) -> Parsed<List> {
        let mut inner = Vec::new();
        loop {
            match self.some()? {
                '`' => break,
                '\\' => match self.some()? {
                    next @ ('`' | '\\' | '$') => inner.push(next),
                    next => inner.extend(['\\', next]),
                },
                next => inner.push(next),
            }
        }
        self.nested(|outer| {
            let mut parser = Self::new(inner, outer.depth);
            parser.left = parser.left.min(outer.left);
            let list = parser.list()?;
            if parser.at < parser.text.len() {
                return Err(Fault::Syntax);
            }
            Ok(list)
        })
    }

    /// The rest of `$'…'`.
    fn ansi(&mut self, word: &mut Word) -> Parsed<()> {
        let before = word.len();
        loop {
            let next = match self.some()? {
                '\'' => break,
                '\\' => match self.some()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'e' | 'E' => '\u{1b}',
                    'x' => self.code(16, 2)?,
                    'u' => self.code(16, 4)?,
                    'U' => self.code(16, 8)?,
                    '0'..='7' => {
                        self.at -= 1;
                        self.code(8, 3)?
                    }
                    other => other,
                },
                other => other,
            };
            word.push(Piece::Quoted(next));
        }
        if word.len() == before {
            word.push(Piece::Nothing);
        }
        Ok(())
    }

    fn code(&mut self, radix: u32, most: usize) -> Parsed<char> {
        let mut code = 0;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(radix)) else {
                break;
            };
            code = code * radix + digit;
            self.next()?;
        }
        Ok(char::from_u32(code).unwrap_or('\u{fffd}'))
    }
}
