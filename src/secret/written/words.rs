//! The words of a command line, and where each of their letters stands.
//!
//! It is no parser of the shell's language, which `shell` has: it has to find words in whatever somebody wrote, be it
//! broken, a script of another language, or the text of a file.

use std::ops::Range;

/// Words before a program that run it.
const WRAPPERS: &[&str] = &[
    "sudo", "doas", "env", "nohup", "time", "nice", "ionice", "timeout", "setsid", "exec",
    "command", "stdbuf", "xargs", "then", "do", "else", "if", "while", "!", "{",
];

/// A word without its quotes.
#[derive(Debug, Default)]
pub(super) struct WrittenWord {
    /// Its text.
    pub(super) text: String,
    /// For each byte of it, the byte of the line at which it stands, and the quote around it.
    places: Vec<(usize, Option<u8>)>,
}

/// A command: its words up to a `;`, a `|`, the end of the line and the like.
#[derive(Debug, Default)]
pub(super) struct WrittenCommand {
    words: Vec<WrittenWord>,
    /// The word after `<<<`.
    pub(super) here_string: Option<WrittenWord>,
    /// Set if its output is the input of the next.
    pub(super) is_piped: bool,
}

impl WrittenWord {
    fn push(&mut self, letter: char, at: usize, quote: Option<u8>) {
        self.text.push(letter);
        let places = (0..letter.len_utf8()).map(|byte| (at + byte, quote));
        self.places.extend(places);
    }

    /// Returns whether it has quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.places.iter().any(|(_, quote)| quote.is_some())
    }

    /// The part of the line in which a part of its text stands; `None` for an empty one.
    pub(super) fn range(&self, part: Range<usize>) -> Option<Range<usize>> {
        let (start, _) = *self.places.get(part.start)?;
        let (end, _) = *self.places.get(part.end.checked_sub(1)?)?;
        (!part.is_empty()).then_some(start..end + 1)
    }

    /// Returns whether a part of its text from there on is a text in quotes with spaces, of which it may be the first word.
    pub(super) fn begins_text(&self, start: usize) -> bool {
        let is_quoted = self
            .places
            .get(start)
            .is_some_and(|(_, quote)| quote.is_some());
        is_quoted && self.text[start..].contains(char::is_whitespace)
    }

    /// The part of the line in which the rest of its text stands, unless that is a variable alone.
    pub(super) fn rest(&self, start: usize) -> Option<Range<usize>> {
        let rest = self.text.get(start..)?;
        if rest.starts_with('$') || rest.is_empty() {
            return None;
        }
        self.range(start..self.text.len())
    }

    /// The part of the line in which all of it stands, unless it is a variable.
    pub(super) fn whole(&self) -> Option<Range<usize>> {
        self.rest(0)
    }
}

impl WrittenCommand {
    /// The words, each between the one before and the next.
    pub(super) fn neighbours(
        &self,
    ) -> impl Iterator<Item = (Option<&WrittenWord>, &WrittenWord, Option<&WrittenWord>)> {
        let words = self.words.iter().enumerate();
        words.map(|(index, word)| {
            let before = index.checked_sub(1).map(|index| &self.words[index]);
            (before, word, self.words.get(index + 1))
        })
    }

    /// The place of its program among the words: after variables, and words that run it.
    fn program_place(&self) -> Option<usize> {
        let is_option = |text: &str| text.starts_with('-') || text.parse::<f64>().is_ok();
        let is_assignment = |text: &str| {
            let name = text.split_once('=').map_or("", |(name, _)| name);
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        };
        let is_before =
            |text: &str| WRAPPERS.contains(&text) || is_option(text) || is_assignment(text);
        self.words.iter().position(|word| !is_before(&word.text))
    }

    /// The name of its program.
    pub(super) fn program(&self) -> Option<&str> {
        let path = &self.words[self.program_place()?].text;
        path.rsplit('/').next()
    }

    /// The words after its program.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &WrittenWord> {
        let first = self
            .program_place()
            .map_or(self.words.len(), |place| place + 1);
        self.words[first..].iter()
    }

    /// All of its words, with options of programs that run others.
    pub(super) fn words(&self) -> &[WrittenWord] {
        &self.words
    }

    /// Returns whether a program reads a password from its input.
    pub(super) fn reads_password(&self) -> bool {
        let has = |option: &str| self.words.iter().any(|word| word.text == option);
        let is_sudo = self.words.iter().any(|word| word.text == "sudo");
        let asks_input = |word: &WrittenWord| {
            let letters = word.text.strip_prefix('-').unwrap_or_default();
            !letters.starts_with('-') && letters.contains('S')
        };
        is_sudo && (self.words.iter().any(asks_input) || has("--stdin"))
            || has("--password-stdin")
            || has("--with-token")
            || has("--passphrase-fd")
            || match self.program() {
                Some("chpasswd" | "cryptsetup") => true,
                Some("passwd") => has("--stdin"),
                _ => false,
            }
    }
}

/// The commands of a text.
pub(super) fn commands(text: &str) -> Vec<WrittenCommand> {
    WordReader::default().read(text)
}

#[derive(Default)]
struct WordReader {
    commands: Vec<WrittenCommand>,
    command: WrittenCommand,
    word: Option<WrittenWord>,
    is_here_string: bool,
}

impl WordReader {
    fn read(mut self, text: &str) -> Vec<WrittenCommand> {
        let mut letters = text.char_indices().peekable();
        let mut quote = None;
        while let Some((at, letter)) = letters.next() {
            match (quote, letter) {
                (Some(open), _) if letter == char::from(open) => quote = None,
                (Some(b'"') | None, '\\') => {
                    if let Some((next_at, next)) = letters.next()
                        && next != '\n'
                    {
                        let is_escape = quote.is_none() || "\"\\$`".contains(next);
                        let word = self.word.get_or_insert_default();
                        if !is_escape {
                            word.push(letter, at, quote);
                        }
                        word.push(next, next_at, quote);
                    }
                }
                (Some(_), _) => self.word.get_or_insert_default().push(letter, at, quote),
                (None, '\'' | '"') => {
                    quote = u8::try_from(letter).ok();
                    self.word.get_or_insert_default();
                }
                (None, ' ' | '\t' | '\r') => self.end_word(),
                (None, '\n' | ';' | '(' | ')' | '`' | '&') => self.end_command(false),
                (None, '|') => {
                    let is_or = letters.next_if(|(_, next)| *next == '|').is_some();
                    self.end_command(!is_or);
                }
                (None, '<' | '>') => {
                    self.end_word();
                    let rest = &text[at..];
                    if rest.starts_with("<<<") {
                        letters.next();
                        letters.next();
                        self.is_here_string = true;
                    }
                }
                (None, _) => self.word.get_or_insert_default().push(letter, at, None),
            }
        }
        self.end_command(false);
        self.commands
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        if std::mem::take(&mut self.is_here_string) {
            self.command.here_string = Some(word);
        } else {
            self.command.words.push(word);
        }
    }

    fn end_command(&mut self, is_piped: bool) {
        self.end_word();
        let mut command = std::mem::take(&mut self.command);
        command.is_piped = is_piped;
        if !command.words.is_empty() {
            self.commands.push(command);
        }
    }
}
