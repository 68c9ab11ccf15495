//! Raw sessions of both eras of the protocol: with a handshake, and stateless.

use std::path::Path;

use serde_json::{Value, json};

use super::{RawProcess, binary};

/// An era of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// A session begins with `initialize`.
    Handshake,
    /// Each request says what the client is.
    Stateless,
}

pub const ERAS: [Era; 2] = [Era::Handshake, Era::Stateless];

/// A session of an era with the spawned binary.
pub struct EraSession {
    pub era: Era,
    pub process: RawProcess,
    /// The server's introduction of itself.
    pub introduction: Value,
    capabilities: Value,
    requests: u64,
}

impl EraSession {
    /// A session of a client that can do nothing but call.
    pub async fn begin(era: Era, data_dir: &Path) -> Self {
        Self::begin_with(era, data_dir, json!({}), &[]).await
    }

    /// A session of a client with these capabilities, with a server of these settings.
    pub async fn begin_with(
        era: Era,
        data_dir: &Path,
        capabilities: Value,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data_dir.display()))
            .envs(settings.iter().copied());
        let mut session = Self {
            era,
            process: RawProcess::spawn(command),
            introduction: Value::Null,
            capabilities,
            requests: 0,
        };
        let answer = match era {
            Era::Handshake => {
                let client = json!({"name": "test", "version": "1"});
                let hello = json!({
                    "protocolVersion": "2025-11-25", "clientInfo": client,
                    "capabilities": session.capabilities.clone(),
                });
                let answer = session.request("initialize", hello).await;
                let ready = r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#;
                session.process.send(ready).await;
                answer
            }
            Era::Stateless => session.request("server/discover", json!({})).await,
        };
        session.introduction = answer["result"].clone();
        session
    }

    /// Sends a request of this era, and returns its number.
    async fn send(&mut self, method: &str, mut params: Value) -> u64 {
        self.requests += 1;
        if self.era == Era::Stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            });
        }
        let id = self.requests;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.process.send(&request.to_string()).await;
        id
    }

    /// The answer to a request, as it comes over the wire.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.process.answer(id).await
    }

    /// The result of a request that has to succeed.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.request(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The error of a request that has to fail.
    pub async fn refused(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.request(method, params).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    /// The result of a tool, without questions.
    pub async fn tool(&mut self, name: &str, arguments: Value) -> Value {
        let call = json!({"name": name, "arguments": arguments});
        self.ask("tools/call", call).await
    }

    /// Calls a tool, with a person who answers so if asked. Returns the questions, and the result.
    pub async fn asked(
        &mut self,
        name: &str,
        arguments: Value,
        answer: Value,
    ) -> (Vec<Value>, Value) {
        let mut questions = Vec::new();
        let mut call = json!({"name": name, "arguments": arguments});
        loop {
            let id = self.send("tools/call", call.clone()).await;
            let mut result = self.result(id, &answer, &mut questions).await;
            if result["resultType"] != "input_required" {
                return (questions, result);
            }
            questions.push(result["inputRequests"]["confirm"]["params"].take());
            call["inputResponses"] = json!({"confirm": answer});
            call["requestState"] = result["requestState"].take();
            assert!(questions.len() < 5, "it asks for ever");
        }
    }

    /// The result of a call, during which the server's questions are answered.
    async fn result(&mut self, id: u64, answer: &Value, questions: &mut Vec<Value>) -> Value {
        loop {
            let mut message = self.process.receive().await;
            if message["method"] == "elicitation/create" {
                questions.push(message["params"].take());
                let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": answer});
                self.process.send(&answer.to_string()).await;
            } else if message["id"] == id && message.get("method").is_none() {
                assert!(message.get("error").is_none(), "{message}");
                return message["result"].take();
            }
        }
    }
}
