//! A file of a server, as far as it was read.

use sha2::{Digest, Sha256};

use super::context::judged_names;
use super::parts::{AnswerPart, content, words};
use super::text::visible;
use crate::charset::Charset;
use crate::hex::digits;
use crate::time::Timestamp;

/// Begins the file of a private key, and ends its first line.
const KEY: (&str, &str) = ("-----BEGIN ", "PRIVATE KEY-----");

/// A file on a server, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    /// Its path, without links.
    pub(super) path: String,
    /// The home directory.
    pub(super) home: String,
    pub(super) is_link: bool,
    pub(super) size: u64,
    /// Its mode in octal digits.
    pub(super) mode: Option<String>,
    /// Seconds since 1970.
    pub(super) modified: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) sha256: Option<String>,
    /// Its newlines, and whether the last line has none.
    pub(super) lines: Option<(u64, bool)>,
    /// Set if it is UTF-16, and the text was converted.
    pub(super) is_wide: bool,
    /// The encoding of the server's locale.
    pub(super) locale: Charset,
    /// Its first bytes.
    pub(super) sample: Vec<u8>,
    /// The bytes of the lines that were asked for; those around matches as `grep -n` prints them.
    pub(super) text: Vec<u8>,
}

impl FileContent {
    /// Reads the parts of a script's answer; `None` if one is missing.
    pub(super) fn of(parts: &[AnswerPart<'_>], locale: Charset) -> Option<Self> {
        let text_of = |name| Some(String::from_utf8_lossy(content(parts, name)?).into_owned());
        let found: Vec<_> = words(parts, "file")?.split(' ').collect();
        let [facts @ .., hash, lines, wide] = &found[..] else {
            return None;
        };
        // A user's name may hold spaces.
        let facts = facts.join(" ");
        let mut facts = facts.splitn(4, ':');
        let mut fact = || facts.next().filter(|fact| *fact != "-");
        let size = fact()?.parse().ok()?;
        let (mode, modified, owner) = (fact(), fact(), fact());
        let count = lines.trim_end_matches('+').parse().ok();
        let file = Self {
            path: text_of("path")?,
            home: text_of("home")?,
            is_link: words(parts, "link").is_some(),
            size,
            mode: mode.map(|mode| format!("{mode:0>4}")),
            modified: modified.and_then(|time| time.parse().ok()),
            owner: owner.filter(|owner| *owner != "-:-").map(ToOwned::to_owned),
            sha256: Some((*hash).to_owned()).filter(|hash| hash.len() == 64),
            lines: count.map(|count| (count, lines.ends_with('+'))),
            is_wide: *wide != "-",
            locale,
            sample: content(parts, "sample")?.to_vec(),
            text: content(parts, "text")?.to_vec(),
        };
        Some(file.or_empty())
    }

    /// The same with lines and hash where it is empty. A file of the kernel's may say that it is, and hold text.
    pub(super) fn or_empty(mut self) -> Self {
        if self.size == 0 && self.sample.is_empty() {
            self.lines = Some((0, false));
            self.sha256 = Some(digits(&Sha256::digest(b"")));
        }
        self
    }

    /// All its lines, where they were counted.
    pub(super) fn total_lines(&self) -> Option<u64> {
        self.lines
            .map(|(lines, is_open)| lines + u64::from(is_open))
    }

    /// The names by which the policy judges it.
    pub(super) fn names(&self) -> Vec<String> {
        judged_names(self.path.clone(), &self.home)
    }

    /// Returns whether it is a private key, whatever its name.
    pub(super) fn holds_key(&self) -> bool {
        holds_private_key(&self.sample)
    }

    /// The facts about it in a line.
    pub(super) fn heading(&self) -> String {
        let lines = self.lines.map(|(_, is_open)| {
            let lines = match self.total_lines() {
                Some(1) => "1 line".to_owned(),
                total => format!("{} lines", total.unwrap_or_default()),
            };
            let open = if is_open {
                " without a newline at the end"
            } else {
                ""
            };
            format!("{lines}{open}")
        });
        let owner = [self.mode.as_deref(), self.owner.as_deref()];
        let owner: Vec<_> = owner.into_iter().flatten().collect();
        let owner = Some(owner.join(" ")).filter(|owner| !owner.is_empty());
        let time = self.modified.and_then(Timestamp::of_seconds);
        let facts = [
            Some(format!("{} bytes", self.size)),
            lines,
            owner,
            time.map(Timestamp::in_seconds),
            self.sha256.as_ref().map(|sum| format!("SHA-256 {sum}")),
        ];
        let facts: Vec<_> = facts.into_iter().flatten().collect();
        format!("{}: {}", visible(&self.path), facts.join(", "))
    }
}

/// Returns whether a private key is in a content. One may stand behind its certificates.
pub(crate) fn holds_private_key(content: &[u8]) -> bool {
    let mut lines = content.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let line = line.trim_ascii();
        line.starts_with(KEY.0.as_bytes()) && line.ends_with(KEY.1.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::super::parts::parts;
    use super::*;

    fn content_of(facts: &str) -> FileContent {
        let answer = format!(
            "\nT: path\n/home/u/a b\nT: home\n/home/u\nT: file {facts}\n\nT: sample\nab\nT: text\nab\nT: end\n"
        );
        FileContent::of(&parts(answer.as_bytes(), "T"), Charset::Utf8).unwrap()
    }

    #[test]
    fn the_facts_are_read_whatever_stat_the_server_has() {
        let hash = "a".repeat(64);
        let full = content_of(&format!("2:640:1764156600:domain user:users {hash} 0+ -"));
        assert_eq!(
            full.heading(),
            format!(
                "/home/u/a b: 2 bytes, 1 line without a newline at the end, 0640 domain user:users, 2025-11-26T11:30:00Z, SHA-256 {hash}"
            )
        );
        assert_eq!(full.names(), ["/home/u/a b", "~/a b"]);
        let bare = content_of("600000000:-:-:-:- - - utf-16");
        assert_eq!(bare.heading(), "/home/u/a b: 600000000 bytes");
        assert!(bare.is_wide && bare.total_lines().is_none());
    }

    #[test]
    fn a_private_key_is_one_whatever_its_name() {
        let file = |start: &str| FileContent {
            sample: start.as_bytes().to_vec(),
            ..FileContent::default()
        };
        assert!(file("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n").holds_key());
        assert!(file("\n-----BEGIN PRIVATE KEY-----\r\nMII\n").holds_key());
        assert!(file("-----BEGIN CERTIFICATE-----\nMII\n-----BEGIN PRIVATE KEY-----").holds_key());
        assert!(!file("-----BEGIN CERTIFICATE-----\n").holds_key());
        assert!(!file("# -----BEGIN PRIVATE KEY-----\n").holds_key());
    }
}
