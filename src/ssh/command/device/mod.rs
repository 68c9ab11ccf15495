//! Commands on devices: each is typed at a terminal, and ends where the device shows its prompt again.
//!
//! A device tells no exit status. It is known by its words that it has refused a command.
//!
//! | module | what it is |
//! |---|---|
//! | `session` | a terminal of a device, from the login to the last command |
//! | `login` | the talk at the terminal before the first prompt |
//! | `exchange` | one command, to its end |
//! | `talk` | the answers to questions of a device |
//! | `watch` | the point to which a device has come |
//! | `transcript` | the output of a command: without echo, prompts and pagers |
//! | this | one command on a terminal of its own |

mod exchange;
mod login;
mod session;
mod talk;
mod transcript;
mod watch;

pub(super) use exchange::{DeviceAnswer, DeviceCommand};
pub(super) use session::DeviceSession;
pub(super) use talk::DeviceTalk;

use super::{ExecOutcome, RemoteCommand};
use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::output::Output;
use crate::ssh::pool::Pool;

/// Logs in to a device, and returns the prompt that it shows.
pub async fn device_prompt(pool: &Pool, alias: &str) -> Result<String, Error> {
    let session = DeviceSession::log_in(pool, alias).await?;
    let prompt = session.prompt().to_owned();
    session.close().await;
    Ok(prompt)
}

impl RemoteCommand<'_> {
    /// Runs the command on a device.
    pub(super) async fn run_on_device(
        self,
        pool: &Pool,
        stdout: &mut Output,
    ) -> Result<ExecOutcome, Error> {
        let Some(mut session) = DeviceSession::open(pool, self.alias, self.cancel).await? else {
            return Ok(ExecOutcome::not_begun());
        };
        let mut talk = DeviceTalk::new(self.responder, self.link);
        let command = DeviceCommand {
            text: self.text.line(),
            limit: self.limit,
            bound: self.bound,
        };
        let answer = session.run(&command, &mut talk, self.cancel, stdout).await;
        session.close().await;
        stdout.finish().await;
        Ok(ExecOutcome {
            ended: answer.ended,
            is_cut: answer.is_cut,
            reached: answer.reached,
            has_child: false,
            has_quit_pager: false,
            charset: Charset::Utf8,
            prompt: answer.waited_at,
        })
    }
}
