//! Session channels that are kept open ahead on a connection, so that a command costs one round trip.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::session_channel::ChannelOutcome;

/// Most channels that are kept on a connection after a burst.
const MOST: usize = 4;

/// A server that closes a kept channel within this time does so on purpose. Later it may be a timeout of
/// its own (`ChannelTimeout`), with which keeping channels still pays.
const SHORT_LIFE: Duration = Duration::from_secs(60);

/// Pauses in keeping channels after the server has refused or closed one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A channel that nobody has used yet.
pub(super) enum KeptChannel {
    Open(Channel<Msg>),
    /// The server has not answered yet.
    Opening(oneshot::Receiver<ChannelOutcome>),
}

/// The channels that one connection keeps.
pub(super) struct KeptChannels {
    channels: Vec<(KeptChannel, Instant)>,
    /// Time after which the channels of a burst are given back.
    burst_holds: Duration,
    /// Sessions that were in use at once, and the time of that.
    peak: Option<(usize, Instant)>,
    /// Sessions beside which the server has refused a channel to keep.
    limit: Option<usize>,
}

/// The times at which a server's connections keep channels.
#[derive(Default)]
pub(super) struct KeepingPause {
    until: Option<Instant>,
    length: Duration,
}

impl KeptChannels {
    /// None so far. Those of a burst are given back after `burst_holds`.
    pub(super) fn new(burst_holds: Duration) -> Self {
        Self {
            channels: Vec::new(),
            burst_holds,
            peak: None,
            limit: None,
        }
    }

    /// Notes that a session was opened, as one of `load`.
    pub(super) fn note_use(&mut self, load: usize) {
        let now = Instant::now();
        let is_higher = self
            .peak
            .is_none_or(|(peak, at)| load >= peak || at.elapsed() >= self.burst_holds);
        if is_higher {
            self.peak = Some((load, now));
        }
    }

    /// The number of channels to keep beside `load` sessions: one, and after a burst as many as it used,
    /// within the limit of the server. None before the first use.
    fn wanted(&self, load: usize, limit: usize) -> usize {
        let Some((peak, at)) = self.peak else {
            return 0;
        };
        let burst = if at.elapsed() < self.burst_holds {
            peak
        } else {
            0
        };
        let wanted = burst.saturating_sub(load).clamp(1, MOST);
        let limit = self.limit.map_or(limit, |known| known.min(limit));
        wanted.min(limit.saturating_sub(load))
    }

    /// The number of channels to open.
    pub(super) fn missing(&self, load: usize, limit: usize) -> usize {
        let wanted = self.wanted(load, limit);
        wanted.saturating_sub(self.channels.len())
    }

    /// Takes out the open channels that are too many.
    pub(super) fn take_surplus(&mut self, load: usize, limit: usize) -> Vec<Channel<Msg>> {
        let mut surplus = self
            .channels
            .len()
            .saturating_sub(self.wanted(load, limit).max(1));
        let taken = self.channels.extract_if(.., |(kept, _)| {
            let is_taken = surplus > 0 && matches!(kept, KeptChannel::Open(_));
            surplus -= usize::from(is_taken);
            is_taken
        });
        let channels = taken.filter_map(|(kept, _)| match kept {
            KeptChannel::Open(channel) => Some(channel),
            KeptChannel::Opening(_) => None,
        });
        channels.collect()
    }

    /// Adds a channel that was requested.
    pub(super) fn add(&mut self, opening: oneshot::Receiver<ChannelOutcome>) {
        self.channels
            .push((KeptChannel::Opening(opening), Instant::now()));
    }

    /// Takes a channel, an open one if there is one.
    pub(super) fn take(&mut self) -> Option<KeptChannel> {
        let is_open = |(kept, _): &(KeptChannel, Instant)| matches!(kept, KeptChannel::Open(_));
        let open = self.channels.iter().position(is_open);
        let last = self.channels.len().checked_sub(1)?;
        let (kept, _) = self.channels.swap_remove(open.unwrap_or(last));
        Some(kept)
    }

    /// The number of channels.
    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    /// Keeps no channel beside so many sessions from now on.
    pub(super) fn limit_to(&mut self, sessions: usize) {
        self.limit = Some(sessions);
    }

    /// Removes the channels that were refused or that the server has closed. Returns whether it has closed
    /// one soon after it was opened.
    pub(super) fn remove_dead(&mut self) -> bool {
        let mut has_died_young = false;
        self.channels.retain_mut(|(kept, since)| {
            if let KeptChannel::Opening(opening) = kept {
                match opening.try_recv() {
                    Ok(Ok(Ok(channel))) => *kept = KeptChannel::Open(channel),
                    Ok(_) | Err(TryRecvError::Closed) => return false,
                    Err(TryRecvError::Empty) => return true,
                }
            }
            let KeptChannel::Open(channel) = kept else {
                return true;
            };
            let is_dead = is_dead(channel);
            has_died_young |= is_dead && since.elapsed() < SHORT_LIFE;
            !is_dead
        });
        has_died_young
    }
}

impl KeepingPause {
    /// Returns whether no channels are to be kept now.
    pub(super) fn is_on(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Begins a pause, twice as long as the one before.
    pub(super) fn begin(&mut self) {
        self.length = (2 * self.length).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.until = Some(Instant::now() + self.length);
    }
}

/// Returns whether the server has closed a channel that nobody has used.
fn is_dead(channel: &mut Channel<Msg>) -> bool {
    loop {
        match channel.wait().now_or_never() {
            None => return false,
            Some(None | Some(ChannelMsg::Close | ChannelMsg::Eof)) => return true,
            Some(Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_is_kept_after_the_first_use_and_more_after_a_burst() {
        let burst_holds = Duration::from_secs(60);
        let mut kept = KeptChannels::new(burst_holds);
        assert_eq!(kept.missing(0, 10), 0, "nothing before the first use");
        kept.note_use(1);
        assert_eq!([kept.missing(1, 10), kept.missing(0, 10)], [1, 1]);
        assert_eq!([kept.missing(1, 1), kept.missing(0, 1)], [0, 1]);
        kept.note_use(3);
        kept.note_use(2);
        assert_eq!([kept.missing(3, 10), kept.missing(0, 10)], [1, 3]);
        let long_ago = Instant::now().checked_sub(burst_holds).unwrap();
        let after_burst = KeptChannels {
            peak: Some((3, long_ago)),
            ..KeptChannels::new(burst_holds)
        };
        assert_eq!(after_burst.missing(0, 10), 1);
        kept.note_use(9);
        assert_eq!([kept.missing(0, 10), kept.missing(8, 10)], [MOST, 1]);
        kept.limit_to(2);
        assert_eq!([kept.missing(2, 10), kept.missing(1, 10)], [0, 1]);
        kept.limit = None;
        let (_answer, opening) = oneshot::channel();
        kept.add(opening);
        assert_eq!(kept.missing(0, 10), MOST - 1);
    }
}
