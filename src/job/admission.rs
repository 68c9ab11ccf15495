//! Whether a job may begin.

use super::operation::Operation;
use super::sequence::Step;
use crate::error::Error;
use crate::guard::Guard;
use crate::sftp::transfer::Direction;

impl Operation {
    /// Refuses what the guard does not let happen. `tool` is the tool whose own command it is: those
    /// only read.
    pub(super) fn admit(
        &self,
        guard: &Guard,
        alias: &str,
        tool: Option<&str>,
    ) -> Result<(), Error> {
        match self {
            Self::Exec { .. } if tool.is_some() => Ok(()),
            Self::Exec { cmd, .. } => {
                guard.may_change(alias, "task_exec")?;
                guard.may_run(cmd)
            }
            Self::Interactive { cmd, .. } => {
                guard.may_change(alias, "task_exec_interactive")?;
                guard.may_run(cmd)
            }
            Self::Sequence { steps, .. } => {
                guard.may_change(alias, "task_exec_sequence")?;
                let commands: Vec<_> = steps.iter().map(Step::command).collect();
                // What one step leaves open, such as a quote, hides the next from no shell.
                commands
                    .iter()
                    .try_for_each(|command| guard.may_run(command))?;
                guard.may_run(&commands.join("\n"))
            }
            Self::Transfer(request) => {
                if request.direction == Direction::Upload {
                    guard.may_change(alias, "task_transfer")?;
                }
                let mut paths = request.local_bases().into_iter();
                paths.try_for_each(|path| guard.roots().check(&path))
            }
        }
    }
}
