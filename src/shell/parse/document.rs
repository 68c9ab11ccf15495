//! Here-documents.

use std::cell::OnceCell;
use std::rc::Rc;

use super::{ParseError, ParseResult, Parser};
use crate::shell::syntax::{Word, WordPart};

/// A here-document whose text begins at the next line.
pub(super) struct PendingDocument {
    end: String,
    strip: bool,
    /// True if its text is taken as it stands.
    literal: bool,
    body: Rc<OnceCell<Word>>,
}

impl Parser {
    pub(super) fn await_document(
        &mut self,
        end: &Word,
        strip: bool,
        body: &Rc<OnceCell<Word>>,
    ) -> ParseResult<()> {
        let literal = end.iter().any(|part| !matches!(part, WordPart::Bare(_)));
        let end: Option<String> = end
            .iter()
            .filter(|part| !matches!(part, WordPart::Empty))
            .map(|part| match part {
                WordPart::Bare(one) | WordPart::Quoted(one) => Some(*one),
                _ => None,
            })
            .collect();
        self.documents.push(PendingDocument {
            // A delimiter with an expansion in it is taken literally by shells, and never meant.
            end: end.ok_or(ParseError::Syntax)?,
            strip,
            literal,
            body: Rc::clone(body),
        });
        Ok(())
    }

    /// Reads the texts of the here-documents that the line before asked for.
    pub(super) fn read_documents(&mut self) -> ParseResult<()> {
        for document in std::mem::take(&mut self.documents) {
            let mut text = Vec::new();
            while self.peek().is_some() {
                let mut line = Vec::new();
                while let Some(next) = self.next()?.filter(|&next| next != '\n') {
                    line.push(next);
                }
                if document.strip {
                    let tabs = line.iter().take_while(|&&one| one == '\t').count();
                    line.drain(..tabs);
                }
                if line.iter().copied().eq(document.end.chars()) {
                    break;
                }
                text.append(&mut line);
                text.push('\n');
            }
            let word = if document.literal {
                text.into_iter().map(WordPart::Quoted).collect()
            } else {
                self.expanded_document(text)?
            };
            // Set once: each here-document is awaited once.
            let _ = document.body.set(word);
        }
        Ok(())
    }

    fn expanded_document(&mut self, text: Vec<char>) -> ParseResult<Word> {
        self.nested(|outer| {
            let mut inner = Self::new(text, outer.depth);
            inner.left = inner.left.min(outer.left);
            let mut word = Word::new();
            while let Some(next) = inner.peek() {
                if next == '"' {
                    inner.next()?;
                    word.push(WordPart::Quoted('"'));
                } else {
                    inner.word_part(&mut word, true)?;
                }
            }
            Ok(word)
        })
    }
}
