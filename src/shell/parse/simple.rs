//! Simple commands and redirections.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use super::{ParseError, ParseResult, Parser, ends_word};
use crate::shell::argument::is_name;
use crate::shell::syntax::{
    Assignment, CommandKind, Redirect, RedirectKind, ShellCommand, Word, WordPart, bare,
};

impl Parser {
    pub(super) fn simple(&mut self) -> ParseResult<ShellCommand> {
        let start = self.at;
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        let mut end = start;
        loop {
            self.blanks()?;
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if let Some(word) = self.word()? {
                if words.is_empty() {
                    match assignment(word) {
                        Ok(assignment) => assignments.push(assignment),
                        Err(word) => words.push(word),
                    }
                } else {
                    words.push(word);
                }
            } else {
                break;
            }
            end = self.at;
        }
        if self.peek() == Some('(') {
            return self.definition(start, &assignments, &words);
        }
        if end == start {
            return Err(ParseError::Syntax);
        }
        let at = std::mem::replace(&mut self.at, end);
        let part = self.part(start);
        self.at = at;
        Ok(ShellCommand {
            kind: CommandKind::Simple { assignments, words },
            redirects,
            part,
        })
    }

    /// A function: its name was read as the only word.
    fn definition(
        &mut self,
        start: usize,
        assignments: &[Assignment],
        words: &[Word],
    ) -> ParseResult<ShellCommand> {
        let name = match words {
            [word] if assignments.is_empty() => bare(word),
            _ => None,
        };
        let name = name.ok_or(ParseError::Syntax)?;
        self.expect("(")?;
        self.blanks()?;
        self.expect(")")?;
        let kind = self.function_body(name)?;
        Ok(ShellCommand {
            kind,
            redirects: Vec::new(),
            part: self.part(start),
        })
    }

    pub(super) fn redirect(&mut self) -> ParseResult<Option<Redirect>> {
        let start = self.at;
        self.skip_descriptor()?;
        let both = self.sees("&>") && self.take("&");
        if self.sees("<(") || self.sees(">(") || !matches!(self.peek(), Some('<' | '>')) {
            self.at = start;
            return Ok(None);
        }
        let (mut strip, mut output) = (false, false);
        let mut kind = if self.take("<<<") {
            RedirectKind::HereString
        } else if self.take("<<") {
            strip = self.take("-");
            RedirectKind::HereDocument
        } else if self.take("<&") {
            RedirectKind::Duplicate
        } else if self.take("<>") || self.take(">>") || self.take(">|") {
            RedirectKind::Output
        } else if !both && self.take(">&") {
            output = true;
            RedirectKind::Duplicate
        } else if self.take("<") {
            RedirectKind::Input
        } else {
            self.expect(">")?;
            RedirectKind::Output
        };
        self.blanks()?;
        let word = self.word()?.ok_or(ParseError::Syntax)?;
        // `>& file` writes to the file.
        let is_open = bare(&word)
            .is_some_and(|text| text.bytes().all(|one| one.is_ascii_digit() || one == b'-'));
        if kind == RedirectKind::Duplicate && output && !is_open {
            kind = RedirectKind::Output;
        }
        let body = Rc::new(OnceCell::new());
        if kind == RedirectKind::HereDocument {
            self.await_document(&word, strip, &body)?;
        }
        Ok(Some(Redirect { kind, word, body }))
    }

    /// Skips `2` of `2>` and `{name}` of `{name}>`.
    fn skip_descriptor(&mut self) -> ParseResult<()> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|one| !ends_word(**one)).count();
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(ParseError::TooComplex)?;
        let descriptor = &rest[..length];
        let named = matches!(descriptor, ['{', .., '}']);
        let arrow = matches!(rest.get(length), Some('<' | '>'));
        if arrow && (named || descriptor.iter().all(char::is_ascii_digit)) {
            self.at += length;
        }
        Ok(())
    }
}

/// The name that a word assigns to, and where its value begins.
pub(crate) fn declared(word: &[WordPart]) -> Option<(String, usize)> {
    let target = AssignmentTarget::of(word)?;
    Some((target.name, target.equals + 1))
}

/// The assignment that the word is, if it is one.
fn assignment(mut word: Word) -> Result<Assignment, Word> {
    let Some(target) = AssignmentTarget::of(&word) else {
        return Err(word);
    };
    let value = word.split_off(target.equals + 1);
    Ok(Assignment {
        name: target.name,
        index: target.index.map(|index| word.drain(index).collect()),
        appends: target.appends,
        value,
    })
}

/// The part of an assignment before its value.
struct AssignmentTarget {
    name: String,
    /// The place of the index within its brackets.
    index: Option<Range<usize>>,
    appends: bool,
    /// The place of the `=`.
    equals: usize,
}

impl AssignmentTarget {
    fn of(word: &[WordPart]) -> Option<Self> {
        let is = |at: usize, wanted: char| matches!(word.get(at), Some(WordPart::Bare(one)) if *one == wanted);
        let ends = |part: &WordPart| matches!(part, WordPart::Bare('[' | '+' | '='));
        let end = word.iter().position(ends)?;
        let name = bare(&word[..end]).filter(|name| is_name(name))?;
        let mut at = end;
        let mut index = None;
        if is(at, '[') {
            let close = word[at..]
                .iter()
                .position(|part| matches!(part, WordPart::Bare(']')))?;
            index = Some(at + 1..at + close);
            at += close + 1;
        }
        let appends = is(at, '+');
        at += usize::from(appends);
        is(at, '=').then_some(Self {
            name,
            index,
            appends,
            equals: at,
        })
    }
}
