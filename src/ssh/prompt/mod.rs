//! A command at a terminal: its output as plain text, and the answers to its prompts.

pub mod link;
pub mod secrecy;

use std::sync::LazyLock;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use tokio::time::Instant;

use crate::charset::Charset;
use crate::secret::remember;
use crate::terminal::Screen;
use secrecy::{AnswerRedactor, asks_for_secret};

/// Silence after which a prompt has been printed whole.
const PATIENCE: Duration = Duration::from_millis(100);

/// Silence after which a command waits that has printed a line without an end.
const WAITS: Duration = Duration::from_secs(2);

/// The times that the same prompt may come back with nothing else between before it gets no answer any more.
const MOST_REPEATS: usize = 10;

/// Lines that a prompt may have.
const PROMPT_LINES: usize = 3;

/// Bytes of output that are searched for a prompt; twice as many before they are cut.
const KEPT: usize = 4096;

/// Bytes in which the prompt of a pager is looked for.
const LONGEST_END: usize = 512;

/// Bytes of a prompt that an error quotes.
const QUOTED: usize = 1000;

/// Prompts that a person who wants the command done answers with yes.
static USUAL: LazyLock<Regex> = LazyLock::new(|| {
    known(
        r"(?i)\[y(es)?/n(o)?\]|\(y(es)?/n(o)?(/[^)]*)?\)|\by/n\b|do you want to (continue|proceed)|continue\?|proceed\?|are you sure|overwrite\b.*\?|replace .*\?|save (changes|modified|it)|is this ok",
    )
});
/// Prompts that want the whole word `yes`.
static WANTS_WORD: LazyLock<Regex> = LazyLock::new(|| known(r"(?i)yes/no|type 'yes'|type yes"));
/// Prompts that want a text of the caller's own.
static WANTS_TEXT: LazyLock<Regex> =
    LazyLock::new(|| known(r"(?i)\b(type|enter|retype|re-enter) (in )?(the|your|a|an)\b"));
/// Questions about what cannot be taken back. Those are for the caller.
static DESTROYS: LazyLock<Regex> = LazyLock::new(|| {
    known(
        r"(?i)\b(delet|drop|destroy|eras|wip|format|purg|truncat|discard|shred|re-?initiali[sz]|factory)(e|es|ing|ped|ping|ting|t)?\b",
    )
});
static IS_FINAL: LazyLock<Regex> = LazyLock::new(|| {
    known(
        r"(?i)irrevocabl|irreversibl|(cannot|can't|can not) be undone|permanent|all (your )?data|\bdata loss|lose (all|your|any)",
    )
});
/// Questions whose own default is no, but for those that ask whether to go on with what was asked for.
static SUGGESTS_NO: LazyLock<Regex> = LazyLock::new(|| known(r"\b[yY](?i:es)?/N(?i:o)?\b"));
static GOES_ON: LazyLock<Regex> =
    LazyLock::new(|| known(r"(?i)continue|proceed|is this ok|\binstall\b|\bupgrade\b"));
/// Last lines of a prompt without words: those stand on the line before.
static BARE: LazyLock<Regex> =
    LazyLock::new(|| known(r"(?i)^[^\p{L}\p{N}]*(y(es)?/n(o)?)?[^\p{L}\p{N}]*$"));

/// The prompts of pagers, as they are drawn.
static PAGER: LazyLock<Regex> = LazyLock::new(|| {
    known(
        r"(?:[\r\n]|^):\x1b\[K$|\x1b\[7m[^\x1b\r\n]+\x1b\[(?:27|0)?m\x1b\[K$|\x1b\[K\x1b\[7m[^\x1b\r\n]+\x1b\[(?:27|0)?m$|--More--[^\r\n]*$|(?i)\bq(?: key)? to quit\b[^\r\n]*$",
    )
});

/// Answers the prompts of a command.
#[derive(Debug)]
pub struct PromptResponder {
    answers: Vec<PromptAnswer>,
    usual: bool,
    screen: Screen,
    redactor: AnswerRedactor,
    /// The end of the output since the last answer.
    pending: String,
    /// The position in `pending` of the output since the last silence, with the beginning of its line.
    burst: usize,
    /// The last answer, which the terminal echoes.
    echo: String,
    changed: Instant,
    silence: Silence,
    /// The prompt that was answered last, and the times that it has come back since, with nothing else between.
    repeated: (String, usize),
    /// The last bytes of the output.
    end: Vec<u8>,
    has_quit_pager: bool,
}

