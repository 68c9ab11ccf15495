//! What begins with `$` or a backtick.

use super::{Fault, Parsed, Parser};
use crate::shell::syntax::{Case, Change, List, Part, Piece, Replacing, Variable, Word};

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
            // What `$((…))` was once.
            Some('[') => {
                self.expect("[")?;
                Piece::Number(self.nested(|inner| inner.pieces(']', true))?)
            }
            // `$"…"` is a translated text.
            Some('"') if !quoted => return Ok(()),
            Some(next) if next.is_ascii_alphabetic() || next == '_' => {
                let name = self.name()?;
                Piece::Variable(Box::new(plain(name, quoted)))
            }
            Some(next) if next.is_ascii_digit() || "@*#?$!-".contains(next) => {
                self.next()?;
                Piece::Variable(Box::new(plain(next.to_string(), quoted)))
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
        let is_indirect = self.sees("!") && !self.sees("!}") && self.take("!");
        let mut name = self.name()?;
        if name.is_empty() {
            name.push(self.some()?);
        }
        let mut variable = plain(name, quoted);
        variable.is_indirect = is_indirect;
        if self.take("[") {
            let element = self.pieces(']', false)?;
            variable.part = match element[..] {
                [Piece::Bare('@')] => Part::Each,
                [Piece::Bare('*')] => Part::Joined,
                _ => Part::Element(element),
            };
        }
        variable.change = if counted {
            self.pieces('}', quoted)?;
            Change::Length
        } else {
            self.change(quoted)?
        };
        Ok(Piece::Variable(Box::new(variable)))
    }

    /// What is done to the value, up to the brace.
    fn change(&mut self, quoted: bool) -> Parsed<Change> {
        let colon = self.take(":");
        if let Some(next @ ('-' | '=' | '?' | '+')) = self.peek() {
            self.next()?;
            let word = self.pieces('}', quoted)?;
            return Ok(match next {
                '?' => Change::Demand(word),
                '+' => Change::Instead(word),
                other => Change::Default(word, other == '='),
            });
        }
        if colon {
            let (start, length) = halves(self.pieces('}', true)?, ':');
            return Ok(Change::Slice(start, length));
        }
        if self.take("}") {
            return Ok(Change::None);
        }
        let start = self.at;
        match self.pattern_change(quoted) {
            // A lone quote in it, which only some shells take for one.
            Err(Fault::Syntax) if quoted => {
                self.at = start;
                Ok(Change::Other(self.pieces('}', true)?))
            }
            change => change,
        }
    }

    /// A change that a pattern says; patterns are read as if they stood in no quotes.
    fn pattern_change(&mut self, quoted: bool) -> Parsed<Change> {
        Ok(match self.some()? {
            sign @ ('#' | '%') => Change::Trim {
                at_end: sign == '%',
                longest: self.take(if sign == '%' { "%" } else { "#" }),
                pattern: self.pieces('}', false)?,
            },
            '/' => {
                let how = match self.peek() {
                    Some('/') => Replacing::Every,
                    Some('#') => Replacing::AtStart,
                    Some('%') => Replacing::AtEnd,
                    _ => Replacing::First,
                };
                if how != Replacing::First {
                    self.next()?;
                }
                let (pattern, with) = halves(self.pieces('}', false)?, '/');
                Change::Replace {
                    pattern,
                    with: with.unwrap_or_default(),
                    how,
                }
            }
            sign @ ('^' | ',' | '~') => {
                let all = self.take(sign.encode_utf8(&mut [0; 4]));
                let rest = self.pieces('}', false)?;
                match (sign, all) {
                    _ if !rest.is_empty() => Change::Other(rest),
                    ('^', true) => Change::Case(Case::Upper),
                    ('^', false) => Change::Case(Case::FirstUpper),
                    (',', true) => Change::Case(Case::Lower),
                    (',', false) => Change::Case(Case::FirstLower),
                    _ => Change::Case(Case::Swapped),
                }
            }
            '@' => match crate::shell::syntax::bare(&self.pieces('}', false)?).as_deref() {
                Some("U") => Change::Case(Case::Upper),
                Some("u") => Change::Case(Case::FirstUpper),
                Some("L") => Change::Case(Case::Lower),
                // Quoted, or what it would be as a prompt: near enough to the value itself.
                _ => Change::None,
            },
            _ => Change::Other(self.pieces('}', quoted)?),
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
            code = u32::saturating_mul(code, radix).saturating_add(digit);
            self.next()?;
        }
        Ok(char::from_u32(code).unwrap_or('\u{fffd}'))
    }
}

/// A variable with nothing done to it.
fn plain(name: String, quoted: bool) -> Variable {
    let (name, part) = match name.as_str() {
        "@" => (name, Part::Each),
        "*" => ("@".to_owned(), Part::Joined),
        _ => (name, Part::Whole),
    };
    Variable {
        name,
        is_indirect: false,
        part,
        change: Change::None,
        quoted,
    }
}

/// What stands before a sign that is not quoted, and what stands after it.
fn halves(mut word: Word, sign: char) -> (Word, Option<Word>) {
    let is_sign = |piece: &Piece| match piece {
        Piece::Bare(one) => *one == sign,
        // In an offset, everything counts as quoted.
        Piece::Quoted(one) => sign == ':' && *one == sign,
        _ => false,
    };
    match word.iter().position(is_sign) {
        Some(at) => {
            let mut after = word.split_off(at);
            after.remove(0);
            (word, Some(after))
        }
        None => (word, None),
    }
}
