//! JSON-RPC lines over a pair of streams (MCP specification 2025-11-25, «Transports», stdio).
//!
//! A line holds one message. In protocol version 2025-03-26 it may also hold a batch of them.
//!
//! The library's own transport drops lines that it cannot parse without an answer, and ends the server at a
//! notification that comes too early. This one answers every malformed line, and no line ends the server.

mod batch;
mod head;
mod load;
mod output;
mod received;

use std::io;
use std::sync::Arc;
use std::vec;

use rmcp::RoleServer;
use rmcp::model::{
    ClientNotification, ErrorCode, JsonRpcError, JsonRpcMessage, ProtocolVersion, RequestId,
    ServerResult,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::sync::lock;
use batch::MOST_MESSAGES;
use head::{MessageHead, MessageId};
use output::ClientOutput;
pub use output::{CloseReason, TransportHandle};
use received::{Received, begins_session, not_json, parse, problem_of_call, refuse, to_json};

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

impl<R: AsyncRead + Unpin, W: AsyncWrite + Send + Unpin + 'static> LineTransport<R, W> {
    /// A transport over `reader` and `writer`.
    pub fn new(reader: R, writer: W) -> Self {
        Self {
            reader: BufReader::new(reader),
            output: Arc::new(ClientOutput::new(writer)),
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
        let refuse = |message| refuse(head.id_of_answer(), ErrorCode::INVALID_REQUEST, message);
        let value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            // A malformed answer gets no answer.
            Err(_) if head.is_answer() => return Received::Ignored,
            Err(error) if head.id() == MessageId::Foreign => {
                return refuse(format!("{WRONG_ID}: {error}"));
            }
            Err(error) => return not_json(head.id_of_answer(), &error),
        };
        let method = value.get("method").and_then(Value::as_str);
        match method.map(ToOwned::to_owned) {
            Some(method) => self.parse_request(value, &method, head, text.len()),
            // An answer to a request of this server.
            None if head.is_answer() => match serde_json::from_value(value) {
                Ok(message) if self.begun => Received::Message(Box::new(message)),
                _ => Received::Ignored,
            },
            None => refuse(NO_MESSAGE.to_owned()),
        }
    }

    /// Parses a request or a notification, which takes `length` bytes.
    fn parse_request(
        &mut self,
        mut value: Value,
        method: &str,
        head: &MessageHead<'_>,
        length: usize,
    ) -> Received {
        let refuse = |code, message: &str| refuse(head.id_of_answer(), code, message.to_owned());
        let has_id = match head.id() {
            MessageId::Held(_) => true,
            MessageId::Absent => false,
            // Some clients write `null` for no ID.
            MessageId::Null if method.starts_with("notifications/") => {
                value.as_object_mut().map(|fields| fields.remove("id"));
                false
            }
            MessageId::Null | MessageId::Foreign | MessageId::Wrong => {
                return refuse(ErrorCode::INVALID_REQUEST, WRONG_ID);
            }
        };
        if method == "initialize" && self.reading.is_some() {
            let problem = "initialize may not be part of a batch";
            return refuse(ErrorCode::INVALID_REQUEST, problem);
        }
        if method == "tools/call"
            && let Some(problem) = problem_of_call(&value)
        {
            return refuse(ErrorCode::INVALID_PARAMS, problem);
        }
        match parse(value, head) {
            Ok(_) if !has_id && !self.begun => Received::Ignored,
            // The client could not tell the two answers apart.
            Ok(JsonRpcMessage::Request(request)) if self.output.load.is_open(&request.id) => {
                let problem = "a request with this `id` is still without its answer";
                refuse(ErrorCode::INVALID_REQUEST, problem)
            }
            Ok(message) => {
                self.begun |= begins_session(&message);
                self.count(&message, length);
                Received::Message(Box::new(message))
            }
            Err(_) if !has_id => Received::Ignored,
            Err(error) => {
                let problem = format!("not a request of MCP: {error}");
                refuse(ErrorCode::INVALID_REQUEST, &problem)
            }
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
