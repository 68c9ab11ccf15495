//! Turns the output of a program at a terminal into plain text.

use std::sync::LazyLock;

use regex::Regex;

use crate::charset::Charset;

/// Control sequences (ECMA-48): those with parameters, operating system commands, and short ones. A carriage return goes
/// with the sequence that leads back into the line: some shells end a prompt so.
static SEQUENCES: LazyLock<Regex> = LazyLock::new(|| {
    let sequences = "\r\x1b\\[[0-9]*C|\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[ -/]*[0-Z\\\\^-~]";
    Regex::new(sequences).expect("the expression is correct")
});

/// An escape that goes on longer than this is not taken for a sequence.
const LONGEST_SEQUENCE: usize = 4096;

/// Turns a stream of terminal output into plain text: without control sequences, with newlines only.
#[derive(Debug, Default)]
pub struct Screen {
    held: Vec<u8>,
    charset: Charset,
}

impl Screen {
    /// A screen for output in this encoding.
    pub fn of(charset: Charset) -> Self {
        Self {
            held: Vec::new(),
            charset,
        }
    }

    /// Takes the next bytes, and returns the text that they complete. Bytes that cannot be decoded are replaced.
    pub fn take(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut sure = self.held.len() - usize::from(self.held.last() == Some(&b'\r'));
        if self.charset == Charset::Utf8 {
            sure = self.charset.whole_characters(&self.held[..sure]);
        }
        if let Some(escape) = self.held[..sure].iter().rposition(|byte| *byte == 0x1b)
            && sure - escape < LONGEST_SEQUENCE
        {
            let rest = String::from_utf8_lossy(&self.held[escape..sure]);
            // Held back until it is complete.
            if SEQUENCES.find(&rest).is_none_or(|found| found.start() > 0) {
                sure = escape - usize::from(self.held[..escape].last() == Some(&b'\r'));
            }
        }
        let taken: Vec<u8> = self.held.drain(..sure).collect();
        // A lone carriage return restarts the line. The text before it is kept as a line of its own.
        plain(&self.charset.decode(&taken).text)
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .replace('\x07', "")
    }
}

/// Removes control sequences.
pub fn plain(text: &str) -> String {
    SEQUENCES.replace_all(text, "").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_plain_however_its_bytes_are_cut() {
        let bytes = "\x1b[32mé\x1b[0m done\r\n50%\r100%\r\n\x1b]0;t\x07Ok? ".as_bytes();
        for size in 1..bytes.len() {
            let mut screen = Screen::default();
            let text: String = bytes.chunks(size).map(|part| screen.take(part)).collect();
            assert_eq!(text, "é done\n50%\n100%\nOk? ", "in parts of {size}");
        }
        let bytes = b"50%\r100%\r\x1b[30m\x1b(B\x1b[m\rname? \x1b[K\r\x1b[6C";
        for size in 1..bytes.len() {
            let mut screen = Screen::default();
            let text: String = bytes.chunks(size).map(|part| screen.take(part)).collect();
            assert_eq!(text, "50%\n100%\n\nname? ", "in parts of {size}");
        }
    }

    #[test]
    fn colours_titles_and_modes_go_and_text_stays() {
        assert_eq!(
            plain("\x1b[1m\x1b[90mTAIL\x1b[39m é [1] \x1b]0;title\x07ok\x1b(B\x1b[?2004h"),
            "TAIL é [1] ok"
        );
        assert_eq!(plain("no escape [0m"), "no escape [0m");
    }
}
