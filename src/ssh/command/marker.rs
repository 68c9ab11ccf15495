//! A line that a shell is made to print, taken out of the stream again.

use crate::charset::Charset;
use crate::random;
use crate::ssh::script::find;

/// Looks for one line that begins with a token nobody else prints. The line may begin anywhere: what
/// comes before it need not end with a newline.
#[derive(Debug)]
pub(in crate::ssh) struct Marker {
    token: String,
    held: Vec<u8>,
    line: Option<String>,
    charset: Charset,
}

impl Marker {
    /// A marker with a token of its own.
    pub(in crate::ssh) fn new() -> Self {
        Self::with_token(&format!("{}:", random::hex::<8>()), Charset::Utf8)
    }

    /// A marker with a token that another stream's marker has as well, for a line in this encoding.
    pub(in crate::ssh) fn with_token(token: &str, charset: Charset) -> Self {
        Self {
            token: token.to_owned(),
            held: Vec::new(),
            line: None,
            charset,
        }
    }

    /// The word that the line begins with.
    pub(in crate::ssh) fn token(&self) -> &str {
        &self.token
    }

    /// The rest of the line after the token, once it has come.
    pub(in crate::ssh) fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// Takes the next bytes of the stream, and gives those that are not the line's.
    pub(in crate::ssh) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut own, after) = self.split(bytes);
        own.extend(after);
        own
    }

    /// Takes the next bytes of the stream. Returns those before the line, and those after it.
    pub(in crate::ssh) fn split(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        if self.line.is_some() {
            return (Vec::new(), bytes.to_vec());
        }
        self.held.extend_from_slice(bytes);
        let token = self.token.as_bytes();
        let Some(start) = find(&self.held, token) else {
            let sure = self.held.len() - beginning_at_end(&self.held, token);
            return (self.held.drain(..sure).collect(), Vec::new());
        };
        let rest = &self.held[start + token.len()..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return (self.held.drain(..start).collect(), Vec::new());
        };
        self.line = Some(self.charset.decode(&rest[..length]).text);
        let after = self.held.split_off(start + self.token.len() + length + 1);
        self.held.truncate(start);
        (std::mem::take(&mut self.held), after)
    }

    /// Looks for a further line.
    pub(in crate::ssh) fn forget_line(&mut self) {
        self.line = None;
    }

    /// The bytes that were held back for a line that did not come.
    pub(in crate::ssh) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// The length of the longest beginning of `token` that ends `bytes`.
fn beginning_at_end(bytes: &[u8], token: &[u8]) -> usize {
    let longest = token.len().min(bytes.len());
    (0..=longest)
        .rev()
        .find(|length| bytes.ends_with(&token[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_taken_out_however_it_is_cut() {
        for size in 1..60 {
            let mut marker = Marker::new();
            let text = format!("motd\n{}4711\nown words", marker.token);
            let mut own = Vec::new();
            for part in text.as_bytes().chunks(size) {
                own.extend(marker.pass(part));
            }
            own.extend(marker.rest());
            assert_eq!(String::from_utf8(own).unwrap(), "motd\nown words");
            assert_eq!(marker.line(), Some("4711"));
        }
    }

    #[test]
    fn bytes_before_and_after_the_line_are_told_apart() {
        for size in 1..60 {
            let mut marker = Marker::new();
            let text = format!("first{}0 /tmp\nsecond", marker.token);
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for part in text.as_bytes().chunks(size) {
                let (own, rest) = marker.split(part);
                before.extend(own);
                after.extend(rest);
            }
            assert_eq!((&*before, &*after), (&b"first"[..], &b"second"[..]));
            assert_eq!(marker.line(), Some("0 /tmp"));
        }
    }

    #[test]
    fn without_one_nothing_is_lost() {
        let mut marker = Marker::new();
        let text = format!("x{}", &marker.token[..3]);
        let mut own = marker.pass(text.as_bytes());
        own.extend(marker.rest());
        assert_eq!(own, text.as_bytes());
        assert_eq!(marker.line(), None);
    }
}
