//! Questions that a person has to answer before a call acts. None of them is ever about a secret.
//!
//! | module | what it is |
//! |---|---|
//! | `asked` | questions that a client has been told to ask, in the era in which it calls again with the answer |
//! | `open` | questions that no client can ask: they wait in the data directory for a person at a terminal |
//! | `command` | the commands by which that person answers |

mod asked;
mod command;
mod open;

use std::time::Duration;

pub(crate) use asked::AskedQuestions;
pub use command::{AnswerError, answer, list};
pub use open::PersonAnswer;
pub(crate) use open::{OpenQuestions, Standing};

/// The life of a question, and of the answer to it.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
