//! The talk with the program before a command runs as another user.

use bytes::Bytes;

use super::way::Way;
use crate::random;
use crate::readable::readable;

/// The most bytes of the program's words that are looked at.
const LONGEST_WORDS: usize = 16 * 1024;

/// The end of the prompts of `doas` and `su`.
const PASSWORD: &str = "assword:";

/// The talk with `sudo`, `doas` or `su`.
pub(in crate::ssh) struct ElevationTalk {
    way: Way,
    /// The prompt of `sudo`, which nothing else prints.
    pub(super) prompt: String,
    ready: String,
    /// Standard output and standard error, or both in one at a terminal.
    streams: Vec<Vec<u8>>,
    pub(in crate::ssh) is_typed: bool,
}

impl ElevationTalk {
    pub(in crate::ssh) fn new(way: Way, is_at_terminal: bool) -> Self {
        Self {
            way,
            prompt: random::hex::<12>(),
            ready: random::hex::<12>(),
            streams: vec![Vec::new(); if is_at_terminal { 1 } else { 2 }],
            is_typed: false,
        }
    }

    /// The text that tells that the command runs: a word on each stream.
    pub(super) fn tell(&self) -> String {
        let ready = &self.ready;
        match self.streams.as_slice() {
            [_] => format!("echo {ready}"),
            _ => format!("echo {ready}; echo {ready} >&2"),
        }
    }

    /// Takes what came on a stream.
    pub(in crate::ssh) fn take(&mut self, stream: usize, data: &[u8]) {
        let last = self.streams.len() - 1;
        self.streams[stream.min(last)].extend_from_slice(data);
    }

    /// The bytes of each stream after the word that the command runs, once it has come on all of them.
    pub(in crate::ssh) fn rest(&self) -> Option<Vec<Bytes>> {
        let word = self.ready.as_bytes();
        let rest = self.streams.iter().map(|said| {
            let rest = &said[find(said, word)? + word.len()..];
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            Some(Bytes::copy_from_slice(&rest[end + 1..]))
        });
        rest.collect()
    }

    /// All that was said before the command.
    fn text(&self) -> String {
        let parts = self.streams.iter().map(|said| {
            let end = find(said, self.ready.as_bytes()).unwrap_or(said.len());
            String::from_utf8_lossy(&said[..end.min(LONGEST_WORDS)]).into_owned()
        });
        parts.collect::<Vec<_>>().join("\n")
    }

    /// The users whose passwords were asked for. Only `sudo` names them; the others ask for the password of `own`.
    pub(in crate::ssh) fn asked(&self, own: &str) -> Vec<String> {
        let text = self.text();
        match self.way {
            Way::Sudo | Way::SudoAtTerminal => {
                let parts = text.split(&self.prompt).skip(1);
                let users = parts.filter_map(|part| part.split_once(':'));
                users.map(|(user, _)| user.to_owned()).collect()
            }
            Way::Doas | Way::DoasAtTerminal | Way::Su => {
                vec![own.to_owned(); text.matches(PASSWORD).count()]
            }
        }
    }

    /// The last words of the program in one line.
    pub(in crate::ssh) fn words(&self) -> String {
        let text = self.text();
        let mut parts = text.split(&self.prompt);
        let before = parts.next().unwrap_or_default();
        // The words after a prompt stand on its line.
        let after = parts.map(|part| part.split_once(':').map_or("", |(_, rest)| rest));
        let lines = [before].into_iter().chain(after).flat_map(str::lines);
        let lines = lines.map(|line| readable(line.trim()));
        let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        match lines.as_slice() {
            [] => "nothing".to_owned(),
            lines => lines[lines.len().saturating_sub(2)..].join("; "),
        }
    }
}

fn find(said: &[u8], word: &[u8]) -> Option<usize> {
    let mut windows = said.windows(word.len());
    windows.position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sudo_end_where_the_command_begins() {
        let mut talk = ElevationTalk::new(Way::Sudo, false);
        let (prompt, ready) = (talk.prompt.clone(), talk.ready.clone());
        talk.take(1, b"We trust you.\n\xff\n");
        talk.take(1, format!("{prompt}dep").as_bytes());
        assert!(talk.asked("").is_empty());
        talk.take(1, b"loy:");
        assert_eq!(talk.asked(""), ["deploy"]);
        // The command's output on one stream may come before the word on the other.
        talk.take(0, format!("{ready}\nout").as_bytes());
        assert_eq!(talk.rest(), None);
        talk.take(1, format!("{ready}\r\nwarning\n").as_bytes());
        let rest = talk.rest().unwrap();
        assert_eq!(rest, [&b"out"[..], b"warning\n"]);
        assert_eq!(talk.asked(""), ["deploy"]);
    }

    #[test]
    fn sudo_s_last_words_are_the_reason() {
        let mut talk = ElevationTalk::new(Way::Sudo, true);
        let said = format!(
            "lecture\n{}deploy:Sorry, try again.\nsudo: 1 incorrect\n",
            talk.prompt
        );
        talk.take(0, said.as_bytes());
        assert_eq!(talk.words(), "Sorry, try again.; sudo: 1 incorrect");
        assert_eq!(ElevationTalk::new(Way::Sudo, true).words(), "nothing");
    }

    #[test]
    fn doas_and_su_ask_for_one_password() {
        let mut talk = ElevationTalk::new(Way::DoasAtTerminal, true);
        talk.take(0, b"\rdoas (deploy@web1) password: ");
        assert_eq!(talk.asked("deploy"), ["deploy"]);
        let mut talk = ElevationTalk::new(Way::Su, true);
        talk.take(0, b"Password: ");
        assert_eq!(talk.asked("root"), ["root"]);
    }
}
