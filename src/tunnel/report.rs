//! A tunnel as callers see it.

use schemars::JsonSchema;
use serde::Serialize;

use super::request::TunnelDirection;
use crate::audit::Traffic;
use crate::text::in_bytes;
use crate::time::{Timestamp, brief};

/// A tunnel, open or ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TunnelReport {
    /// Its ID.
    pub id: String,
    /// The place that listens.
    pub listen: String,
    /// Its state.
    pub state: TunnelState,
    /// The reason why it carries nothing, or why the last connection failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The server.
    pub alias: String,
    /// The side that listens.
    pub direction: TunnelDirection,
    /// The place that it leads to; none of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The time at which it was opened.
    #[schemars(with = "String")]
    pub opened_at: Timestamp,
    /// The time at which it ends by itself.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// The connections that it carries, and those that failed.
    #[serde(flatten)]
    pub connections: ConnectionCounts,
    /// The SSH connections that were made in the place of one that had ended.
    pub reconnects: u64,
    /// The traffic so far.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// The cause of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// The connections of a tunnel.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ConnectionCounts {
    /// Those that it carries now.
    pub open: u64,
    /// Those that could not be carried to their end.
    pub failed: u64,
}

/// The state of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TunnelState {
    /// It carries connections.
    Open,
    /// Its SSH connection was lost. The next use makes another one.
    Disconnected,
    /// It has ended.
    Ended,
}

impl TunnelReport {
    /// The report of its end.
    pub(super) fn ended(self, cause: String) -> Self {
        Self {
            state: TunnelState::Ended,
            ended: Some(cause),
            ..self
        }
    }

    /// The answer to the call that has opened it.
    pub fn opening_text(&self) -> String {
        let Self {
            id, listen, alias, ..
        } = self;
        let to = self.to.as_deref().unwrap_or_default();
        let way = match self.direction {
            TunnelDirection::Local => {
                format!("{listen} on this machine leads through `{alias}` to {to}")
            }
            TunnelDirection::Remote => {
                format!("{listen} on `{alias}` leads to {to} on this machine")
            }
            TunnelDirection::Socks => format!(
                "socks5h://{listen} on this machine is a proxy; `{alias}` looks up names and connects"
            ),
        };
        let left = brief(self.expires_at.since(self.opened_at));
        format!(
            "tunnel {id} is open: {way}. It ends in {left}, with this program, or by tunnel_close."
        )
    }

    /// The tunnel for people, in a line.
    pub fn text(&self) -> String {
        let to = self.to.as_deref().unwrap_or("anywhere (SOCKS5)");
        let (near, far) = match self.direction {
            TunnelDirection::Remote => (self.alias.as_str(), "this machine"),
            TunnelDirection::Local | TunnelDirection::Socks => {
                ("this machine", self.alias.as_str())
            }
        };
        let state = match (self.state, &self.ended) {
            (TunnelState::Open, _) => {
                let left = brief(self.expires_at.since(Timestamp::now()));
                format!("open, {left} left")
            }
            (TunnelState::Disconnected, _) => {
                "its SSH connection was lost; the next use makes another".to_owned()
            }
            (TunnelState::Ended, cause) => {
                format!("ended: {}", cause.as_deref().unwrap_or_default())
            }
        };
        let Traffic {
            connections,
            bytes_sent,
            bytes_received,
        } = self.traffic;
        let mut text = format!(
            "{}: {} on {near} → {to} by {far}; {state}; {connections} connections, {} open, {} failed; {} sent, {} received; reconnected {} times",
            self.id,
            self.listen,
            self.connections.open,
            self.connections.failed,
            in_bytes(bytes_sent),
            in_bytes(bytes_received),
            self.reconnects
        );
        if let Some(problem) = &self.problem {
            text.push_str("; last problem: ");
            text.push_str(problem);
        }
        text
    }
}