/// The silence since the last output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// A prompt is to be looked for.
    New,
    /// None was found that has an answer.
    Looked,
    /// It was told where the command waits.
    Told,
}

/// The answer to a prompt.
#[derive(Debug)]
pub struct PromptAnswer {
    pattern: Regex,
    text: String,
    is_secret: bool,
}

/// A prompt that waits for its answer.
struct WaitingPrompt<'p> {
    /// The last line, which has not ended.
    last: &'p str,
    /// The last line, with the one before if it has no words of its own.
    line: String,
    /// The last lines of the output.
    lines: String,
}

fn known(expression: &str) -> Regex {
    Regex::new(expression).expect("the expression is correct")
}

impl PromptAnswer {
    /// The answer to `prompt`: a text in upper or lower case, or a regular expression between slashes.
    pub fn new(prompt: &str, text: &str) -> Result<Self, regex::Error> {
        let expression = prompt
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|expression| !expression.is_empty());
        let pattern = match expression {
            Some(expression) => RegexBuilder::new(expression).multi_line(true).build(),
            None => RegexBuilder::new(&regex::escape(prompt))
                .case_insensitive(true)
                .build(),
        };
        Ok(Self {
            pattern: pattern?,
            text: text.to_owned(),
            is_secret: asks_for_secret(prompt),
        })
    }

    /// Returns whether a text asks for this answer.
    pub(in crate::ssh) fn fits(&self, text: &str) -> bool {
        self.pattern.is_match(text)
    }

    /// The part of a prompt that asks for this answer, if one does.
    fn asked<'p>(&self, prompt: &'p WaitingPrompt) -> Option<&'p str> {
        if self.pattern.is_match(&prompt.line) {
            return Some(&prompt.line);
        }
        // A secret answers only the line that waits.
        let end = prompt.lines.len() - prompt.last.len();
        let mut found = self.pattern.find_iter(&prompt.lines);
        found
            .any(|found| !self.is_secret || found.end() > end)
            .then_some(prompt.lines.as_str())
    }
}

impl<'p> WaitingPrompt<'p> {
    /// The prompt at the end of `text`: a line that has not ended.
    fn at_end(text: &'p str) -> Option<Self> {
        let has_words = |line: &&str| !line.trim().is_empty();
        let last = text.rsplit('\n').next().filter(has_words)?;
        let lines: Vec<_> = text.lines().filter(has_words).collect();
        let from = |count: usize| lines[lines.len().saturating_sub(count)..].join("\n");
        Some(Self {
            last,
            line: from(if BARE.is_match(last) { 2 } else { 1 }),
            lines: from(PROMPT_LINES),
        })
    }

    /// Returns whether a yes may destroy something, or the question itself suggests a no.
    fn is_grave(&self) -> bool {
        DESTROYS.is_match(&self.line)
            || IS_FINAL.is_match(&self.lines)
            || SUGGESTS_NO.is_match(&self.line) && !GOES_ON.is_match(&self.line)
    }

    /// The answer of a person who wants the command done.
    fn usual_answer(&self) -> Option<&'static str> {
        let is_usual = USUAL.is_match(self.last)
            && !asks_for_secret(self.last)
            && !WANTS_TEXT.is_match(self.last)
            && !self.is_grave();
        let answer = if WANTS_WORD.is_match(self.last) {
            "yes"
        } else {
            "y"
        };
        is_usual.then_some(answer)
    }
}

impl PromptResponder {
    /// A responder with these answers; with `usual`, also with a yes to the usual prompts.
    pub fn new(answers: Vec<PromptAnswer>, usual: bool) -> Self {
        let mut redactor = AnswerRedactor::default();
        for answer in answers.iter().filter(|answer| answer.is_secret) {
            redactor.add(&answer.text);
            remember(&answer.text);
        }
        Self {
            answers,
            usual,
            screen: Screen::default(),
            redactor,
            pending: String::new(),
            burst: 0,
            echo: String::new(),
            changed: Instant::now(),
            silence: Silence::Told,
            repeated: Default::default(),
            end: Vec::new(),
            has_quit_pager: false,
        }
    }

    /// Sets the encoding of the output.
    pub(in crate::ssh) fn set_charset(&mut self, charset: Charset) {
        self.screen = Screen::of(charset);
    }

    /// Has the output stay as long as it is where secrets are taken out.
    pub(in crate::ssh) fn keep_positions(&mut self) {
        self.redactor.keep_positions();
    }

