//! Questions to the person behind the client, before something is done that a model should not decide alone.
//!
//! A client that can ask is told to: within the call, or, in the stateless era, by an answer after which it
//! calls again. Of any other client, the question waits until a person answers it at a terminal.

use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::InputRequiredResult;

use super::dialog::{DialogEnd, ask_client};
use super::elicitation::{FormAnswer, brought_answer, calls_again, can_be_asked, input_required};
use super::{Call, ProgressSource};
use crate::app::App;
use crate::approval::{PersonAnswer, PersonQuestion, Standing, notify};
use crate::error::Error;
use crate::fs::blocking;
use crate::held::command_to_type;
use crate::readable::readable;
use crate::secret::hide;

/// The person behind a call.
pub struct Person(Call);

impl<S> FromContextPart<ToolCallContext<'_, S>> for Person {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, rmcp::ErrorData> {
        Ok(Self(Call::from_context_part(context)?))
    }
}

/// A question that is answered by yes or no. It has to say all that a yes is about.
pub(super) struct Confirmation {
    pub(super) text: String,
    /// The course of the call if the client cannot ask.
    pub(super) if_unasked: IfUnasked,
}

/// The course of a call whose client cannot ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfUnasked {
    /// It acts: it did so before there were questions, and can be undone.
    Act,
    /// It waits for a person at a terminal.
    Wait,
}

/// The answer to a question.
pub(super) enum Answer {
    Yes,
    /// The client is to ask, and to call again.
    AskFirst(InputRequiredResult),
}

impl App {
    /// Does something once the person has agreed.
    pub(super) async fn if_agreed<A: From<InputRequiredResult>>(
        &self,
        person: Person,
        question: Confirmation,
        action: impl Future<Output = Result<A, Error>>,
    ) -> Result<A, Error> {
        match Box::pin(self.ask_person(person, question)).await? {
            Answer::Yes => action.await,
            Answer::AskFirst(question) => Ok(question.into()),
        }
    }

    /// Asks the person: by the client if it can, and wherever else they answer first. Every answer but a yes is an
    /// error.
    pub(super) async fn ask_person(
        &self,
        Person(call): Person,
        question: Confirmation,
    ) -> Result<Answer, Error> {
        // It does not pass the gate. In one line, nothing in it looks like another question.
        let text = readable(&hide(&question.text)).replace('\n', " ");
        let can_ask = can_be_asked(&call.context);
        if !can_ask && question.if_unasked == IfUnasked::Act && !self.guard().asks_anything()? {
            return Ok(Answer::Yes);
        }
        let id = match self.open_question(&text).await? {
            Standing::Answered(answer) => {
                return agreed(answer == PersonAnswer::Yes, text, "they denied it");
            }
            Standing::Open(id) => id,
        };
        if !can_ask {
            return Err(self.pending(id, text));
        }
        if calls_again(&call.context) {
            return match &call.brought {
                Some((state, responses)) if self.asked().take(state, &text) => {
                    self.withdraw(&id).await?;
                    let is_yes = matches!(brought_answer(responses), FormAnswer::Yes { .. });
                    agreed(is_yes, text, "they said no")
                }
                _ => {
                    let state = self.asked().add(&text);
                    Ok(Answer::AskFirst(input_required(state, &text, None)))
                }
            };
        }
        self.ask_within(&call, id, text).await
    }

    /// Has the client ask within this call.
    async fn ask_within(&self, call: &Call, id: String, text: String) -> Result<Answer, Error> {
        let withdrawn = async {
            tokio::select! {
                _ = self.open_questions().answered(&id) => {}
                () = call.context.ct.cancelled() => {}
            }
        };
        let asking = ask_client(&call.context, &text, None, withdrawn);
        let waits = ProgressSource::Time("a question has been waiting for the person");
        match call.reporting(&waits, || None, asking).await {
            DialogEnd::Answered(answer) => {
                self.withdraw(&id).await?;
                let is_yes = matches!(answer, FormAnswer::Yes { .. });
                agreed(is_yes, text, "they said no")
            }
            DialogEnd::Failed => Err(self.pending(id, text)),
            DialogEnd::Withdrawn | DialogEnd::Expired => {
                let (questions, asked) = (self.open_questions().clone(), id.clone());
                let answered = blocking(move || questions.get(&asked)).await?;
                self.withdraw(&id).await?;
                match answered.and_then(|question| question.answer) {
                    Some(answer) => agreed(answer == PersonAnswer::Yes, text, "they denied it"),
                    None => agreed(false, text, "no answer came"),
                }
            }
        }
    }

    /// Takes the answer that a person has given elsewhere, or opens the question for one.
    async fn open_question(&self, text: &str) -> Result<Standing, Error> {
        let questions = self.open_questions().clone();
        let asked = PersonQuestion {
            asked_by: Some(self.actor().get()),
            ..PersonQuestion::of(text)
        };
        let standing = blocking(move || questions.ask(asked)).await?;
        if let Standing::Open(id) = &standing {
            notify(
                self.config(),
                "A call waits for your yes",
                &format!("{text}\n{id}"),
            );
        }
        Ok(standing)
    }

    async fn withdraw(&self, id: &str) -> Result<(), Error> {
        let (questions, id) = (self.open_questions().clone(), id.to_owned());
        blocking(move || questions.withdraw(&id)).await
    }

    /// The refusal of a call whose question waits for a person at a terminal.
    fn pending(&self, id: String, question: String) -> Error {
        let approve = command_to_type(&self.config().data_dir, &format!("approve {id}"));
        Error::ApprovalPending {
            advice: format!(
                "this client cannot ask; tell the person to run `{approve}` at a terminal within ten minutes, then \
                 call again with the same arguments. Do not look for another way"
            ),
            id,
            question,
        }
    }
}

fn agreed(is_yes: bool, question: String, reason: &str) -> Result<Answer, Error> {
    if is_yes {
        return Ok(Answer::Yes);
    }
    Err(Error::Declined {
        question,
        reason: reason.to_owned(),
    })
}
