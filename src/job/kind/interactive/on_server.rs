//! Having the server go on with a command at a terminal, whatever becomes of the connection and this program.

use super::Interactive;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::context::{Context, JobStart, limit_of};
use crate::job::kind::detached::follow::{close, follow};
use crate::job::kind::detached::outcome::DetachedOutcome;
use crate::job::kind::detached::start::{AfterStart, after_start, start};
use crate::secret::MASK;
use crate::shell::leaves_behind;
use crate::ssh::command::detached::{DetachedInput, DetachedTerminal, DetachedText};
use crate::ssh::prompt::PromptResponder;

/// Added to a prompt once a process has ended that alone knew the answers.
const ANSWERS_LOST: &str = "; the secret answers of the call are not known any more";

impl Interactive {
    /// Starts the command on its server, or takes up what another process has started there, and follows it.
    pub(super) async fn run_on_server(
        &self,
        context: &Context<'_>,
        responder: PromptResponder,
    ) -> (Ending, DetachedOutcome) {
        let mut outcome = match context.recorded {
            Outcome::Interactive(recorded) => recorded.clone(),
            _ => DetachedOutcome::default(),
        };
        // A detached command has no timeout unless the call gives one.
        let limit = limit_of(self.timeout, None);
        if context.start == JobStart::Fresh {
            outcome.command.printed.encoding = context.note_encoding();
            let text = DetachedText {
                line: &self.cmd,
                input: DetachedInput::Typed,
            };
            let remote = &mut outcome.remote;
            let started = start(context, remote, &text, limit).await;
            match after_start(context, remote, started, self.or_attached) {
                AfterStart::Follow => {}
                AfterStart::RunInChannel => {
                    return self
                        .run_in_channel(context, responder, outcome.remote)
                        .await;
                }
                AfterStart::End(ending) => return (ending, outcome),
            }
        } else if self.responses.values().any(|answer| answer == MASK) {
            context.link.set_remark(ANSWERS_LOST);
        }
        let charset = context.pool.charset(&context.job.alias);
        let mut terminal = DetachedTerminal::new(responder, context.link, charset);
        let DetachedOutcome { remote, command } = &mut outcome;
        let mut followed = follow(context, remote, Some(&mut terminal), |_| {}).await;
        followed.keep(remote, &mut command.printed).await;
        let exit = &mut command.exit;
        let ending = close(remote, exit, followed.ended, limit);
        let ending = exit.explain_timeout(ending, &self.cmd, Some(terminal.prompt()));
        let is_left = leaves_behind(&self.cmd) && exit.code.is_some();
        exit.left_running = is_left.then_some(true);
        exit.pager_quit = terminal.has_quit_pager().then_some(true);
        context.trigger.polled();
        (ending, outcome)
    }
}