    /// Takes the next bytes of the output, and returns them without secrets.
    pub(in crate::ssh) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.look_at(bytes);
        self.redactor.take(bytes)
    }

    /// Looks for prompts in the next bytes of the output.
    pub(in crate::ssh) fn look_at(&mut self, bytes: &[u8]) {
        let text = self.screen.take(bytes);
        self.pending.push_str(&text);
        if let Some(rest) = self.pending.strip_prefix(&self.echo) {
            if !self.echo.is_empty() {
                self.pending = rest.to_owned();
                self.echo.clear();
            }
        } else if !self.echo.starts_with(&self.pending) {
            // It is not shown, as a password is not.
            self.echo.clear();
        }
        if self.echo.is_empty() && self.pending.len() > 2 * KEPT {
            let surplus = self.pending.len() - end_of(&self.pending, KEPT).len();
            self.pending.drain(..surplus);
            self.burst = self.burst.saturating_sub(surplus);
        }
        self.end
            .extend_from_slice(&bytes[bytes.len().saturating_sub(LONGEST_END)..]);
        let surplus = self.end.len().saturating_sub(LONGEST_END);
        self.end.drain(..surplus);
        (self.changed, self.silence) = (Instant::now(), Silence::New);
    }

    /// The number of bytes that are held back because they may begin a secret.
    pub(in crate::ssh) fn held(&self) -> u64 {
        self.redactor.held()
    }

    /// The bytes that were held back because they may begin a secret.
    pub(in crate::ssh) fn rest(&mut self) -> Vec<u8> {
        self.redactor.rest()
    }

    /// The time at which to look for a prompt, or to tell that the command waits.
    pub(in crate::ssh) fn due(&self) -> Option<Instant> {
        match self.silence {
            Silence::New => Some(self.changed + PATIENCE),
            Silence::Looked => Some(self.changed + WAITS),
            Silence::Told => None,
        }
    }

    /// The line at which the command waits, without secrets, once it has been silent for long enough.
    pub(in crate::ssh) fn waits_at(&mut self) -> Option<String> {
        if self.silence == Silence::Told || self.changed.elapsed() < WAITS {
            return None;
        }
        self.silence = Silence::Told;
        let line = self.pending.rsplit('\n').next().unwrap_or_default();
        let shown = self.redactor.redact(line.trim());
        Some(end_of(&shown, QUOTED).to_owned()).filter(|line| !line.is_empty())
    }

    /// Takes a secret out of the output from now on.
    pub(in crate::ssh) fn hide(&mut self, secret: &str) {
        self.redactor.add(secret);
        remember(secret);
    }

    /// Notes a text that a caller types.
    pub(in crate::ssh) fn note_typed(&mut self, text: &str, secret: Option<&str>) {
        if let Some(secret) = secret {
            self.hide(secret);
        }
        self.echo = text.replace('\r', "\n");
        self.pending.clear();
        self.burst = 0;
        self.repeated = Default::default();
    }

    /// The answer to the prompt that waits, if one does.
    pub(in crate::ssh) fn answer(&mut self) -> Option<String> {
        if self.silence == Silence::New {
            self.silence = Silence::Looked;
        }
        let line = self.pending.rfind('\n').map_or(0, |end| end + 1);
        let burst = std::mem::replace(&mut self.burst, line);
        if !self.echo.is_empty() {
            // The rest of the echo is still to come.
            return None;
        }
        let prompt = WaitingPrompt::at_end(&self.pending[burst..])?;
        let mut answers = self.answers.iter();
        let given = answers.find_map(|answer| Some((answer, answer.asked(&prompt)?)));
        if given.is_none() && is_pager(&self.end) {
            // Pagers do not echo keys.
            self.has_quit_pager = true;
            self.pending.clear();
            self.end.clear();
            self.burst = 0;
            return Some("q".to_owned());
        }
        // A wrong password, for one, is asked for again and again.
        let asks_again =
            self.repeated.0 == prompt.line && self.pending.trim() == prompt.line.trim();
        let repeats = if asks_again { self.repeated.1 + 1 } else { 0 };
        if repeats >= MOST_REPEATS {
            return None;
        }
        let line = prompt.line.clone();
        let answer = match given {
            Some((answer, asked)) => {
                if asks_for_secret(asked) {
                    self.redactor.add(&answer.text);
                    remember(&answer.text);
                }
                answer.text.as_str()
            }
            None if self.usual => prompt.usual_answer()?,
            None => return None,
        };
        self.echo = format!("{answer}\n");
        self.repeated = (line, repeats);
        self.pending.clear();
        self.burst = 0;
        Some(self.echo.clone())
    }

    /// Returns whether a pager that waited for keys was quit.
    pub(in crate::ssh) fn has_quit_pager(&self) -> bool {
        self.has_quit_pager
    }

    /// The last lines of the output without secrets: a prompt would be among them.
    pub(in crate::ssh) fn prompt(&self) -> String {
        let has_words = |line: &&str| !line.trim().is_empty();
        let lines: Vec<_> = self.pending.lines().filter(has_words).collect();
        let last = lines[lines.len().saturating_sub(PROMPT_LINES)..].join("\n");
        let shown = self.redactor.redact(&last);
        end_of(&shown, QUOTED).to_owned()
    }
}

