//! The digest of an interactive call's answers. It hides them, and is the same for the same answers.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::hex::digits;
use crate::store::WriteOnce;

/// The number of a call's answers, and their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponsesDigest {
    count: usize,
    /// HMAC-SHA-256 of the argument's JSON. The key stays in the data directory: with a plain digest, short
    /// passwords could be guessed.
    digest: String,
}

impl ResponsesDigest {
    /// The digest of the answers among these arguments; `None` without answers. Blocks.
    pub(super) fn of(arguments: &Map<String, Value>, key: &WriteOnce) -> io::Result<Option<Self>> {
        let given = arguments.get("responses");
        let Some(given) = given.filter(|given| !given.is_null()) else {
            return Ok(None);
        };
        // It may come as JSON text.
        let parsed = given
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        let responses: &Value = parsed.as_ref().unwrap_or(given);
        let count = match responses {
            Value::Object(answers) if answers.is_empty() => return Ok(None),
            Value::Object(answers) => answers.len(),
            _ => 1,
        };
        let keyed = Hmac::<Sha256>::new_from_slice(&key_bytes(key)?).map_err(io::Error::other)?;
        let digest = keyed.chain_update(responses.to_string().as_bytes());
        Ok(Some(Self {
            count,
            digest: digits(&digest.finalize().into_bytes()),
        }))
    }
}

/// The key, made when it is first needed.
fn key_bytes(key: &WriteOnce) -> io::Result<Vec<u8>> {
    let text = key.get_or_make(crate::random::hex::<32>)?;
    let text = String::from_utf8_lossy(&text);
    let bytes = crate::hex::bytes(text.trim()).filter(|bytes| bytes.len() >= 16);
    bytes.ok_or_else(|| {
        let reason = "the key of the audit trail's digests is damaged";
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::DataDirectory;

    #[test]
    fn the_same_answers_are_told_by_a_digest_that_nobody_can_guess_from() {
        let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let of = |responses: Value, place: usize| {
            let arguments = json!({"cmd": "x", "responses": responses});
            let key = DataDirectory::existing(directories[place].path()).write_once("key");
            ResponsesDigest::of(arguments.as_object().unwrap(), &key).unwrap()
        };
        let (one, two) = (
            json!({"Password:": "hunter2"}),
            json!({"Password:": "hunter3"}),
        );
        let first = of(one.clone(), 0).unwrap();
        assert_eq!((first.count, first.digest.len()), (1, 64));
        assert_eq!(of(one.to_string().into(), 0).as_ref(), Some(&first));
        assert_ne!(of(two, 0).unwrap().digest, first.digest);
        assert_ne!(of(one.clone(), 1).unwrap().digest, first.digest);
        assert_ne!(first.digest, super::super::hash(one.to_string().as_bytes()));
        assert_eq!((of(Value::Null, 0), of(json!({}), 0)), (None, None));
        assert_eq!(of(json!({"a": "1", "b": "2"}), 0).unwrap().count, 2);
    }
}
