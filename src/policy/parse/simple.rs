//! Simple commands and redirections.

use std::cell::OnceCell;
use std::rc::Rc;

use super::super::syntax::{Command, Flow, Kind, Piece, Redirect, Word, bare};
use super::super::text::is_name;
use super::{Fault, Parsed, Parser, ends_word};

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
                match assigned(word, words.is_empty()) {
                    Ok(assignment) => assignments.push(assignment),
                    Err(word) => words.push(word),
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
        assignments: &[(String, Word)],
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

/// Name and value, if the word assigns and stands where that counts.
fn assigned(mut word: Word, counts: bool) -> Result<(String, Word), Word> {
    let equals = |piece: &Piece| matches!(piece, Piece::Bare('='));
    let split = word.iter().position(equals).filter(|_| counts);
    let Some((split, name)) = split.and_then(|split| Some((split, bare(&word[..split])?))) else {
        return Err(word);
    };
    let name = name.strip_suffix('+').unwrap_or(&name);
    // An element is taken for the whole.
    let name = name.split('[').next().unwrap_or(name);
    if !is_name(name) {
        return Err(word);
    }
    let name = name.to_owned();
    let value = word.split_off(split + 1);
    Ok((name, value))
}
