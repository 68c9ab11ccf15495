//! The start of a command that runs as another user: the talk with sudo.

use std::time::Duration;

use bytes::Bytes;
use russh::ChannelMsg;
use tokio::time::timeout;

use super::OpenChannel;
use crate::error::Error;
use crate::ssh::pool::elevation::{Elevation, SUDOERS, SudoTalk, WRONG};

/// The time that sudo may take until it asks or begins: name services and PAM may be slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

impl OpenChannel {
    /// Has sudo run a command line, and comes back once that runs. The messages that belong to it are kept for
    /// [`OpenChannel::wait`].
    pub(super) async fn exec_elevated(
        &mut self,
        elevation: &Elevation,
        line: &str,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<(), Error> {
        let mut talk = SudoTalk::new(self.is_at_terminal());
        let sent = self.request_exec(encode(&elevation.line(line, &talk)));
        sent.await?;
        let talking = self.talk(elevation, &mut talk, encode);
        let Ok(talked) = timeout(PATIENCE, talking).await else {
            let words = talk.words();
            let reason = format!("sudo neither ran it nor asked for a password; it said: {words}");
            return Err(elevation.refused(&reason, SUDOERS));
        };
        for message in talked?.into_iter().rev() {
            self.put_back(message);
        }
        Ok(())
    }

    async fn talk(
        &mut self,
        elevation: &Elevation,
        talk: &mut SudoTalk,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<Vec<ChannelMsg>, Error> {
        let mut status = None;
        loop {
            let message = self.wait().await;
            match message {
                Some(ChannelMsg::Data { data }) => talk.take(0, &data),
                Some(ChannelMsg::ExtendedData { data, .. }) => talk.take(1, &data),
                Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
                Some(ChannelMsg::Failure) => return Ok(vec![ChannelMsg::Failure]),
                Some(ChannelMsg::Close) => return Err(elevation.ended(talk, status)),
                None => return Err(self.lease().connection_lost().await),
                Some(_) => {}
            }
            if let Some(rest) = talk.rest() {
                return Ok(messages(rest, status));
            }
            match (talk.asked().as_slice(), talk.is_typed) {
                ([_, _, ..], _) => {
                    return Err(elevation.refused("sudo did not take the password", WRONG));
                }
                ([user], false) => {
                    let password = elevation.password_of(user)?;
                    talk.is_typed = true;
                    let typed = encode(&format!("{}\n", password.expose()));
                    let sent = self.data(&typed).await;
                    sent.map_err(|error| self.lease().refusal(error.to_string()))?;
                }
                _ => {}
            }
        }
    }
}

/// The first messages of a command: that it runs, the beginnings of its streams, and its end if it has come.
fn messages(rest: Vec<Bytes>, status: Option<u32>) -> Vec<ChannelMsg> {
    let streams = rest
        .into_iter()
        .enumerate()
        .map(|(stream, data)| match stream {
            0 => ChannelMsg::Data { data },
            _ => ChannelMsg::ExtendedData { data, ext: STDERR },
        });
    let end = status.map(|exit_status| ChannelMsg::ExitStatus { exit_status });
    [ChannelMsg::Success]
        .into_iter()
        .chain(streams)
        .chain(end)
        .collect()
}
