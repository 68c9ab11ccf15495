//! JSON-RPC lines over a pair of streams (MCP specification 2025-11-25, «Transports», stdio).
//!
//! A line holds one message, in protocol version 2025-03-26 also a batch of them.
//!
//! The library's own transport silently drops lines that it cannot parse, and ends at a notification that
//! comes too early. Here every malformed line gets an answer, and none ends the server.

mod batch;
mod head;
mod load;

use std::fmt::{self, Display, Formatter};
use std::io;
use std::sync::{Arc, Mutex};
use std::vec;

use rmcp::RoleServer;
use rmcp::model::{
    ClientNotification, ClientRequest, ErrorCode, ErrorData, GetMeta, JsonRpcError, JsonRpcMessage,
    JsonRpcVersion2_0, ProtocolVersion, RequestId, ServerResult,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::watch;

use crate::sync::lock;
use batch::{Batches, MOST_MESSAGES};
use head::{MessageHead, MessageId};
use load::{Load, PendingBytes};

/// The most bytes of a line, far more than any call needs.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

const NO_MESSAGE: &str = "not a JSON-RPC message";
const WRONG_ID: &str = "`id` has to be a string or a whole number of 64 bits";

/// A server's end of a JSON-RPC connection.
pub struct LineTransport<R, W> {
    reader: BufReader<R>,
    output: Arc<ClientOutput<W>>,
    line: Vec<u8>,
    overlong: bool,
    begun: bool,
    /// The version that the handshake has agreed on.
    version: Option<ProtocolVersion>,
    /// The batch that is being read. The next line is read when its messages are handled.
    reading: Option<OpenBatch>,
}

/// A batch with its messages that are not handled yet.
struct OpenBatch {
    batch: u64,
    messages: vec::IntoIter<Box<RawValue>>,
}

/// The stream to the client, with the answers that are not written yet.
struct ClientOutput<W> {
    writer: tokio::sync::Mutex<W>,
    batches: Mutex<Batches>,
    load: Arc<Load>,
    ending: watch::Sender<Option<CloseReason>>,
}

/// The reason why a session's streams are closed.
#[derive(Clone, Debug)]
pub enum CloseReason {
    /// End of the input.
    InputClosed,
    /// A read failed.
    InputUnreadable(String),
    /// A write failed.
    OutputUnwritable(String),
}

impl Display for CloseReason {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputClosed => formatter.write_str("the client closed standard input"),
            Self::InputUnreadable(error) => {
                write!(formatter, "standard input cannot be read: {error}")
            }
            Self::OutputUnwritable(error) => {
                write!(formatter, "standard output cannot be written: {error}")
            }
        }
    }
}

/// A handle on a transport that an MCP session has taken.
pub struct TransportHandle<W>(Arc<ClientOutput<W>>);

impl<W: AsyncWrite + Unpin> TransportHandle<W> {
    /// Waits until the streams are closed, and returns the reason.
    pub async fn ended(&self) -> CloseReason {
        let mut ending = self.0.ending.subscribe();
        loop {
            if let Some(ending) = self.ending() {
                return ending;
            }
            // This cannot fail, since the sender is in `self`.
            let _ = ending.changed().await;
        }
    }

    /// The reason why the streams are closed, if they are.
    pub fn ending(&self) -> Option<CloseReason> {
        self.0.ending.borrow().clone()
    }

