//! Messages that were read, and the answers to malformed ones.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, ClientRequest, ErrorCode, ErrorData, GetMeta, JsonRpcMessage,
    JsonRpcVersion2_0, ProtocolVersion,
};
use rmcp::service::RxJsonRpcMessage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::head::{MessageHead, MessageId};

/// A message that was read, or the result of its failure.
pub(super) enum Received {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    /// A malformed message, which gets this answer.
    Refused(ErrorResponse),
    /// A message without an answer, or a blank line.
    Ignored,
}

/// A JSON-RPC error. Its ID is spelled as in the request, because the library's type holds only some IDs.
#[derive(Serialize)]
pub(super) struct ErrorResponse {
    jsonrpc: JsonRpcVersion2_0,
    /// Null if none could be read (JSON-RPC 2.0, section 5).
    id: Option<Box<RawValue>>,
    error: ErrorData,
}

pub(super) fn not_json(id: Option<Box<RawValue>>, error: &serde_json::Error) -> Received {
    refuse(id, ErrorCode::PARSE_ERROR, format!("not JSON: {error}"))
}

pub(super) fn refuse(id: Option<Box<RawValue>>, code: ErrorCode, message: String) -> Received {
    Received::Refused(ErrorResponse {
        jsonrpc: JsonRpcVersion2_0,
        id,
        error: ErrorData::new(code, message, None),
    })
}

/// Parses a request or a notification. A tool call, the most frequent message, is tried first: the library finds
/// it only after every other kind of request.
pub(super) fn parse(
    message: Value,
    head: &MessageHead<'_>,
) -> serde_json::Result<RxJsonRpcMessage<RoleServer>> {
    match parse_tool_call(&message, head) {
        Some(call) => Ok(call),
        None => serde_json::from_value(message),
    }
}

fn parse_tool_call(
    message: &Value,
    head: &MessageHead<'_>,
) -> Option<RxJsonRpcMessage<RoleServer>> {
    let MessageId::Held(id) = head.id() else {
        return None;
    };
    if head.has_answer() || message["jsonrpc"] != "2.0" {
        return None;
    }
    let call = CallToolRequest::deserialize(message).ok()?;
    let request = ClientRequest::CallToolRequest(call);
    Some(JsonRpcMessage::request(request, id))
}

/// Returns true if a message opens the session, so that the library accepts notifications after it: the
/// handshake, or from version 2026-07-28 on any request with complete metadata but `server/discover`.
pub(super) fn begins_session(message: &RxJsonRpcMessage<RoleServer>) -> bool {
    let JsonRpcMessage::Request(request) = message else {
        return false;
    };
    match &request.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let version = meta.protocol_version();
            version.is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version))
                && meta
                    .missing_required_keys(&ProtocolVersion::V_2026_07_28)
                    .is_empty()
        }
    }
}

/// The problem with the parameters of a `tools/call`. The library would answer that the method is unknown.
pub(super) fn problem_of_call(request: &Value) -> Option<&'static str> {
    let Some(params) = request.get("params").and_then(Value::as_object) else {
        return Some("tools/call needs params: {name, arguments}");
    };
    if !params.get("name").is_some_and(Value::is_string) {
        return Some("params.name has to be a string");
    }
    let arguments = params.get("arguments");
    arguments
        .is_some_and(|arguments| !arguments.is_object() && !arguments.is_null())
        .then_some("params.arguments has to be an object")
}

/// A message's JSON.
pub(super) fn to_json(message: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(message)
        .inspect_err(|error| tracing::error!("cannot write a message: {error}"))
        .ok()
}
