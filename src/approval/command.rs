//! The commands `approve` and `deny`: a person at a terminal answers an open question.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use serde_json::Map;

use super::{OpenQuestions, PersonAnswer};
use crate::audit::{CallOutcome, CalledServers, Calls, Trail};
use crate::error::Error;
use crate::store::DataDirectory;

/// The process that the audit trail names.
const AT_TERMINAL: &str = "terminal";

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

/// Shows the open questions of a data directory.
pub fn list(data_dir: &Path, out: &mut impl Write) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(data_dir);
    let open = OpenQuestions::of(&data).list()?;
    if open.is_empty() {
        writeln!(out, "no question is open")?;
    }
    for (id, question) in open {
        writeln!(out, "{id}  {question}")?;
    }
    Ok(())
}

/// Answers a question. A yes is typed at a terminal, after the question was shown. The audit trail has both
/// answers.
pub fn answer(
    data_dir: &Path,
    id: &str,
    answer: PersonAnswer,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(data_dir);
    let questions = OpenQuestions::of(&data);
    let not_open = || AnswerError::NotOpen(id.to_owned());
    let mut open = questions.list()?.into_iter();
    let (_, question) = open.find(|(one, _)| one == id).ok_or_else(not_open)?;
    writeln!(out, "{question}")?;
    if answer == PersonAnswer::Yes {
        confirm(out)?;
    }
    let calls = Calls::new(Trail::open(&data), AT_TERMINAL);
    let (command, done) = match answer {
        PersonAnswer::Yes => ("approve", "approved; the call may be made again now"),
        PersonAnswer::No => ("deny", "denied"),
    };
    let arguments = Map::from_iter([
        ("approval".to_owned(), id.into()),
        ("question".to_owned(), question.into()),
    ]);
    let call = calls.begin(command, &arguments, &[], CalledServers::default())?;
    let answered = questions.answer(id, answer);
    let outcome = match &answered {
        Ok(Some(_)) => "ok",
        _ => "error",
    };
    calls.end(&call, CallOutcome::named(outcome), None)?;
    answered?.ok_or_else(not_open)?;
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