    /// Writes the answers that wait for others of their batch. Those will not come any more.
    pub async fn give_up_batches(&self) -> io::Result<()> {
        let arrays = lock(&self.0.batches).give_up();
        for array in arrays {
            self.0.write(self.0.line(array)).await?;
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> ClientOutput<W> {
    /// Prepares a line for writing. Its bytes are counted until it is written.
    fn line(&self, mut text: Vec<u8>) -> (Vec<u8>, PendingBytes) {
        text.push(b'\n');
        let held = self.load.hold(text.len());
        (text, held)
    }

    async fn write(&self, (line, _held): (Vec<u8>, PendingBytes)) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        let written = async {
            writer.write_all(&line).await?;
            writer.flush().await
        };
        written
            .await
            .inspect_err(|error| self.end(CloseReason::OutputUnwritable(error.to_string())))
    }

    /// Notes the reason why the streams are closed. Only the first one is kept.
    fn end(&self, reason: CloseReason) {
        self.ending.send_if_modified(|ending| {
            let is_first = ending.is_none();
            ending.get_or_insert(reason);
            is_first
        });
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Send + Unpin + 'static> LineTransport<R, W> {
    /// A transport over `reader` and `writer`.
    pub fn new(reader: R, writer: W) -> Self {
        Self {
            reader: BufReader::new(reader),
            output: Arc::new(ClientOutput {
                writer: tokio::sync::Mutex::new(writer),
                batches: Mutex::default(),
                load: Arc::default(),
                ending: watch::Sender::default(),
            }),
            line: Vec::new(),
            overlong: false,
            begun: false,
            version: None,
            reading: None,
        }
    }

    /// A handle on it, to be used after an MCP session has taken it.
    pub fn handle(&self) -> TransportHandle<W> {
        TransportHandle(Arc::clone(&self.output))
    }

    /// Reads a line into `self.line`, with its newline if it has one; returns false at the end of the input.
    /// Safe to cancel: the bytes that were read stay there.
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

    /// Parses the line that was read.
    fn parse_line(&mut self) -> Received {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.overlong) {
            let message = format!("the line is longer than {LONGEST_LINE} bytes");
            return refuse(None, ErrorCode::INVALID_REQUEST, message);
        }
        let text = line.trim_ascii_start();
        match text.first() {
            None => Received::Ignored,
            Some(b'[') => self.begin_batch(text),
            Some(_) => self.parse(text),
        }
    }

    /// Begins to read the batch that a line holds.
    fn begin_batch(&mut self, text: &[u8]) -> Received {
        let count = match serde_json::from_slice::<Vec<IgnoredAny>>(text) {
            Ok(messages) => messages.len(),
            Err(error) => return not_json(None, &error),
        };
        let refuse = |problem: String| refuse(None, ErrorCode::INVALID_REQUEST, problem);
        if self.version != Some(ProtocolVersion::V_2025_03_26) {
            return refuse(
                "batches are part of protocol version 2025-03-26 alone; \
                 send each message on a line of its own"
                    .to_owned(),
            );
        }
        if count == 0 {
            return refuse("the batch holds no message".to_owned());
        }
        if count > MOST_MESSAGES {
            return refuse(format!("the batch has more than {MOST_MESSAGES} messages"));
        }
        match serde_json::from_slice::<Vec<Box<RawValue>>>(text) {
            Ok(messages) => {
                self.reading = Some(OpenBatch {
                    batch: lock(&self.output.batches).begin(),
                    messages: messages.into_iter(),
                });
                Received::Ignored
            }
            Err(error) => not_json(None, &error),
        }
    }

    /// Parses the next message of the batch that is being read, if there is one.
    fn next_of_batch(&mut self) -> Option<Received> {
        let reading = self.reading.as_mut()?;
        let (batch, message) = (reading.batch, reading.messages.next()?);
        let is_last = reading.messages.as_slice().is_empty();
        let received = match self.parse(message.get().as_bytes()) {
            Received::Refused(answer) => {
                tracing::warn!("refused a malformed message of a batch");
                let text = to_json(&answer);
                let add = |text: Vec<u8>| lock(&self.output.batches).add_answer(batch, &text);
                self.write_soon(text.and_then(add));
                Received::Ignored
            }
            Received::Message(message) => {
                if let JsonRpcMessage::Request(request) = &*message {
                    lock(&self.output.batches).add(batch, request.id.clone());
                }
                Received::Message(message)
            }
            Received::Ignored => Received::Ignored,
        };
        if is_last {
            self.reading = None;
            let array = lock(&self.output.batches).end(batch);
            self.write_soon(array);
        }
        Some(received)
    }

    /// Parses one message.
    fn parse(&mut self, text: &[u8]) -> Received {
        if !text.starts_with(b"{") {
            return match serde_json::from_slice::<IgnoredAny>(text) {
                Ok(_) => refuse(None, ErrorCode::INVALID_REQUEST, NO_MESSAGE.to_owned()),
                Err(error) => not_json(None, &error),
            };
        }
        match MessageHead::of(text) {
            Ok(head) => self.parse_message(text, &head),
            Err(error) if error.is_data() => {
                refuse(None, ErrorCode::INVALID_REQUEST, error.to_string())
            }
            Err(error) => not_json(None, &error),
        }
    }

    fn parse_message(&mut self, text: &[u8], head: &MessageHead<'_>) -> Received {
        let refuse = |code, message| refuse(head.id_of_answer(), code, message);
        let mut value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            // A malformed answer gets no answer.
            Err(_) if head.is_answer() => return Received::Ignored,
            Err(error) if head.id() == MessageId::Foreign => {
                return refuse(ErrorCode::INVALID_REQUEST, format!("{WRONG_ID}: {error}"));
            }
            Err(error) => return not_json(head.id_of_answer(), &error),
        };
        let Some(method) = value
            .get("method")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
        else {
            if !head.is_answer() {
                return refuse(ErrorCode::INVALID_REQUEST, NO_MESSAGE.to_owned());
            }
            // An answer to a request of this server.
            return match serde_json::from_value(value) {
                Ok(message) if self.begun => Received::Message(Box::new(message)),
                _ => Received::Ignored,
            };
        };
        let id = match head.id() {
            MessageId::Held(id) => Some(id),
            MessageId::Absent => None,
            // Some clients write `null` for no ID.
            MessageId::Null if method.starts_with("notifications/") => {
                value.as_object_mut().map(|fields| fields.remove("id"));
                None
            }
            MessageId::Null | MessageId::Foreign | MessageId::Wrong => {
                return refuse(ErrorCode::INVALID_REQUEST, WRONG_ID.to_owned());
            }
        };
        if method == "initialize" && self.reading.is_some() {
            let problem = "initialize may not be part of a batch".to_owned();
            return refuse(ErrorCode::INVALID_REQUEST, problem);
        }
        if method == "tools/call"
            && let Some(problem) = problem_of_call(&value)
        {
            return refuse(ErrorCode::INVALID_PARAMS, problem.to_owned());
        }
        match serde_json::from_value(value) {
            Ok(_) if id.is_none() && !self.begun => Received::Ignored,
            // The client could not tell the two answers apart.
            Ok(JsonRpcMessage::Request(request)) if self.output.load.is_open(&request.id) => {
                refuse(
                    ErrorCode::INVALID_REQUEST,
                    "a request with this `id` is still without its answer".to_owned(),
                )
            }
            Ok(message) => {
                self.begun |= begins_session(&message);
                self.count(&message, text.len());
                Received::Message(Box::new(message))
            }
            Err(_) if id.is_none() => Received::Ignored,
            Err(error) => refuse(
                ErrorCode::INVALID_REQUEST,
                format!("not a request of MCP: {error}"),
            ),
        }
    }

    /// Counts a request until it has its answer. A cancelled one gets none.
    fn count(&self, message: &RxJsonRpcMessage<RoleServer>, bytes: usize) {
        match message {
            JsonRpcMessage::Request(request) => self.output.load.begin(request.id.clone(), bytes),
            JsonRpcMessage::Notification(sent) => {
                if let ClientNotification::CancelledNotification(cancelled) = &sent.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.write_soon(self.settle(id, None));
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    /// Stops counting a request, which is answered or will not be. Returns the text to write now.
    fn settle(&self, id: &RequestId, answer: Option<Vec<u8>>) -> Option<Vec<u8>> {
        self.output.load.end(id);
        lock(&self.output.batches).settle(id, answer)
    }

    /// Writes in a task of its own: the future that reads may be dropped at any time.
    fn write_soon(&self, text: Option<Vec<u8>>) {
        let Some(text) = text else {
            return;
        };
        let (line, output) = (self.output.line(text), Arc::clone(&self.output));
        tokio::spawn(async move { output.write(line).await });
    }
}

/// A message that was read, or the result of its failure.
enum Received {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    /// A malformed message, which gets this answer.
    Refused(ErrorResponse),
    /// A message without an answer, or a blank line.
    Ignored,
}

/// A JSON-RPC error. Its ID is spelled as in the request, because the library's type holds only some IDs.
#[derive(Serialize)]
struct ErrorResponse {
    jsonrpc: JsonRpcVersion2_0,
    /// Null if none could be read (JSON-RPC 2.0, section 5).
    id: Option<Box<RawValue>>,
    error: ErrorData,
}

fn not_json(id: Option<Box<RawValue>>, error: &serde_json::Error) -> Received {
    refuse(id, ErrorCode::PARSE_ERROR, format!("not JSON: {error}"))
}

fn refuse(id: Option<Box<RawValue>>, code: ErrorCode, message: String) -> Received {
    Received::Refused(ErrorResponse {
        jsonrpc: JsonRpcVersion2_0,
        id,
        error: ErrorData::new(code, message, None),
    })
}

/// Returns true if a message opens the session, so that the library accepts notifications after it: the
/// handshake, or from version 2026-07-28 on any request with complete metadata but `server/discover`.
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

/// The problem with the parameters of a `tools/call`. The library would answer that the method is unknown.
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

/// A message's JSON.
fn to_json(message: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(message)
        .inspect_err(|error| tracing::error!("cannot write a message: {error}"))
        .ok()
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let JsonRpcMessage::Response(response) = &message
            && let ServerResult::InitializeResult(result) = &response.result
        {
            // A second handshake does not change it.
            let version = || result.protocol_version.clone();
            self.version.get_or_insert_with(version);
        }
        let text = to_json(&message);
        let text = match &message {
            JsonRpcMessage::Response(response) => self.settle(&response.id, text),
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), .. }) => self.settle(id, text),
            _ => text,
        };
        let line = text.map(|text| self.output.line(text));
        let output = Arc::clone(&self.output);
        async move {
            match line {
                Some(line) => output.write(line).await,
                None => Ok(()),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let ending = loop {
            self.output.load.admit().await;
            let received = match self.next_of_batch() {
                Some(received) => received,
                None => match self.read_line().await {
                    Ok(true) => self.parse_line(),
                    Ok(false) => break CloseReason::InputClosed,
                    Err(error) => break CloseReason::InputUnreadable(error.to_string()),
                },
            };
            match received {
                Received::Message(message) => return Some(*message),
                Received::Ignored => {}
                Received::Refused(answer) => {
                    tracing::warn!("refused a malformed message");
                    self.write_soon(to_json(&answer));
                }
            }
        };
        self.output.end(ending);
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.writer.lock().await.shutdown().await
    }
}
