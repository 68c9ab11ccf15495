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
