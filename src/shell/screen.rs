//! Programs that draw on the whole screen of a terminal, and wait for keys.

use super::MAX_DEPTH;
use super::argument::Argument;
use super::parse::parse;
use super::syntax::{CommandKind, CommandList, ShellCommand};
use super::wrapper::{Wrapped, wrapped};

/// Such programs.
const PROGRAMS: &[&str] = &[
    "vi",
    "vim",
    "nvim",
    "vimdiff",
    "view",
    "visudo",
    "vipw",
    "vigr",
    "nano",
    "pico",
    "joe",
    "jed",
    "ne",
    "micro",
    "emacs",
    "mcedit",
    "mc",
    "htop",
    "btop",
    "atop",
    "iftop",
    "nethogs",
    "nload",
    "bmon",
    "ncdu",
    "ranger",
    "nnn",
    "lf",
    "tig",
    "mutt",
    "alpine",
    "nmtui",
    "raspi-config",
    "dpkg-reconfigure",
    "sudoedit",
    "alsamixer",
    "dialog",
    "whiptail",
    "k9s",
    "lazydocker",
];

/// Words behind a program with which it opens an editor.
const EDITS: &[(&str, &str)] = &[
    ("crontab", "-e"),
    ("systemctl", "edit"),
    ("virsh", "edit"),
    ("kubectl", "edit"),
];

/// Options with which such a program draws nothing.
const QUIET: &[&str] = &[
    "-es",
    "-Es",
    "-s",
    "--batch",
    "-batch",
    "--version",
    "--help",
    "-V",
    "-c",
    "-b",
    "-fnoninteractive",
];

/// The name of a program in a text that needs a terminal.
pub(crate) fn screen_program(text: &str) -> Option<String> {
    by_text(text, 0)
}

fn by_text(text: &str, depth: usize) -> Option<String> {
    if depth >= MAX_DEPTH {
        return None;
    }
    in_list(&parse(text, depth).ok()?, depth)
}

fn in_list(list: &CommandList, depth: usize) -> Option<String> {
    let mut commands = list.iter().flat_map(|pipeline| &pipeline.commands);
    commands.find_map(|command| in_command(command, depth))
}

fn in_command(command: &ShellCommand, depth: usize) -> Option<String> {
    match &command.kind {
        CommandKind::Simple { words, .. } => {
            let words: Vec<_> = words
                .iter()
                .map(|word| Argument::unexpanded(word))
                .collect();
            in_words(&words, depth)
        }
        CommandKind::Group(list) | CommandKind::Subshell(list) => in_list(list, depth),
        _ => None,
    }
}

fn in_words(words: &[Argument], depth: usize) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let name = program.base_name();
    let has = |word: &str| arguments.iter().any(|argument| argument.text == word);
    let is_one = PROGRAMS.contains(&name) && !QUIET.iter().any(|option| has(option));
    if is_one
        || EDITS
            .iter()
            .any(|(program, word)| *program == name && has(word))
    {
        return Some(name.to_owned());
    }
    if depth >= MAX_DEPTH {
        return None;
    }
    match wrapped(words)? {
        Wrapped::Words(words) => in_words(&words, depth + 1),
        Wrapped::Script(text) => by_text(&text, depth + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_draw_on_a_screen_are_known() {
        for (line, program) in [
            ("vim /etc/hosts", "vim"),
            ("sudo /usr/bin/nano a", "nano"),
            ("cd /etc && vi hosts", "vi"),
            ("sh -c 'htop'", "htop"),
            ("sudo crontab -u a -e", "crontab"),
            ("EDITOR=vi systemctl edit web", "systemctl"),
            ("(visudo)", "visudo"),
        ] {
            assert_eq!(screen_program(line).as_deref(), Some(program), "{line}");
        }
        for line in [
            "vim -es a",
            "emacs --batch -l a",
            "vim --version",
            "echo vim",
            "cat vi",
            "crontab -l",
            "systemctl status web",
            "which nano",
            "apt-get install -y vim",
            "vi 'a",
            "",
        ] {
            assert_eq!(screen_program(line), None, "{line}");
        }
    }
}
