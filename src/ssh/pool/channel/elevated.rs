//! The start of a command that runs as another user: the talk with the program that makes it one.

use std::time::Duration;

use bytes::Bytes;
use russh::ChannelMsg;
use tokio::time::timeout;

use super::super::{ChannelPurpose, Pool};
use super::OpenChannel;
use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::pool::elevation::{Elevation, ElevationTalk, Obstacle, RawInput, SUDOERS, Way};

/// The time that the program may take until it asks or begins: name services and PAM may be slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// The terminal of a command that has one only because the way to the other user takes it.
const TERMINAL: &str = "dumb";
const TERMINAL_SIZE: (u32, u32) = (80, 24);

/// A command line of which nothing comes.
const NOTHING: &str = ":";

/// The reason why a command has not begun.
pub(in crate::ssh::pool) struct Unbegun {
    pub(in crate::ssh::pool) obstacle: Obstacle,
    pub(in crate::ssh::pool) error: Error,
}

impl From<Error> for Unbegun {
    fn from(error: Error) -> Self {
        Self {
            obstacle: Obstacle::Refusal,
            error,
        }
    }
}

impl Pool {
    /// Finds out the way to the other user, unless it is known, by a command that does nothing.
    pub(in crate::ssh::pool) async fn find_way(
        &self,
        alias: &str,
        elevation: &Elevation,
        purpose: ChannelPurpose,
        patience: Duration,
    ) -> Result<(), Error> {
        elevation.check_password()?;
        if elevation.way().is_some() {
            return Ok(());
        }
        let _alone = elevation.ways().alone().await;
        // Another call may have found it meanwhile.
        let mut way = elevation.way().is_none().then(Way::default);
        while let Some(tried) = way {
            let mut channel = self.open_session_channel(alias, purpose, patience).await?;
            channel.is_raw = tried.is_at_terminal();
            channel.input = RawInput::Bytes(0);
            let encode = |text: &str| Charset::Utf8.encode(text);
            match channel.exec_by(tried, elevation, NOTHING, encode).await {
                Ok(()) => {
                    elevation.note_way(tried);
                    way = None;
                }
                Err(Unbegun { obstacle, error }) => {
                    way = Some(tried.after(obstacle).ok_or(error)?);
                }
            }
        }
        Ok(())
    }
}

impl OpenChannel {
    /// Has a command line run as the other user, and comes back once that runs. The messages that belong to it are
    /// kept for [`OpenChannel::wait`].
    pub(super) async fn exec_elevated(
        &mut self,
        elevation: &Elevation,
        line: &str,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<(), Error> {
        elevation.check_password()?;
        let way = elevation.way().unwrap_or_default();
        let begun = self.exec_by(way, elevation, line, encode).await;
        begun.map_err(|unbegun| {
            if unbegun.obstacle != Obstacle::Refusal {
                // Rules or programs have changed there: the next call looks for the way anew.
                elevation.forget_way();
            }
            unbegun.error
        })
    }

    async fn exec_by(
        &mut self,
        way: Way,
        elevation: &Elevation,
        line: &str,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<(), Unbegun> {
        if self.is_raw {
            let asked = self.ask_for_terminal(TERMINAL, TERMINAL_SIZE, false).await;
            asked.map_err(|error| self.lease().refusal(error.to_string()))?;
        }
        let raw = self.is_raw.then_some(self.input);
        let mut talk = ElevationTalk::new(way, self.is_at_terminal());
        let sent = self.request_exec(encode(&elevation.line(way, line, &talk, raw)));
        sent.await?;
        let talking = self.talk(way, elevation, &mut talk, encode);
        let Ok(talked) = timeout(PATIENCE, talking).await else {
            let (program, words) = (way.program(), talk.words());
            let reason =
                format!("{program} neither ran it nor asked for a password; it said: {words}");
            return Err(elevation.refused(&reason, SUDOERS).into());
        };
        for message in talked?.into_iter().rev() {
            self.put_back(message);
        }
        Ok(())
    }

    async fn talk(
        &mut self,
        way: Way,
        elevation: &Elevation,
        talk: &mut ElevationTalk,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<Vec<ChannelMsg>, Unbegun> {
        let mut status = None;
        loop {
            let message = self.wait().await;
            match message {
                Some(ChannelMsg::Data { data }) => talk.take(0, &data),
                Some(ChannelMsg::ExtendedData { data, .. }) => talk.take(1, &data),
                Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
                Some(ChannelMsg::Failure) => return Ok(vec![ChannelMsg::Failure]),
                Some(ChannelMsg::Close) => {
                    let obstacle = if talk.is_typed {
                        Obstacle::Refusal
                    } else {
                        way.obstacle(status, &talk.words())
                    };
                    let error = elevation.ended(way, talk, obstacle);
                    return Err(Unbegun { obstacle, error });
                }
                None => return Err(self.lease().connection_lost().await.into()),
                Some(_) => {}
            }
            if let Some(rest) = talk.rest() {
                return Ok(messages(rest, status));
            }
            let asked = talk.asked(elevation.asked_user(way));
            match (asked.as_slice(), talk.is_typed) {
                ([_, _, ..], _) => return Err(elevation.wrong(way).into()),
                ([user], false) => {
                    let password = elevation.password_of(way, user)?;
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
