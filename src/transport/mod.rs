//! JSON-RPC lines over a pair of streams (MCP specification 2025-11-25, «Transports», stdio).
//!
//! The library's own transport drops what it cannot read without a word, and ends on a
//! notification that comes too early. Here every malformed line gets its answer, and none ends
//! the server.

mod head;
mod load;

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    ClientNotification, ClientRequest, ErrorCode, ErrorData, GetMeta, JsonRpcMessage,
    JsonRpcVersion2_0, ProtocolVersion,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use head::{Head, Id};
use load::{Held, Load};

/// The longest line that is read: far above any call, far below what memory bears.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

const WRONG_ID: &str = "`id` has to be a string or a whole number of 64 bits";

/// A server's end of a JSON-RPC connection.
pub struct Lines<R, W> {
    reader: BufReader<R>,
    writer: Arc<Mutex<W>>,
    line: Vec<u8>,
    overlong: bool,
    begun: bool,
    ended: CancellationToken,
    load: Arc<Load>,
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
            load: Arc::default(),
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
        let text = line.trim_ascii_start();
        if text.is_empty() {
            return Judged::Ignored;
        }
        if !text.starts_with(b"{") {
            return judge_no_object(text);
        }
        match Head::of(text) {
            Ok(head) => self.judge_message(text, &head),
            Err(error) if error.is_data() => {
                refuse(None, ErrorCode::INVALID_REQUEST, error.to_string())
            }
            Err(error) => refuse(None, ErrorCode::PARSE_ERROR, format!("not JSON: {error}")),
        }
    }

    fn judge_message(&mut self, text: &[u8], head: &Head<'_>) -> Judged {
        let refuse = |code, message| refuse(head.id_of_answer(), code, message);
        let mut value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            // Whatever is wrong with an answer, it gets none.
            Err(_) if head.is_answer() => return Judged::Ignored,
            Err(error) if head.id() == Id::Foreign => {
                return refuse(ErrorCode::INVALID_REQUEST, format!("{WRONG_ID}: {error}"));
            }
            Err(error) => return refuse(ErrorCode::PARSE_ERROR, format!("not JSON: {error}")),
        };
        let Some(method) = value
            .get("method")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
        else {
            if !head.is_answer() {
                let problem = "not a JSON-RPC message".to_owned();
                return refuse(ErrorCode::INVALID_REQUEST, problem);
            }
            // To a request of ours.
            return match serde_json::from_value(value) {
                Ok(message) if self.begun => Judged::Message(Box::new(message)),
                _ => Judged::Ignored,
            };
        };
        let id = match head.id() {
            Id::Held(id) => Some(id),
            Id::Absent => None,
            // Some clients write it so where there is none.
            Id::Null if method.starts_with("notifications/") => {
                value.as_object_mut().map(|fields| fields.remove("id"));
                None
            }
            Id::Null | Id::Foreign | Id::Wrong => {
                return refuse(ErrorCode::INVALID_REQUEST, WRONG_ID.to_owned());
            }
        };
        if method == "tools/call"
            && let Some(problem) = problem_of_call(&value)
        {
            return refuse(ErrorCode::INVALID_PARAMS, problem.to_owned());
        }
        match serde_json::from_value(value) {
            Ok(_) if id.is_none() && !self.begun => Judged::Ignored,
            Ok(message) => {
                self.begun |= begins_session(&message);
                self.count(&message, text.len());
                Judged::Message(Box::new(message))
            }
            Err(_) if id.is_none() => Judged::Ignored,
            Err(error) => refuse(
                ErrorCode::INVALID_REQUEST,
                format!("not a request of MCP: {error}"),
            ),
        }
    }

    /// Counts a request of so many bytes until it has its answer; a cancelled one gets none.
    fn count(&self, message: &RxJsonRpcMessage<RoleServer>, bytes: usize) {
        match message {
            JsonRpcMessage::Request(request) => self.load.begin(request.id.clone(), bytes),
            JsonRpcMessage::Notification(sent) => {
                if let ClientNotification::CancelledNotification(cancelled) = &sent.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.load.end(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    /// Prepares a line for the client, which counts until it is written.
    fn line_of(&self, message: &impl Serialize) -> io::Result<(Vec<u8>, Held)> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let held = self.load.hold(line.len());
        Ok((line, held))
    }
}

/// What is not one message.
fn judge_no_object(text: &[u8]) -> Judged {
    match serde_json::from_slice::<IgnoredAny>(text) {
        Ok(_) if text.starts_with(b"[") => refuse(
            None,
            ErrorCode::INVALID_REQUEST,
            "batches are not taken; send each message on a line of its own".to_owned(),
        ),
        Ok(_) => {
            let problem = "not a JSON-RPC message".to_owned();
            refuse(None, ErrorCode::INVALID_REQUEST, problem)
        }
        Err(error) => refuse(None, ErrorCode::PARSE_ERROR, format!("not JSON: {error}")),
    }
}

enum Judged {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    Refused(Refusal),
    Ignored,
}

/// An error whose ID is as it was written.
#[derive(Serialize)]
struct Refusal {
    jsonrpc: JsonRpcVersion2_0,
    /// Null where none could be read (JSON-RPC 2.0, section 5).
    id: Option<Box<RawValue>>,
    error: ErrorData,
}

fn refuse(id: Option<Box<RawValue>>, code: ErrorCode, message: String) -> Judged {
    Judged::Refused(Refusal {
        jsonrpc: JsonRpcVersion2_0,
        id,
        error: ErrorData::new(code, message, None),
    })
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
    (line, _held): (Vec<u8>, Held),
) -> io::Result<()> {
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
        let answers = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        let line = self.line_of(&message);
        if let Some(id) = answers {
            self.load.end(id);
        }
        let writer = Arc::clone(&self.writer);
        async move { send_line(&writer, line?).await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            self.load.admit().await;
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
                    let (line, writer) = (self.line_of(&answer), Arc::clone(&self.writer));
                    // Its own task: this future may be dropped between two bytes.
                    tokio::spawn(async move { send_line(&writer, line?).await });
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
