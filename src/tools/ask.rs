//! Questions to the person behind the client, before something is done that a model should not decide alone.
//!
//! A client that can ask is told to: within the call, or, in the stateless era, by an answer after which it
//! calls again. Of any other client, the question waits until a person answers it at a terminal.

use rmcp::RoleServer;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    ClientResult, ElicitRequest, InputRequiredResult, InputResponses, ProtocolVersion,
    ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext};

use super::elicitation::{can_be_asked, form, input_required, is_yes, said_yes};
use super::{Call, ProgressSource};
use crate::app::App;
use crate::approval::{LIFE, PersonAnswer, PersonQuestion, Standing};
use crate::error::Error;
use crate::fs::blocking;
use crate::held::command_to_type;
use crate::readable::readable;
use crate::secret::hide;

/// The person behind a call.
pub struct Person {
    call: Call,
    context: RequestContext<RoleServer>,
    /// The question's state and the answers, if the client calls again with them.
    brought: Option<(String, InputResponses)>,
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for Person {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, rmcp::ErrorData> {
        let state = context.request_state.take();
        Ok(Self {
            call: Call::from_context_part(context)?,
            context: context.request_context.clone(),
            brought: state.zip(context.input_responses.take()),
        })
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
enum Answer {
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
        match self.ask_person(person, question).await? {
            Answer::Yes => action.await,
            Answer::AskFirst(question) => Ok(question.into()),
        }
    }

    /// Asks the person. Every answer but a yes is an error.
    async fn ask_person(&self, person: Person, question: Confirmation) -> Result<Answer, Error> {
        // It does not pass the gate. In one line, nothing in it looks like another question.
        let text = readable(&hide(&question.text)).replace('\n', " ");
        if !can_be_asked(&person.context) {
            return match question.if_unasked {
                IfUnasked::Act => Ok(Answer::Yes),
                IfUnasked::Wait => self.ask_at_terminal(text).await,
            };
        }
        if person.calls_again() {
            return match person.brought {
                Some((state, responses)) if self.asked().take(&state, &text) => {
                    agreed(said_yes(&responses), text, "they said no")
                }
                _ => Ok(Answer::AskFirst(input_required(
                    self.asked().add(&text),
                    &text,
                ))),
            };
        }
        match person.ask(&text).await {
            Some(is_yes) => agreed(is_yes?, text, "they said no"),
            None => self.ask_at_terminal(text).await,
        }
    }

    /// Takes the answer that a person has given at a terminal, or leaves the question for one.
    async fn ask_at_terminal(&self, text: String) -> Result<Answer, Error> {
        let questions = self.open_questions().clone();
        let asked = PersonQuestion {
            asked_by: Some(self.actor().get()),
            ..PersonQuestion::of(&text)
        };
        match blocking(move || questions.ask(asked)).await? {
            Standing::Answered(answer) => {
                agreed(answer == PersonAnswer::Yes, text, "they denied it")
            }
            Standing::Open(id) => Err(Error::ApprovalPending {
                advice: self.how_to_approve(&id),
                id,
                question: text,
            }),
        }
    }

    fn how_to_approve(&self, id: &str) -> String {
        let approve = command_to_type(&self.config().data_dir, &format!("approve {id}"));
        format!(
            "this client cannot ask; tell the person to run `{approve}` at a terminal within ten minutes, then call \
             again with the same arguments. Do not look for another way"
        )
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

impl Person {
    /// Returns true if the client asks between two calls, and not within one.
    fn calls_again(&self) -> bool {
        let version = self.context.protocol_version();
        version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
    }

    /// Has the client ask within this call. `None` if it cannot.
    async fn ask(&self, text: &str) -> Option<Result<bool, Error>> {
        let declined = |reason: &str| {
            Some(Err(Error::Declined {
                question: text.to_owned(),
                reason: reason.to_owned(),
            }))
        };
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(form(text)));
        let peer = &self.context.peer;
        let sent = peer.send_request_with_option(request, PeerRequestOptions::no_options());
        let mut sent = sent.await.ok()?;
        let answer = async {
            tokio::select! {
                answer = &mut sent.rx => Some(answer),
                () = self.context.ct.cancelled() => None,
                () = tokio::time::sleep(LIFE) => None,
            }
        };
        let waits = ProgressSource::Time("a question has been waiting for the person");
        match self.call.reporting(&waits, || None, answer).await {
            Some(Ok(Ok(ClientResult::ElicitResult(result)))) => Some(Ok(is_yes(&result))),
            // It says that it can ask, and fails to.
            Some(_) => None,
            None => {
                let reason = "no answer came";
                // A client that is gone is not told.
                let _ = sent.cancel(Some(reason.to_owned())).await;
                declined(reason)
            }
        }
    }
}
