//! Tunnels to the networks of servers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Json, Nothing, NumberOfSeconds, Parameters};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::tunnel::{TunnelDirection, TunnelReport, TunnelRequest};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OpenTunnel {
    /// Server alias.
    alias: String,
    /// Its far end as the server sees it: host:port, or a socket's path. With `remote`, a port here.
    to: Option<PlaceText>,
    /// The port that listens, on the loopback. Default: a free one.
    listen: Option<PlaceText>,
    /// local: listens here. remote: the server listens, and it leads here. socks: a SOCKS5 proxy here.
    #[serde(default)]
    direction: TunnelDirection,
    /// Seconds until it is closed. Default 3600.
    ttl: Option<NumberOfSeconds>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CloseTunnel {
    /// Tunnel ID.
    id: String,
}

#[derive(Serialize, JsonSchema)]
struct TunnelList {
    tunnels: Vec<TunnelReport>,
}

/// A place as text. A port may come as a number.
#[derive(Debug)]
struct PlaceText(String);

impl<'de> Deserialize<'de> for PlaceText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(port) => Ok(Self(port.to_string())),
            text => String::deserialize(text)
                .map(Self)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for PlaceText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PlaceText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[tool_router(router = tunnel_tools, vis = "pub(super)")]
impl App {
    /// Open a tunnel, so that programs on this machine reach a database or web page behind a server, or the server reaches one here. It ends with this program.
    #[tool(title = "Open a tunnel", meta = declare(Access::OpensTunnels, Toolset::Live))]
    async fn tunnel_open(
        &self,
        Parameters(wanted): Parameters<OpenTunnel>,
    ) -> Result<Json<TunnelReport>, Error> {
        let [to, listen] = [wanted.to, wanted.listen].map(|place| place.map(|place| place.0));
        let request = TunnelRequest::new(
            wanted.alias,
            wanted.direction,
            to.as_deref(),
            listen.as_deref(),
            wanted.ttl.map(NumberOfSeconds::duration),
        )?;
        let report = self.tunnels().open(request).await?;
        Json::new(report.opening_text(), &report)
    }

    /// List tunnels: those open, and the last that ended, with what they carried.
    #[tool(title = "List tunnels", meta = declare(Access::ReadsHere, Toolset::Live))]
    async fn tunnel_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Json<TunnelList>, Error> {
        let list = TunnelList {
            tunnels: self.tunnels().list(),
        };
        let lines: Vec<_> = list.tunnels.iter().map(TunnelReport::text).collect();
        let text = if lines.is_empty() {
            "no tunnel is open".to_owned()
        } else {
            lines.join("\n")
        };
        Json::new(text, &list)
    }

    /// Close a tunnel with all that it carries.
    #[tool(title = "Close a tunnel", meta = declare(Access::ClosesTunnels, Toolset::Live))]
    async fn tunnel_close(
        &self,
        Parameters(CloseTunnel { id }): Parameters<CloseTunnel>,
    ) -> Result<Json<TunnelReport>, Error> {
        let report = self.tunnels().close(&id).await?;
        Json::new(report.text(), &report)
    }
}
