//! Running a sequence in a channel, which ends with this program.

use super::outcome::SequenceOutcome;
use super::result::result_of;
use super::{Remote, Sequence};
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::command::CommandOutcome;
use crate::job::kind::context::{Context, limit_of};
use crate::job::outputs::Streams;
use crate::ssh::ExitOutcome;
use crate::ssh::command::sequence::{ShellSequence, StepOutcome};
use crate::text::tell_loss;

/// Follow the error of a lost connection: the server has got all steps, and the shell begins the next one
/// by itself as long as it does not know of the loss.
const MAY_GO_ON: &str = "; the steps after it were sent along and may have run";
const MAY_HAVE_RUN: &str = "; the steps were sent along and may have run";

impl Sequence {
    /// Runs the steps to the end of the sequence.
    pub(super) async fn run_in_channel(
        &self,
        context: &Context<'_>,
        remote: Remote,
    ) -> (Ending, SequenceOutcome) {
        let mut outcome = SequenceOutcome {
            remote,
            ..SequenceOutcome::default()
        };
        let alias = &context.job.alias;
        let texts = match self.texts(context).await {
            Ok(texts) => texts,
            Err(error) => return (error.into(), outcome),
        };
        let lines = self.lines(
            limit_of(self.timeout, context.config.command_timeout),
            &texts,
        );
        let Streams {
            mut stdout,
            mut stderr,
        } = context.begin_output();
        let mut sequence = ShellSequence::new(context.pool, alias, context.cancel(), context.link);
        let mut results = Vec::new();
        // The end of the step that ends the sequence.
        let mut last: Option<ExitOutcome> = None;
        let mut failure = None;
        while results.len() < self.commands.len() && last.is_none() {
            let rest = &lines[results.len()..];
            let mut take = |ran: StepOutcome| {
                let index = results.len();
                let step = &self.commands[index];
                let (result, ended) = result_of(index, step, ran);
                let goes_on = result.success || self.goes_on_after(step, &ended);
                results.push(result);
                if !goes_on {
                    last = Some(ended);
                }
                goes_on
            };
            if let Err(error) = sequence
                .run(rest, &mut stdout, &mut stderr, &mut take)
                .await
            {
                failure = Some(error);
                break;
            }
        }
        let SequenceOutcome {
            command: CommandOutcome { printed, exit },
            steps,
            ..
        } = &mut outcome;
        steps.shell = sequence.uses_sh_fallback.then(|| "sh".to_owned());
        exit.prompt.clone_from(&sequence.prompt);
        exit.left_running = sequence.has_child.then_some(true);
        printed.encoding = sequence.charset.name();
        printed.keep(&stdout, &stderr);
        for result in &mut results {
            tell_loss(&mut result.output, stdout.lost());
            tell_loss(&mut result.stderr, stderr.lost());
        }
        let done = results.len();
        exit.code = results.last().and_then(|result| result.exit_code);
        let ending = match (failure, last) {
            (Some(error @ Error::ConnectionLost { .. }), _) if sequence.is_sent_ahead => {
                Ending::from(error).explain(|error| format!("{error}{MAY_HAVE_RUN}"))
            }
            (Some(error), _) => error.into(),
            (None, last) => {
                let is_lost = matches!(last, Some(ExitOutcome::ConnectionLost(_)));
                let may_go_on = is_lost && sequence.is_sent_ahead && done < self.commands.len();
                let last = last.map(|ended| exit.close(ended, lines[done - 1].limit));
                let ending = self.ending_of(&results, last);
                let rest = if may_go_on { MAY_GO_ON } else { "" };
                ending.explain(|error| format!("{error}{rest}"))
            }
        };
        steps.results = Some(results);
        (ending, outcome)
    }
}
