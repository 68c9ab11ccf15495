//! The fields of a JSON-RPC message, with its ID as it was spelled: the library's type holds only some IDs.

use rmcp::model::RequestId;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A message's own fields. A duplicate one is an error, because either may be meant.
#[derive(Debug, Deserialize)]
pub(super) struct MessageHead<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "jsonrpc", deserialize_with = "present")]
    _version: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "params", deserialize_with = "present")]
    _params: Option<&'a RawValue>,
}

/// Deserialises a field that is present, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// A message's ID.
#[derive(Debug, PartialEq)]
pub(super) enum MessageId {
    Absent,
    /// One that the library's type holds.
    Held(RequestId),
    /// Another one that JSON-RPC allows: a fraction, a number beyond 64 bits, a broken string.
    Foreign,
    Null,
    /// Neither a string nor a number.
    Wrong,
}

impl<'a> MessageHead<'a> {
    /// The head of a message.
    pub(super) fn of(line: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }

    /// The message's ID.
    pub(super) fn id(&self) -> MessageId {
        let Some(id) = self.id.map(RawValue::get) else {
            return MessageId::Absent;
        };
        match serde_json::from_str(id) {
            Ok(id) => MessageId::Held(id),
            Err(_) if id == "null" => MessageId::Null,
            Err(_)
                if id.starts_with(|first: char| {
                    first == '"' || first == '-' || first.is_ascii_digit()
                }) =>
            {
                MessageId::Foreign
            }
            Err(_) => MessageId::Wrong,
        }
    }

    /// The ID for an answer: spelled as in the message, or null if it cannot be an ID; `None` if absent.
    pub(super) fn id_of_answer(&self) -> Option<Box<RawValue>> {
        match self.id() {
            MessageId::Absent => None,
            MessageId::Held(_) | MessageId::Foreign => self.id.map(ToOwned::to_owned),
            MessageId::Null | MessageId::Wrong => Some(RawValue::NULL.to_owned()),
        }
    }

    /// Returns true if it has a field that only an answer has.
    pub(super) fn has_answer(&self) -> bool {
        self.result.is_some() || self.error.is_some()
    }

    /// Returns true if the message answers a request.
    pub(super) fn is_answer(&self) -> bool {
        self.method.is_none() && self.has_answer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: &str) -> (MessageId, String) {
        let line = format!(r#"{{"id": {id}, "method": "ping"}}"#);
        let head = MessageHead::of(line.as_bytes()).unwrap();
        (head.id(), head.id_of_answer().unwrap().get().to_owned())
    }

    #[test]
    fn ids_come_back_as_they_were_written() {
        for held in [
            "5",
            "-1",
            "9223372036854775807",
            "1.0",
            "1e2",
            "\"a\"",
            "\"\\u0061\"",
        ] {
            let (id, answer) = head(held);
            assert!(matches!(id, MessageId::Held(_)), "{held}");
            assert_eq!(answer, held);
        }
        for foreign in [
            "9223372036854775808",
            "1.50",
            "1e400",
            "-0.1",
            "\"\\ud800\"",
        ] {
            assert_eq!(head(foreign), (MessageId::Foreign, foreign.to_owned()));
        }
        for wrong in ["true", "{\"a\": 1}", "[1]"] {
            assert_eq!(head(wrong), (MessageId::Wrong, "null".to_owned()));
        }
        assert_eq!(head("null"), (MessageId::Null, "null".to_owned()));
        let none = MessageHead::of(b"{}").unwrap();
        assert!(none.id() == MessageId::Absent && none.id_of_answer().is_none());
    }

    #[test]
    fn a_field_that_is_there_twice_is_an_error() {
        for line in [
            r#"{"id": 1, "id": 2}"#,
            r#"{"id": 1, "\u0069d": null}"#,
            r#"{"method": "a", "method": "b"}"#,
            r#"{"params": {}, "params": {}}"#,
        ] {
            assert!(
                MessageHead::of(line.as_bytes()).unwrap_err().is_data(),
                "{line}"
            );
        }
        assert!(MessageHead::of(br#"{"id": 1, "#).unwrap_err().is_eof());
    }
}
