//! The commands `approve` and `deny`: a person at a terminal answers an open question.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Map;

use super::{OpenQuestions, PersonAnswer, PersonQuestion};
use crate::actor::{AT_TERMINAL, Actor};
use crate::audit::PersonCall;
use crate::config::Config;
use crate::error::Error;
use crate::guard::Policies;
use crate::shell::usual_in_words;
use crate::store::DataDirectory;

/// A reason for which a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No such question waits.
    #[error("no question `{0}` is open. Each lives for ten minutes and is answered once")]
    NotOpen(String),
    /// It is not a plain command on one server.
    #[error(
        "`--always` is for one plain command on one server: no list, shell, interpreter or sudo, and no option as its first word"
    )]
    NotAlways,
    /// No such command is remembered.
    #[error("`{0}` is not remembered there; `approve` lists those that are")]
    NotRemembered(String),
    /// A program runs this command.
    #[error("`{0}` is for a person at a terminal")]
    NoTerminal(&'static str),
    /// The person has not typed the word.
    #[error("nothing was {0}: that takes the whole word. It can be tried again")]
    NotTyped(&'static str),
    /// The file of questions cannot be read or written.
    #[error(transparent)]
    Store(#[from] Error),
    /// The terminal is gone.
    #[error(transparent)]
    Terminal(#[from] io::Error),
}

/// Shows the open questions of a data directory.
pub fn list(config: &Config, out: &mut impl Write) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(&config.data_dir);
    let open = OpenQuestions::of(&data).list()?;
    if open.is_empty() {
        writeln!(out, "no question is open")?;
    }
    for (id, question) in open {
        write!(out, "{id}  {}", question.in_lines())?;
    }
    for (alias, usual) in Policies::open(&data).rules()?.always {
        writeln!(out, "never asked on {alias}: {}", usual.join(", "))?;
    }
    Ok(())
}

/// Has such commands asked about again on a server.
pub fn forget(
    config: &Config,
    alias: &str,
    command: &str,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(&config.data_dir);
    if !Policies::open(&data).forget(alias, command)? {
        return Err(AnswerError::NotRemembered(command.to_owned()));
    }
    writeln!(out, "asked about again on {alias}: {command}")?;
    Ok(())
}

/// Answers a question. A yes is typed at a terminal, after the question was shown. The audit trail has both
/// answers. `always` also lets such commands through from now on.
pub fn answer(
    config: &Config,
    id: &str,
    answer: PersonAnswer,
    always: bool,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(&config.data_dir);
    let questions = OpenQuestions::of(&data);
    let question = open_question(&questions, id)?;
    write!(out, "{}", question.in_lines())?;
    if always && (question.servers.len() != 1 || question.always.is_none()) {
        return Err(AnswerError::NotAlways);
    }
    if answer == PersonAnswer::Yes {
        confirm("approve", "approved", out)?;
    }
    record(config, AT_TERMINAL, id, answer)?;
    if let Some(usual) = question.always.as_deref().filter(|_| always) {
        Policies::open(&data).let_through(&question.servers, Some(usual))?;
        writeln!(
            out,
            "not asked again on {}: {}",
            question.servers.concat(),
            usual_in_words(usual)
        )?;
    }
    let done = match answer {
        PersonAnswer::Yes if question.is_of_task => {
            "approved; the task begins, at the latest when a client next starts this program"
        }
        PersonAnswer::Yes => "approved; the call may be made again now",
        PersonAnswer::No => "denied",
    };
    writeln!(out, "{done}")?;
    Ok(())
}

/// Records the answer of a person who acts by `client`, also in the audit trail. Blocks.
pub fn record(
    config: &Config,
    client: &str,
    id: &str,
    answer: PersonAnswer,
) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(&config.data_dir);
    let questions = OpenQuestions::of(&data);
    let question = open_question(&questions, id)?;
    let command = match answer {
        PersonAnswer::Yes => "approve",
        PersonAnswer::No => "deny",
    };
    let arguments = Map::from_iter([
        ("approval".to_owned(), id.into()),
        ("question".to_owned(), question.text.into()),
    ]);
    let by = Actor::of(config, client);
    let call = PersonCall::begin(&data, command, &arguments, &by)?;
    let answered = questions.answer(id, answer, by);
    let is_first = matches!(answered, Ok(Some(_)));
    call.end(if is_first { "ok" } else { "error" })?;
    answered?
        .map(|_| ())
        .ok_or_else(|| AnswerError::NotOpen(id.to_owned()))
}

/// The open question of this ID. Blocks.
fn open_question(questions: &OpenQuestions, id: &str) -> Result<PersonQuestion, AnswerError> {
    let mut open = questions.list()?.into_iter();
    let found = open.find(|(one, _)| one == id);
    let (_, question) = found.ok_or_else(|| AnswerError::NotOpen(id.to_owned()))?;
    Ok(question)
}

/// Takes a typed yes of a person at a terminal; without one, nothing is `done` by the command `name`.
pub fn confirm(
    name: &'static str,
    done: &'static str,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(AnswerError::NoTerminal(name));
    }
    write!(out, "Type yes to {name}: ")?;
    out.flush()?;
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    if line.trim().eq_ignore_ascii_case("yes") {
        Ok(())
    } else {
        Err(AnswerError::NotTyped(done))
    }
}
