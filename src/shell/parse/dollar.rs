//! Expansions: parameters, arithmetic, command substitutions, and `$'…'`.

use super::{ParseError, ParseResult, Parser};
use crate::shell::syntax::{
    CaseChange, CommandList, Modifier, Occurrence, ParameterExpansion, Subscript, Word, WordPart,
};

impl Parser {
    /// Reads what follows a `$`.
    pub(super) fn dollar(&mut self, word: &mut Word, quoted: bool) -> ParseResult<()> {
        let part = match self.peek() {
            Some('(') => {
                if self.sees("((")
                    && let Some(end) = self.arithmetic_end(2)?
                {
                    WordPart::Arithmetic(self.nested(|inner| inner.arithmetic(2, end))?)
                } else {
                    self.expect("(")?;
                    WordPart::Substitution(self.substitution()?, quoted)
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
            // An obsolete form of `$((…))`.
            Some('[') => {
                self.expect("[")?;
                WordPart::Arithmetic(self.nested(|inner| inner.word_parts(']', true))?)
            }
            // `$"…"` is a translated text.
            Some('"') if !quoted => return Ok(()),
            Some(next) if next.is_ascii_alphabetic() || next == '_' => {
                let name = self.name()?;
                WordPart::Variable(Box::new(plain(name, quoted)))
            }
            Some(next) if next.is_ascii_digit() || "@*#?$!-".contains(next) => {
                self.next()?;
                WordPart::Variable(Box::new(plain(next.to_string(), quoted)))
            }
            _ if quoted => WordPart::Quoted('$'),
            _ => WordPart::Bare('$'),
        };
        word.push(part);
        Ok(())
    }

    fn name(&mut self) -> ParseResult<String> {
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

    /// Reads the rest of `${…}`.
    fn parameter(&mut self, quoted: bool) -> ParseResult<WordPart> {
        let counted = self.sees("#") && !self.sees("#}") && self.take("#");
        let is_indirect = self.sees("!") && !self.sees("!}") && self.take("!");
        let mut name = self.name()?;
        if name.is_empty() {
            name.push(self.some()?);
        }
        let mut variable = plain(name, quoted);
        variable.is_indirect = is_indirect;
        if self.take("[") {
            let element = self.word_parts(']', false)?;
            variable.subscript = match element[..] {
                [WordPart::Bare('@')] => Subscript::Each,
                [WordPart::Bare('*')] => Subscript::Joined,
                _ => Subscript::Element(element),
            };
        }
        variable.modifier = if counted {
            self.word_parts('}', quoted)?;
            Modifier::Length
        } else {
            self.change(quoted)?
        };
        Ok(WordPart::Variable(Box::new(variable)))
    }

    /// Reads the modifier of a parameter expansion, up to the brace.
    fn change(&mut self, quoted: bool) -> ParseResult<Modifier> {
        let colon = self.take(":");
        if let Some(next @ ('-' | '=' | '?' | '+')) = self.peek() {
            self.next()?;
            let word = self.word_parts('}', quoted)?;
            return Ok(match next {
                '?' => Modifier::Demand(word),
                '+' => Modifier::Instead(word),
                other => Modifier::Default(word, other == '='),
            });
        }
        if colon {
            let (start, length) = halves(self.word_parts('}', true)?, ':');
            return Ok(Modifier::Slice(start, length));
        }
        if self.take("}") {
            return Ok(Modifier::None);
        }
        let start = self.at;
        match self.pattern_change(quoted) {
            // A lone quote in it is a quote to some shells only.
            Err(ParseError::Syntax) if quoted => {
                self.at = start;
                Ok(Modifier::Other(self.word_parts('}', true)?))
            }
            change => change,
        }
    }

    /// Reads a modifier that has a pattern. Patterns are read as if they stood in no quotes.
    fn pattern_change(&mut self, quoted: bool) -> ParseResult<Modifier> {
        Ok(match self.some()? {
            sign @ ('#' | '%') => Modifier::Trim {
                at_end: sign == '%',
                longest: self.take(if sign == '%' { "%" } else { "#" }),
                pattern: self.word_parts('}', false)?,
            },
            '/' => {
                let how = match self.peek() {
                    Some('/') => Occurrence::Every,
                    Some('#') => Occurrence::AtStart,
                    Some('%') => Occurrence::AtEnd,
                    _ => Occurrence::First,
                };
                if how != Occurrence::First {
                    self.next()?;
                }
                let (pattern, with) = halves(self.word_parts('}', false)?, '/');
                Modifier::Replace {
                    pattern,
                    with: with.unwrap_or_default(),
                    how,
                }
            }
            sign @ ('^' | ',' | '~') => {
                let all = self.take(sign.encode_utf8(&mut [0; 4]));
                let rest = self.word_parts('}', false)?;
                match (sign, all) {
                    _ if !rest.is_empty() => Modifier::Other(rest),
                    ('^', true) => Modifier::Case(CaseChange::Upper),
                    ('^', false) => Modifier::Case(CaseChange::FirstUpper),
                    (',', true) => Modifier::Case(CaseChange::Lower),
                    (',', false) => Modifier::Case(CaseChange::FirstLower),
                    _ => Modifier::Case(CaseChange::Swapped),
                }
            }
            '@' => match crate::shell::syntax::bare(&self.word_parts('}', false)?).as_deref() {
                Some("U") => Modifier::Case(CaseChange::Upper),
                Some("u") => Modifier::Case(CaseChange::FirstUpper),
                Some("L") => Modifier::Case(CaseChange::Lower),
                // Other operators quote the value or expand it as a prompt: the value itself is near enough.
                _ => Modifier::None,
            },
            _ => Modifier::Other(self.word_parts('}', quoted)?),
        })
    }

    /// Finds the `))` that closes an opening of so many characters.
    pub(super) fn arithmetic_end(&mut self, opening: usize) -> ParseResult<Option<usize>> {
        let mut open = 0_usize;
        for (offset, next) in self.text[self.at + opening..].iter().enumerate() {
            self.left = self.left.checked_sub(1).ok_or(ParseError::TooComplex)?;
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

    /// Reads the expression up to `end`, for the substitutions in it.
    pub(super) fn arithmetic(&mut self, opening: usize, end: usize) -> ParseResult<Word> {
        self.at += opening;
        let mut word = Word::new();
        while self.at < end {
            self.word_part(&mut word, true)?;
        }
        self.at = self.at.max(end);
        self.expect("))")?;
        Ok(word)
    }

    /// Reads the commands up to a closing backtick.
    pub(super) fn backticks(&mut self) -> ParseResult<CommandList> {
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
                return Err(ParseError::Syntax);
            }
            Ok(list)
        })
    }

    /// Reads the rest of `$'…'`.
    fn ansi(&mut self, word: &mut Word) -> ParseResult<()> {
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
            word.push(WordPart::Quoted(next));
        }
        if word.len() == before {
            word.push(WordPart::Empty);
        }
        Ok(())
    }

    fn code(&mut self, radix: u32, most: usize) -> ParseResult<char> {
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

/// A parameter expansion without a modifier.
fn plain(name: String, quoted: bool) -> ParameterExpansion {
    let (name, subscript) = match name.as_str() {
        "@" => (name, Subscript::Each),
        "*" => ("@".to_owned(), Subscript::Joined),
        _ => (name, Subscript::None),
    };
    ParameterExpansion {
        name,
        is_indirect: false,
        subscript,
        modifier: Modifier::None,
        quoted,
    }
}

/// Splits a word at a sign that is not quoted.
fn halves(mut word: Word, sign: char) -> (Word, Option<Word>) {
    let is_sign = |part: &WordPart| match part {
        WordPart::Bare(one) => *one == sign,
        // In an offset, everything counts as quoted.
        WordPart::Quoted(one) => sign == ':' && *one == sign,
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
