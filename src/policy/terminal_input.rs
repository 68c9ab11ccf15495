//! Input that is typed at a terminal: a shell and its like run it.

use super::judge::Judge;
use super::{Pattern, Policy, Refusal};

/// A rule, and a command that it alone forbids and that no system has.
const PROBE: &str = "what-is-read";

impl Policy {
    /// Refuses to give a command an input that the rules forbid. Block rules hold for any command, allow
    /// rules only for one that runs its input.
    pub fn judge_input(&self, command: &str, input: &str) -> Result<(), Refusal> {
        for text in readings(input) {
            Judge::new(&self.block, &[]).text(&text, None)?;
            Judge::new(&self.block, &[]).text(command, Some(&text))?;
        }
        if !runs_input(command) {
            return Ok(());
        }
        if has_keys(input) {
            return Err(Refusal::beyond(
                "it holds control characters, by which a shell edits its line",
            ));
        }
        if self.allow.is_empty() {
            return Ok(());
        }
        self.judge(&returned(input))
    }
}

/// Returns true if a command is known to run its input.
fn runs_input(command: &str) -> bool {
    Pattern::parse(PROBE).is_ok_and(|rule| {
        let judged = Judge::new(&[rule], &[]).text(command, Some(PROBE));
        judged.is_err()
    })
}

/// Replaces carriage returns by newlines: at a terminal, both end a line.
fn returned(input: &str) -> String {
    input.replace("\r\n", "\n").replace('\r', "\n")
}

/// The texts that a terminal may make of its input: as it is, with the erased characters taken out, and
/// without keys.
fn readings(input: &str) -> Vec<String> {
    let text = returned(input);
    if !has_keys(&text) {
        return vec![text];
    }
    let without = |text: &str| text.replace(is_key, "");
    let edited = without(&edited(&text));
    vec![without(&text), edited, text]
}

fn is_key(character: char) -> bool {
    character.is_control() && character != '\n'
}

/// Returns true if an input has control keys among letters. Keys alone, such as Ctrl-C, write nothing.
fn has_keys(text: &str) -> bool {
    let text = returned(text);
    text.contains(is_key) && text.contains(|character: char| !character.is_control())
}

/// A line as a terminal edits it: backspace takes a character, Ctrl-W a word, Ctrl-U all.
fn edited(text: &str) -> String {
    let mut edited = String::new();
    for character in text.chars() {
        let line = edited.rfind('\n').map_or(0, |end| end + 1);
        match character {
            '\u{8}' | '\u{7f}' => {
                if edited.len() > line {
                    edited.pop();
                }
            }
            '\u{15}' => edited.truncate(line),
            '\u{17}' => {
                let kept = edited[line..].trim_end();
                let word = kept.rfind(' ').map_or(0, |space| space + 1);
                edited.truncate(line + word);
            }
            other => edited.push(other),
        }
    }
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_and_their_like_run_what_they_read() {
        for command in [
            "bash -i",
            "sh",
            "dash -s",
            "sudo -i",
            "sudo -u bob bash",
            "su",
            "su - bob",
            "ssh there",
            "env -i zsh",
            "cd / && exec bash",
            "sh -c 'exec bash -i'",
            "bash -c sh",
            "docker exec -it c bash",
            "eval sh",
            "kubectl exec -it p -- sh",
            "true; { echo x; sh; }",
            "(bash)",
            "if true; then bash; fi",
            "fish",
            "nice -n 5 bash --login",
            "timeout 9 sh -i",
            "nohup sh",
            "command bash",
            "S=1 bash",
        ] {
            assert!(runs_input(command), "{command}");
        }
        for command in [
            "passwd bob",
            "apt install x",
            "cat > file",
            "read -r x; echo \"$x\"",
            "bash script",
            "sh -c 'read x'",
            "mysql -p",
            "sudo apt upgrade",
            "vi file",
            "bash -c 'echo x'",
            "ssh there uptime",
        ] {
            assert!(!runs_input(command), "{command}");
        }
    }

    #[test]
    fn keys_of_a_terminal_hide_nothing() {
        let policy = Policy::new(vec![Pattern::parse("rm -r @system").unwrap()], Vec::new());
        for input in [
            "rm -rf /",
            "true\rrm -rf /\r",
            "rX\u{7f}m -rf /",
            "rX\u{8}m -rf /",
            "echo \u{15}rm -rf /",
            "rm -rf x\u{17}/",
            "\u{1}rm -rf /",
            "r\u{2}m -rf /",
            "true\r\nrm -rf /",
        ] {
            for command in ["bash -i", "some-shell"] {
                assert!(policy.judge_input(command, input).is_err(), "{input:?}");
            }
        }
        for input in ["rm -rf /e\tt\t", "m -rf /x\u{1}r", "\u{1b}[A x"] {
            assert!(policy.judge_input("bash -i", input).is_err(), "{input:?}");
        }
        for (command, input) in [
            ("bash -i", "\u{3}"),
            ("bash -i", "\u{4}\n"),
            ("vi file", "\u{1b}:wq"),
            ("passwd", "hunter2\r"),
            ("bash -i", "ls -l\r\n"),
            ("some-tool", "x\u{7f}y"),
            ("bash -i", "\u{1b}"),
        ] {
            assert!(policy.judge_input(command, input).is_ok(), "{input:?}");
        }
    }

    #[test]
    fn a_terminal_edits_its_line() {
        for (text, line) in [
            ("ab\u{7f}c", "ac"),
            ("\u{7f}a", "a"),
            ("a\n\u{7f}b", "a\nb"),
            ("a b\u{15}c", "c"),
            ("one two\u{17}x", "one x"),
            ("é\u{8}e", "e"),
        ] {
            assert_eq!(edited(text), line);
        }
    }
}
