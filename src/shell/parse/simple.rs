//! Simple commands and redirections.

use std::cell::OnceCell;
use std::rc::Rc;

use super::{Fault, Parsed, Parser, ends_word};
use crate::shell::argument::is_name;
use crate::shell::syntax::{Assignment, Command, Flow, Kind, Piece, Redirect, Word, bare};

impl Parser {
    pub(super) fn simple(&mut self) -> Parsed<Command> {
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
            return Err(Fault::Syntax);
        }
        let at = std::mem::replace(&mut self.at, end);
        let part = self.part(start);
        self.at = at;
        Ok(Command {
            kind: Kind::Simple { assignments, words },
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
    ) -> Parsed<Command> {
        let name = match words {
            [word] if assignments.is_empty() => bare(word),
            _ => None,
        };
        let name = name.ok_or(Fault::Syntax)?;
        self.expect("(")?;
        self.blanks()?;
        self.expect(")")?;
        let kind = self.function_body(name)?;
        Ok(Command {
            kind,
            redirects: Vec::new(),
            part: self.part(start),
        })
    }

    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let start = self.at;
        self.skip_descriptor()?;
        let both = self.sees("&>") && self.take("&");
        if self.sees("<(") || self.sees(">(") || !matches!(self.peek(), Some('<' | '>')) {
            self.at = start;
            return Ok(None);
        }
        let (mut strip, mut output) = (false, false);
        let mut flow = if self.take("<<<") {
            Flow::Text
        } else if self.take("<<") {
            strip = self.take("-");
            Flow::Document
        } else if self.take("<&") {
            Flow::Duplicate
        } else if self.take("<>") || self.take(">>") || self.take(">|") {
            Flow::Output
        } else if !both && self.take(">&") {
            output = true;
            Flow::Duplicate
        } else if self.take("<") {
            Flow::Input
        } else {
            self.expect(">")?;
            Flow::Output
        };
        self.blanks()?;
        let word = self.word()?.ok_or(Fault::Syntax)?;
        // `>& file` writes to the file.
        let is_open = bare(&word)
            .is_some_and(|text| text.bytes().all(|one| one.is_ascii_digit() || one == b'-'));
        if flow == Flow::Duplicate && output && !is_open {
            flow = Flow::Output;
        }
        let body = Rc::new(OnceCell::new());
        if flow == Flow::Document {
            self.await_document(&word, strip, &body)?;
        }
        Ok(Some(Redirect { flow, word, body }))
    }

    /// Skips `2` of `2>` and `{name}` of `{name}>`.
    fn skip_descriptor(&mut self) -> Parsed<()> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|one| !ends_word(**one)).count();
        self.left = self.left.checked_sub(length).ok_or(Fault::Beyond)?;
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
pub(crate) fn declared(word: &[Piece]) -> Option<(String, usize)> {
    let (name, _, _, split) = target(word)?;
    Some((name, split + 1))
}

/// The assignment that the word is, if it is one.
fn assignment(mut word: Word) -> Result<Assignment, Word> {
    let Some((name, index, appends, split)) = target(&word) else {
        return Err(word);
    };
    let value = word.split_off(split + 1);
    let index = index.map(|(first, last)| word.drain(first..last).collect());
    Ok(Assignment {
        name,
        index,
        appends,
        value,
    })
}

/// The name, where its index stands, whether it is added to, and where the `=` is.
#[allow(clippy::type_complexity)]
fn target(word: &[Piece]) -> Option<(String, Option<(usize, usize)>, bool, usize)> {
    let is =
        |at: usize, wanted: char| matches!(word.get(at), Some(Piece::Bare(one)) if *one == wanted);
    let ends = |piece: &Piece| matches!(piece, Piece::Bare('[' | '+' | '='));
    let end = word.iter().position(ends)?;
    let name = bare(&word[..end]).filter(|name| is_name(name))?;
    let mut at = end;
    let mut index = None;
    if is(at, '[') {
        let close = word[at..]
            .iter()
            .position(|piece| matches!(piece, Piece::Bare(']')))?;
        index = Some((at + 1, at + close));
        at += close + 1;
    }
    let appends = is(at, '+');
    at += usize::from(appends);
    is(at, '=').then_some((name, index, appends, at))
}
