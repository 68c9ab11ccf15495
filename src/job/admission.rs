//! Whether a job may begin.

use super::operation::Operation;
use super::sequence::Step;
use crate::error::Error;
use crate::guard::Guard;
use crate::sftp::transfer::Direction;

impl Operation {
    /// The tool by which it runs or changes something on its server; `None` if it only reads. `tool` is
    /// the tool whose own command it is: those only read.
    pub(super) fn changes_by(&self, tool: Option<&str>) -> Option<&'static str> {
        match self {
            Self::Exec { .. } if tool.is_some() => None,
            Self::Exec { .. } => Some("task_exec"),
            Self::Interactive { .. } => Some("task_exec_interactive"),
            Self::Sequence { .. } => Some("task_exec_sequence"),
            Self::Transfer(request) => {
                (request.direction == Direction::Upload).then_some("task_transfer")
            }
        }
    }

    /// Refuses what the guard does not let happen. `tool` is the tool whose own command it is.
    pub(super) fn admit(
        &self,
        guard: &Guard,
        alias: &str,
        tool: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(tool) = self.changes_by(tool) {
            guard.may_change(alias, tool)?;
        }
        match self {
            Self::Exec { .. } if tool.is_some() => Ok(()),
            Self::Exec { cmd, .. } => guard.may_run(cmd),
            Self::Interactive { cmd, responses, .. } => {
                guard.may_run(cmd)?;
                guard.may_answer(cmd, responses)
            }
            Self::Sequence { steps, .. } => {
                let commands: Vec<_> = steps.iter().map(Step::command).collect();
                // What one step leaves open, such as a quote, hides the next from no shell.
                commands
                    .iter()
                    .try_for_each(|command| guard.may_run(command))?;
                guard.may_run(&commands.join("\n"))
            }
            Self::Transfer(request) => {
                request.check_paths()?;
                let mut paths = request.local_bases().into_iter();
                paths.try_for_each(|path| guard.roots().check(&path))?;
                let targets = request.plain_targets();
                targets.map_or(Ok(()), |targets| refuse_blocked(guard, &targets))
            }
        }
    }
}

/// Refuses an upload of which no file may be written, as far as a block rule says so of what was given.
/// The rest is judged once it is known where links and directories lead.
fn refuse_blocked(guard: &Guard, targets: &[String]) -> Result<(), Error> {
    let mut refusal = None;
    for target in targets {
        match guard.may_write(std::slice::from_ref(target)) {
            Err(error @ Error::Blocked { rule: Some(_), .. }) => {
                refusal.get_or_insert(error);
            }
            Err(Error::Blocked { .. }) | Ok(()) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    refusal.map_or(Ok(()), Err)
}
