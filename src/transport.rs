//! JSON-RPC lines over a pair of streams (MCP specification 2025-11-25, «Transports», stdio).
//!
//! The library's own transport drops what it cannot read without a word, and ends on a
//! notification that comes too early. Here every malformed line gets its answer, and none ends
//! the server.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    ClientRequest, ErrorCode, ErrorData, GetMeta, JsonRpcMessage, ProtocolVersion, RequestId,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The longest line that is read: far above any call, far below what memory bears.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// A server's end of a JSON-RPC connection.
pub struct Lines<R, W> {
    reader: BufReader<R>,
    writer: Arc<Mutex<W>>,
    line: Vec<u8>,
    overlong: bool,
    begun: bool,
    ended: CancellationToken,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Lines<R, W> {
    /// A transport over `reader` and `writer`.
    pub fn new(reader: R, writer: W) -> Self {
        Self {
            reader: BufReader::new(reader),
            writer: Arc::new(Mutex::new(writer)),
            line: Vec::new(),
            overlong: false,
            begun: false,
            ended: CancellationToken::new(),
        }
    }

    /// Cancelled once the peer has closed its end.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Reads up to and with the next newline into `self.line`, at the end of input what is left; false
    /// if nothing is. Safe to cancel: what has been read of a line stays there.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |index| index + 1);
            if self.line.len() + taken > LONGEST_LINE {
                self.overlong = true;
                self.line.clear();
            }
            if !self.overlong {
                self.line.extend_from_slice(&available[..taken]);
            }
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(true);
            }
        }
    }

    /// The message that the line holds, or the answer that it deserves; neither for what is to be ignored.
    fn judge(&mut self) -> Judged {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.overlong) {
            let message = format!("the line is longer than {LONGEST_LINE} bytes");
            return refuse(None, ErrorCode::INVALID_REQUEST, message);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Judged::Ignored;
        }
        let value: Value = match serde_json::from_slice(&line) {
            Ok(value) => value,
            Err(error) => {
                return refuse(None, ErrorCode::PARSE_ERROR, format!("not JSON: {error}"));
            }
        };
        let id = value
            .get("id")
            .and_then(|id| serde_json::from_value(id.clone()).ok());
        let Some(method) = value
            .get("method")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
        else {
            // An answer to a request of ours, or nothing that JSON-RPC knows.
            return match serde_json::from_value(value) {
                Ok(_) if !self.begun => Judged::Ignored,
                Ok(message) => Judged::Message(Box::new(message)),
                Err(_) => refuse(
                    id,
                    ErrorCode::INVALID_REQUEST,
                    "not a JSON-RPC message".to_owned(),
                ),
            };
        };
        if method == "tools/call"
            && let Some(problem) = problem_of_call(&value)
        {
            return refuse(id, ErrorCode::INVALID_PARAMS, problem.to_owned());
        }
        match serde_json::from_value(value) {
            Ok(_) if id.is_none() && !self.begun => Judged::Ignored,
            Ok(message) => {
                self.begun |= begins_session(&message);
                Judged::Message(Box::new(message))
            }
            Err(_) if id.is_none() => Judged::Ignored,
            Err(error) => refuse(
                id,
                ErrorCode::INVALID_REQUEST,
                format!("not a request of MCP: {error}"),
            ),
        }
    }
}

enum Judged {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    Refused(Box<TxJsonRpcMessage<RoleServer>>),
    Ignored,
}

fn refuse(id: Option<RequestId>, code: ErrorCode, message: String) -> Judged {
    Judged::Refused(Box::new(TxJsonRpcMessage::<RoleServer>::error(
        ErrorData::new(code, message, None),
        id,
    )))
}

/// Whether a message opens the session, so that the library takes notifications after it: the
/// handshake, or from version 2026-07-28 on any request with complete metadata but the first look around.
fn begins_session(message: &RxJsonRpcMessage<RoleServer>) -> bool {
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

/// What is wrong with the parameters of a `tools/call`, where the library would call the method unknown.
fn problem_of_call(request: &Value) -> Option<&'static str> {
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

async fn send_line<W: AsyncWrite + Unpin>(
    writer: &Mutex<W>,
    message: &TxJsonRpcMessage<RoleServer>,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut writer = writer.lock().await;
    writer.write_all(&line).await?;
    writer.flush().await
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = Arc::clone(&self.writer);
        async move { send_line(&writer, &message).await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            match self.read_line().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!("cannot read from the client: {error}");
                    break;
                }
            }
            match self.judge() {
                Judged::Message(message) => return Some(*message),
                Judged::Ignored => {}
                Judged::Refused(answer) => {
                    tracing::warn!("refused a malformed message");
                    let writer = Arc::clone(&self.writer);
                    // Its own task: this future may be dropped between two bytes.
                    tokio::spawn(async move { send_line(&writer, &answer).await });
                }
            }
        }
        self.ended.cancel();
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        self.writer.lock().await.shutdown().await
    }
}
