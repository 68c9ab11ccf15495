//! The commands `approve` and `deny`: a person at a terminal answers an open question.

use std::io::{self, BufRead, IsTerminal, Write};

use super::{OpenQuestions, PersonAnswer};
use crate::error::Error;

/// A reason for which a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No such question waits.
    #[error("no question `{0}` is open. Each lives for ten minutes and is answered once")]
    NotOpen(String),
    /// A program runs this command.
    #[error("`approve` is for a person at a terminal")]
    NoTerminal,
    /// The person has not typed the word.
    #[error("nothing was approved")]
    NotTyped,
    /// The file of questions cannot be read or written.
    #[error(transparent)]
    Store(#[from] Error),
    /// The terminal is gone.
    #[error(transparent)]
    Terminal(#[from] io::Error),
}

/// Shows the open questions.
pub fn list(questions: &OpenQuestions, out: &mut impl Write) -> Result<(), AnswerError> {
    let open = questions.list()?;
    if open.is_empty() {
        writeln!(out, "no question is open")?;
    }
    for (id, question) in open {
        writeln!(out, "{id}  {question}")?;
    }
    Ok(())
}

/// Answers a question. A yes is typed at a terminal, after the question was shown.
pub fn answer(
    questions: &OpenQuestions,
    id: &str,
    answer: PersonAnswer,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let not_open = || AnswerError::NotOpen(id.to_owned());
    let mut open = questions.list()?.into_iter();
    let (_, question) = open.find(|(one, _)| one == id).ok_or_else(not_open)?;
    writeln!(out, "{question}")?;
    if answer == PersonAnswer::Yes {
        confirm(out)?;
    }
    questions.answer(id, answer)?.ok_or_else(not_open)?;
    let done = match answer {
        PersonAnswer::Yes => "approved; the call may be made again now",
        PersonAnswer::No => "denied",
    };
    writeln!(out, "{done}")?;
    Ok(())
}

fn confirm(out: &mut impl Write) -> Result<(), AnswerError> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(AnswerError::NoTerminal);
    }
    write!(out, "Type yes to approve: ")?;
    out.flush()?;
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    if line.trim().eq_ignore_ascii_case("yes") {
        Ok(())
    } else {
        Err(AnswerError::NotTyped)
    }
}
