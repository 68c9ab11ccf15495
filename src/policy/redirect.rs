//! What stands around a simple command's words: redirections, and what is run for a word's value.

use super::Refusal;
use super::call::Call;
use super::environment::Scope;
use super::judge::{Input, Judge, Place};
use crate::shell::argument::Argument;
use crate::shell::syntax::{Flow, Part, Piece, Redirect, Word};

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    /// Notes in the call and its place where it writes and what it reads.
    pub(super) fn redirect(
        &mut self,
        redirect: &Redirect,
        call: &mut Call,
        scope: &Scope,
        place: &mut Place,
    ) -> Verdict {
        self.visit(&redirect.word, scope, place)?;
        match redirect.flow {
            Flow::Output => call.outputs.extend(self.files(&redirect.word, scope)?),
            Flow::Input => {
                let files = self.files(&redirect.word, scope)?;
                place.input = Input {
                    text: files
                        .iter()
                        .find_map(|file| file.printed.as_deref().map(Into::into)),
                    ..Input::default()
                };
                call.inputs.extend(files);
            }
            Flow::Document => {
                if let Some(body) = redirect.body.get() {
                    self.visit(body, scope, place)?;
                    place.input = Input {
                        text: Some(self.lines(body, scope)?.into()),
                        ..Input::default()
                    };
                }
            }
            Flow::Text => {
                place.input = Input {
                    text: Some(self.lines(&redirect.word, scope)?.into()),
                    ..Input::default()
                };
            }
            Flow::Duplicate => {}
        }
        Ok(())
    }

    /// Every reading of a text, one after the other.
    pub(super) fn lines(&mut self, word: &Word, scope: &Scope) -> Result<String, Refusal> {
        Ok(self.texts(word, scope)?.join("\n"))
    }

    fn files(&mut self, word: &Word, scope: &Scope) -> Result<Vec<Argument>, Refusal> {
        let mut files: Vec<_> = self
            .readings(word, scope, true)?
            .into_iter()
            .flatten()
            .collect();
        for file in &mut files {
            self.recall(file, scope);
        }
        Ok(files)
    }

    pub(super) fn visit_all(&mut self, words: &[Word], scope: &Scope, place: &Place) -> Verdict {
        words
            .iter()
            .try_for_each(|word| self.visit(word, scope, place))
    }

    /// Judges what is run for a word's value.
    pub(super) fn visit(&mut self, word: &[Piece], scope: &Scope, place: &Place) -> Verdict {
        for piece in word {
            match piece {
                Piece::Output(list, _) | Piece::Process(list) => {
                    self.list(list, &mut scope.clone(), &place.inner().silent())?;
                }
                Piece::Number(word) | Piece::Pattern(word) => self.visit(word, scope, place)?,
                Piece::Array(words) => self.visit_all(words, scope, place)?,
                Piece::Variable(variable) => {
                    if let Part::Element(index) = &variable.part {
                        self.visit(index, scope, place)?;
                    }
                    for word in variable.change.words() {
                        self.visit(word, scope, place)?;
                    }
                }
                Piece::Bare(_) | Piece::Quoted(_) | Piece::Nothing | Piece::Tilde(_) => {}
            }
        }
        Ok(())
    }
}
