//! A question that a client shows within a call, besides whoever else may answer it.

use rmcp::RoleServer;
use rmcp::model::{ClientResult, ElicitRequest, ServerRequest};
use rmcp::service::{PeerRequestOptions, RequestContext};

use super::elicitation::{FormAnswer, answer_of, calls_again, can_be_asked, form};
use crate::app::App;
use crate::approval::{LIFE, PersonAnswer};
use crate::error::Error;
use crate::fs::blocking;
use crate::job::JobHandle;

/// The end of a dialog.
pub(super) enum DialogEnd {
    /// The person has answered.
    Answered(FormAnswer),
    /// The client says that it can ask, and fails to.
    Failed,
    /// It was withdrawn: it was answered elsewhere, or nobody waits for the answer.
    Withdrawn,
    /// Nobody has answered in time.
    Expired,
}

/// Has the client ask within a call, until `withdrawn` comes back.
pub(super) async fn ask_client(
    context: &RequestContext<RoleServer>,
    text: &str,
    always: Option<&str>,
    withdrawn: impl Future<Output = ()>,
) -> DialogEnd {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form(text, always)));
    let options = PeerRequestOptions::no_options();
    let sent = context.peer.send_request_with_option(request, options);
    let Ok(mut sent) = sent.await else {
        return DialogEnd::Failed;
    };
    let end = tokio::select! {
        answer = &mut sent.rx => return match answer {
            Ok(Ok(ClientResult::ElicitResult(result))) => DialogEnd::Answered(answer_of(&result)),
            _ => DialogEnd::Failed,
        },
        () = withdrawn => DialogEnd::Withdrawn,
        () = tokio::time::sleep(LIFE) => DialogEnd::Expired,
    };
    // A client that is gone is not told.
    let _ = sent
        .cancel(Some("it is not asked any more".to_owned()))
        .await;
    end
}

impl App {
    /// Has the client ask about a task that waits, as long as it waits: also after the call has ended.
    pub(super) fn show_question(&self, context: &RequestContext<RoleServer>, job: &JobHandle) {
        if !can_be_asked(context) || calls_again(context) {
            return;
        }
        let (app, context, job) = (self.clone(), context.clone(), job.clone());
        tokio::spawn(async move {
            let Some(question) = job.asked().await else {
                return;
            };
            let (text, always) = (question.in_lines(), question.always.as_deref());
            let settled = async {
                tokio::select! {
                    _ = app.open_questions().answered(job.id().as_str()) => {}
                    () = job.ended() => {}
                }
            };
            let end = ask_client(&context, &text, always, settled).await;
            let DialogEnd::Answered(answer) = end else {
                return;
            };
            if let Err(error) = app.answer_for(job.id().as_str(), answer).await {
                tracing::error!("an answer could not be recorded: {error}");
            }
        });
    }

    /// Records the answer to a task's question, unless it was answered already. A form that was closed is no answer.
    pub(super) async fn answer_for(&self, id: &str, answer: FormAnswer) -> Result<(), Error> {
        let (given, always) = match answer {
            FormAnswer::Yes { always } => (PersonAnswer::Yes, always),
            FormAnswer::No => (PersonAnswer::No, false),
            FormAnswer::Dismissed => return Ok(()),
        };
        let (questions, guard) = (self.open_questions().clone(), self.guard().clone());
        let (id, by) = (id.to_owned(), self.actor().get());
        blocking(move || {
            let answered = questions.answer(&id, given, by)?;
            if let Some(question) = answered.filter(|_| always) {
                let usual = question.always.as_deref();
                guard.policies().let_through(&question.servers, usual)?;
            }
            Ok(())
        })
        .await
    }
}