/// Returns whether these bytes end with the prompt of a pager that waits for keys. Pagers are recognised by
/// the way they draw it, for other programs may use the same words: `less` in reverse video or as a colon,
/// with the rest of its line erased; `more` by name; others by their hint on how to quit.
fn is_pager(end: &[u8]) -> bool {
    let end = String::from_utf8_lossy(end);
    PAGER.is_match(&end) && !asks_for_secret(end.rsplit('\n').next().unwrap_or_default())
}

/// The last characters of a text, in at most `bytes` bytes.
fn end_of(text: &str, bytes: usize) -> &str {
    let mut starts = text.len().saturating_sub(bytes)..;
    let start = starts.find(|start| text.is_char_boundary(*start));
    &text[start.unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(answers: &[(&str, &str)], usual: bool) -> PromptResponder {
        let answers = answers
            .iter()
            .map(|(prompt, answer)| PromptAnswer::new(prompt, answer).unwrap())
            .collect();
        PromptResponder::new(answers, usual)
    }

    fn answer_to(conversation: &mut PromptResponder, text: &str) -> Option<String> {
        conversation.take(text.as_bytes());
        conversation.answer()
    }

    #[tokio::test]
    async fn answers_come_as_often_as_their_prompts_in_any_order() {
        let answers = [
            ("Do you want to continue", "Y"),
            ("/^Restart \\w+\\?/", "no"),
        ];
        let mut responder = conversation(&answers, false);
        assert_eq!(
            answer_to(&mut responder, "Restart ssh?"),
            Some("no\n".into())
        );
        assert_eq!(
            answer_to(&mut responder, "no\r\ndo you WANT to continue? "),
            Some("Y\n".into())
        );
        assert_eq!(
            answer_to(&mut responder, "Y\r\nDo you want to continue? "),
            Some("Y\n".into())
        );
        assert_eq!(answer_to(&mut responder, "Y\r\nworking\r\n"), None);
    }

    #[tokio::test]
    async fn the_usual_questions_are_answered_and_secrets_never() {
        let mut responder = conversation(&[], true);
        assert_eq!(
            answer_to(&mut responder, "Proceed? [Y/n] "),
            Some("y\n".into())
        );
        let host = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
        assert_eq!(answer_to(&mut responder, host), Some("yes\n".into()));
        assert_eq!(
            answer_to(&mut responder, "[sudo] password for me [y/n]: "),
            None
        );
        assert_eq!(
            answer_to(&mut conversation(&[], false), "Proceed? [Y/n] "),
            None
        );
        for ok in [
            "Is this ok [y/N]: ",
            "After this operation, 21 kB will be used.\nDo you want to continue? [Y/n] ",
            "overwrite /etc/motd? (y/n) ",
        ] {
            assert!(
                answer_to(&mut conversation(&[], true), ok).is_some(),
                "{ok}"
            );
        }
    }

    #[tokio::test]
    async fn what_destroys_or_suggests_a_no_is_left_to_the_caller() {
        for grave in [
            "Delete all data? [y/N] ",
            "Really drop database prod? (yes/no) ",
            "Formatting /dev/sdb. Are you sure? (y/n) ",
            "This cannot be undone.\nAre you sure? [y/n] ",
            "WARNING: all data on /dev/sdb will be lost\nProceed? (y/n) ",
            "Reset the node? [y/N] ",
        ] {
            assert_eq!(
                answer_to(&mut conversation(&[], true), grave),
                None,
                "{grave}"
            );
        }
        let named = &[("drop database", "yes")];
        let asked = "Really drop database prod? (yes/no) ";
        assert_eq!(
            answer_to(&mut conversation(named, true), asked),
            Some("yes\n".into())
        );
    }

    #[tokio::test]
    async fn the_echo_of_an_answer_is_no_prompt() {
        let mut responder = conversation(&[("yes", "yes")], false);
        assert_eq!(
            answer_to(&mut responder, "type yes: "),
            Some("yes\n".into())
        );
        assert_eq!(answer_to(&mut responder, "yes\r\n"), None);
    }

    #[tokio::test]
    async fn only_a_line_that_waits_for_its_end_is_a_prompt() {
        let answers = [("password", "hunter2"), ("Delete all", "no")];
        let mut responder = conversation(&answers, true);
        for text in ["Password accepted\n", "Password accepted\nName: "] {
            assert_eq!(answer_to(&mut responder, text), None, "{text}");
        }
        for (text, answer) in [
            ("\npassword updated\nContinue? [Y/n] ", "y\n"),
            ("\nEnter the password\n> ", "hunter2\n"),
            ("\nDelete all the data?\nYour choice: ", "no\n"),
        ] {
            assert_eq!(
                answer_to(&mut responder, text).as_deref(),
                Some(answer),
                "{text}"
            );
        }
        // Output before the silence is no part of the prompt.
        assert_eq!(answer_to(&mut responder, "\nDelete all?\n"), None);
        assert_eq!(answer_to(&mut responder, "Your choice: "), None);
        for text in [
            "\nThis will overwrite nothing.\nType the name of the database to drop: ",
            "\nAre you sure? Type the name of the database to drop: ",
            "\nContinue? [Y/n]\n",
        ] {
            assert_eq!(answer_to(&mut responder, text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn an_expression_s_line_is_one_of_the_prompt_s() {
        let mut responder = conversation(&[("/^Choice: $/", "2")], false);
        let text = "1) one\n2) two\nChoice: ";
        assert_eq!(answer_to(&mut responder, text), Some("2\n".into()));
    }

    #[tokio::test]
    async fn a_secret_is_shown_in_no_part_of_the_output() {
        let answers = [("name", "hunter2"), ("key", "k3y-k3y")];
        let mut responder = conversation(&answers, false);
        let mut shown =
            responder.take(b"hunter2 is shown until it is known. Password of this name: ");
        assert!(responder.answer().is_some());
        for part in ["hun", "ter2\r\nhunter", "2 k3y\r\n"] {
            shown.extend(responder.take(part.as_bytes()));
        }
        assert!(
            responder.prompt().contains("*** k3y"),
            "{}",
            responder.prompt()
        );
        shown.extend(responder.rest());
        let expected =
            "hunter2 is shown until it is known. Password of this name: ***\r\n*** k3y\r\n";
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_pager_is_quit_and_who_asks_alike_is_not() {
        for end in [
            "49\r\n:\x1b[K",
            "5\r\n\x1b[7m(END)\x1b[27m\x1b[K",
            "\r\n\x1b[7m/etc/services\x1b[27m\x1b[K",
            "\r\n\x1b[7m Manual page bash(1) line 1 (press h for help or q to quit)\x1b[27m\x1b[K",
            "49\r\n\x1b[7m--More--(12%)\x1b[27m",
            "49\r\n--More-- ",
            "\x1b[50;0H\x1b[K\x1b[7m/etc/services\x1b[m",
            "-- MOST: *stdin*    (1,1) 4%\r\nPress `Q' to quit, `H' for help, and SPACE to scroll. Q to quit",
        ] {
            let mut responder = conversation(&[], true);
            assert_eq!(
                answer_to(&mut responder, end).as_deref(),
                Some("q"),
                "{end:?}"
            );
            assert!(responder.has_quit_pager());
        }
        for end in [
            ": ",
            "\r\n:",
            "name:\x1b[K",
            "\x1b[7mPassword:\x1b[27m\x1b[K",
            "\x1b[7mContinue\x1b[27m ",
            "--More-- is done\r\nName: ",
        ] {
            let mut responder = conversation(&[], true);
            assert_eq!(answer_to(&mut responder, end), None, "{end:?}");
        }
        let mut own = conversation(&[("--More--", " ")], false);
        assert_eq!(answer_to(&mut own, "--More--").as_deref(), Some(" \n"));
    }

    #[tokio::test]
    async fn little_is_kept_of_a_long_output() {
        let mut responder = conversation(&[("é?", "yes")], false);
        let part = "é".repeat(10_000);
        for _ in 0..100 {
            assert_eq!(responder.take(part.as_bytes()).len(), part.len());
            assert!(responder.pending.len() <= 2 * KEPT);
        }
        assert_eq!(answer_to(&mut responder, "\né?"), Some("yes\n".into()));
        assert!(responder.prompt().len() <= QUOTED);
    }
}
