//! Here-documents.

use std::cell::OnceCell;
use std::rc::Rc;

use super::{Fault, Parsed, Parser};
use crate::shell::syntax::{Piece, Word};

/// A here-document whose text begins at the next line.
pub(super) struct Pending {
    end: String,
    strip: bool,
    /// Whether its text is taken as it stands.
    literal: bool,
    body: Rc<OnceCell<Word>>,
}

impl Parser {
    pub(super) fn await_document(
        &mut self,
        end: &Word,
        strip: bool,
        body: &Rc<OnceCell<Word>>,
    ) -> Parsed<()> {
        let literal = end.iter().any(|piece| !matches!(piece, Piece::Bare(_)));
        let end: Option<String> = end
            .iter()
            .filter(|piece| !matches!(piece, Piece::Nothing))
            .map(|piece| match piece {
                Piece::Bare(one) | Piece::Quoted(one) => Some(*one),
                _ => None,
            })
            .collect();
        self.documents.push(Pending {
            // Nothing is expanded in it, and nobody means that.
            end: end.ok_or(Fault::Syntax)?,
            strip,
            literal,
            body: Rc::clone(body),
        });
        Ok(())
    }

    /// Reads the texts of the here-documents that the line before asked for.
    pub(super) fn read_documents(&mut self) -> Parsed<()> {
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
                text.into_iter().map(Piece::Quoted).collect()
            } else {
                self.expanded_document(text)?
            };
            // Set once: each here-document is awaited once.
            let _ = document.body.set(word);
        }
        Ok(())
    }

    fn expanded_document(&mut self, text: Vec<char>) -> Parsed<Word> {
        self.nested(|outer| {
            let mut inner = Self::new(text, outer.depth);
            inner.left = inner.left.min(outer.left);
            let mut word = Word::new();
            while let Some(next) = inner.peek() {
                if next == '"' {
                    inner.next()?;
                    word.push(Piece::Quoted('"'));
                } else {
                    inner.piece(&mut word, true)?;
                }
            }
            Ok(word)
        })
    }
}
