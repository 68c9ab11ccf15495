//! Keeping channels ahead on the connections to one alias.
//!
//! A session channel costs a round trip before its command costs another. So a connection keeps one open
//! after its first use. Nothing is requested on it, so that the server starts no process and records no
//! session. It is the first to give way: every request for a session on its connection takes it before
//! it opens a channel, so that it never counts against the server's limit (`MaxSessions`) where a request
//! needs the place, and it does not keep an idle connection open.
//!
//! No channels are kept for network devices, some of which run one command on a connection, and there is
//! a pause where the server refuses a kept channel or closes it soon.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::alias_pool::AliasPool;
use super::kept::KeptChannel;
use super::session_channel::open_session;
use super::state::{AliasState, PooledConnection};
use crate::sync::lock;

impl AliasPool {
    /// Takes a channel that is kept on a connection.
    pub(super) fn pop_kept_channel(&self, id: u64) -> Option<KeptChannel> {
        let mut state = lock(&self.state);
        let pooled = state.pooled(id)?;
        let has_died_young = pooled.kept.remove_dead();
        let kept = pooled.kept.take();
        if has_died_young {
            state.keeping_pause.begin();
        }
        kept
    }

    /// Keeps no channels for a while: a kept channel turned out to be closed when it was used.
    pub(super) fn pause_keeping(&self) {
        lock(&self.state).keeping_pause.begin();
    }

    /// Opens the channels to keep. Calls that wait for a channel go first.
    pub(super) fn keep_channels(self: &Arc<Self>, state: &mut AliasState) {
        if state.keeping_pause.is_on() || !state.waiters.is_empty() {
            return;
        }
        let is_posix = state.shell.known().is_posix;
        for pooled in &mut state.connections {
            if !takes_several_channels(pooled, is_posix) {
                continue;
            }
            let open = pooled.sessions();
            for _ in 0..pooled.kept.missing(open, pooled.limit()) {
                let sessions = open + pooled.kept.len();
                let (answer, opening) = oneshot::channel();
                pooled.kept.add(opening);
                let (pool, id) = (Arc::downgrade(self), pooled.id);
                let connection = Arc::clone(&pooled.connection);
                tokio::spawn(async move {
                    let outcome = open_session(&connection).await;
                    if let (Ok(Err(russh::Error::ChannelOpenFailure(_))), Some(pool)) =
                        (&outcome, pool.upgrade())
                    {
                        pool.note_refused_channel(id, sessions);
                    }
                    if let Err(Ok(Ok(channel))) = answer.send(outcome) {
                        let _ = channel.close().await;
                    }
                });
            }
        }
    }

    /// Notes that the server has refused a channel to keep beside so many sessions. Requests learn the
    /// limit for themselves: the server may have counted a session that has ended since.
    fn note_refused_channel(&self, id: u64, sessions: usize) {
        let mut state = lock(&self.state);
        if sessions == 0 {
            state.keeping_pause.begin();
        } else if let Some(pooled) = state.pooled(id) {
            pooled.kept.limit_to(sessions);
        }
    }

    /// Gives back the channels of a burst that is over.
    pub(super) fn give_back_kept_channels(state: &mut AliasState) {
        let mut has_died_young = false;
        for pooled in &mut state.connections {
            has_died_young |= pooled.kept.remove_dead();
            let (open, limit) = (pooled.sessions(), pooled.limit());
            for channel in pooled.kept.take_surplus(open, limit) {
                tokio::spawn(async move { channel.close().await });
            }
        }
        if has_died_young {
            state.keeping_pause.begin();
        }
    }
}

/// Returns whether a further channel does no harm to a connection. Network devices have no POSIX shell; on
/// Windows, OpenSSH has none either.
fn takes_several_channels(pooled: &PooledConnection, is_posix: bool) -> bool {
    let is_general = is_posix || pooled.connection.software.contains("OpenSSH");
    is_general && !pooled.server.is_plain() && pooled.takes_channels()
}
