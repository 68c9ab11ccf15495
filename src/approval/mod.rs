//! Questions that a person has to answer before a call acts. None of them is ever about a secret.
//!
//! | module | what it is |
//! |---|---|
//! | `question` | a question with all that a person has to know, and its answer |
//! | `asked` | questions that a client has been told to ask, in the era in which it calls again with the answer |
//! | `open` | questions that wait in the data directory for whoever answers first |
//! | `notify` | the command that tells a person of a question |
//! | `command` | the commands by which a person at a terminal answers |

mod asked;
mod command;
mod notify;
mod open;
mod question;

use std::time::Duration;

pub(crate) use asked::AskedQuestions;
pub use command::{AnswerError, answer, confirm, forget, list, record};
pub use notify::{missing_notifier, notify};
pub use open::{OpenQuestions, Standing};
pub use question::{PersonAnswer, PersonQuestion};

/// The life of a question, and of the answer to it.
pub const LIFE: Duration = Duration::from_secs(600);
