//! What stands around a simple command's words: redirections, and what is run for a word's value.

use super::Refusal;
use super::call::Call;
use super::judge::{Input, Judge, Place};
use super::scope::Scope;
use super::syntax::{Change, Flow, Piece, Redirect, Word};
use super::text::Argument;

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
                    found: None,
                };
                call.inputs.extend(files);
            }
            Flow::Document => {
                if let Some(body) = redirect.body.get() {
                    self.visit(body, scope, place)?;
                    let text = self.texts(body, scope)?.swap_remove(0);
                    place.input = Input {
                        text: Some(text.into()),
                        found: None,
                    };
                }
            }
            Flow::Text => {
                let text = self.texts(&redirect.word, scope)?.swap_remove(0);
                place.input = Input {
                    text: Some(text.into()),
                    found: None,
                };
            }
            Flow::Duplicate => {}
        }
        Ok(())
    }

    fn files(&mut self, word: &Word, scope: &Scope) -> Result<Vec<Argument>, Refusal> {
        Ok(self
            .readings(word, scope, true)?
            .into_iter()
            .flatten()
            .collect())
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
                Piece::Variable { change, .. } => match change {
                    Change::Default(word) | Change::Instead(word) | Change::Other(word) => {
                        self.visit(word, scope, place)?;
                    }
                    Change::None | Change::Demand => {}
                },
                Piece::Bare(_) | Piece::Quoted(_) | Piece::Nothing | Piece::Tilde(_) => {}
            }
        }
        Ok(())
    }
}
