//! Commands that leave a process in the background.

use super::MAX_DEPTH;
use super::argument::Argument;
use super::parse::parse;
use super::streaming::prepares;
use super::syntax::{CommandKind, CommandList, ShellCommand, Word, and_or_lists};
use super::wrapper::{Wrapped, wrapped};

/// Programs that keep a process from ending with its terminal.
const KEEPERS: &[&str] = &[
    "nohup",
    "setsid",
    "systemd-run",
    "daemonize",
    "screen",
    "tmux",
];

/// Returns whether a text leaves a process in the background that ends with its terminal.
pub(crate) fn leaves_behind(text: &str) -> bool {
    LeftProcesses::by_text(text, 0).is_any()
}

/// The processes that a text leaves.
#[derive(Clone, Copy, Default)]
struct LeftProcesses {
    /// Some of the shell's own, for which `wait` waits.
    own: bool,
    /// Some of shells below it.
    below: bool,
}

impl LeftProcesses {
    fn is_any(self) -> bool {
        self.own || self.below
    }

    fn by_text(text: &str, depth: usize) -> Self {
        let mut left = Self::default();
        if let Ok(list) = parse(text, depth) {
            left.list(&list, depth);
        }
        left
    }

    /// Notes what another shell leaves.
    fn add(&mut self, other: Self) {
        self.below |= other.is_any();
    }

    fn list(&mut self, list: &CommandList, depth: usize) {
        for pipelines in and_or_lists(list) {
            let mut commands = pipelines.iter().flat_map(|one| &one.commands);
            if pipelines.last().is_some_and(|last| last.background) {
                self.own |= !commands.all(|command| is_kept(command, depth));
            } else {
                commands.for_each(|command| self.command(command, depth));
            }
        }
    }

    fn command(&mut self, command: &ShellCommand, depth: usize) {
        match &command.kind {
            CommandKind::Simple { words, .. } => self.words(&unexpanded(words), depth),
            CommandKind::Group(list) => self.list(list, depth),
            CommandKind::Subshell(list) => {
                let mut other = Self::default();
                other.list(list, depth);
                self.add(other);
            }
            CommandKind::If(branches, otherwise) => {
                for (condition, body) in branches {
                    self.list(condition, depth);
                    self.list(body, depth);
                }
                self.list(otherwise, depth);
            }
            CommandKind::While(condition, body) => {
                self.list(condition, depth);
                self.list(body, depth);
            }
            CommandKind::For(_, _, body) => self.list(body, depth),
            CommandKind::Case(_, arms) => arms.iter().for_each(|(_, list)| self.list(list, depth)),
            CommandKind::Function(..) | CommandKind::Test(_) | CommandKind::Arithmetic(_) => {}
        }
    }

    fn words(&mut self, words: &[Argument], depth: usize) {
        if words.first().is_some_and(|program| program.text == "wait") {
            self.own = false;
        }
        if depth >= MAX_DEPTH {
            return;
        }
        match wrapped(words) {
            Some(Wrapped::Words(words)) => self.words(&words, depth + 1),
            Some(Wrapped::Script(text)) => self.add(Self::by_text(&text, depth + 1)),
            None => {}
        }
    }
}

/// Returns whether every process that the command starts in the background outlives its terminal.
fn is_kept(command: &ShellCommand, depth: usize) -> bool {
    match &command.kind {
        CommandKind::Simple { words, .. } => {
            prepares(command, depth) || is_kept_by(&unexpanded(words), depth)
        }
        CommandKind::Group(list) | CommandKind::Subshell(list) => {
            let mut commands = list.iter().flat_map(|one| &one.commands);
            commands.all(|command| is_kept(command, depth))
        }
        _ => false,
    }
}

fn is_kept_by(words: &[Argument], depth: usize) -> bool {
    let Some(program) = words.first() else {
        return false;
    };
    if depth >= MAX_DEPTH || KEEPERS.contains(&program.base_name()) {
        return depth < MAX_DEPTH;
    }
    match wrapped(words) {
        Some(Wrapped::Words(words)) => is_kept_by(&words, depth + 1),
        Some(Wrapped::Script(_)) | None => false,
    }
}

fn unexpanded(words: &[Word]) -> Vec<Argument> {
    words
        .iter()
        .map(|word| Argument::unexpanded(word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_left_behind() {
        for line in [
            "sleep 60 &",
            "sleep 60 & echo started",
            "cd /srv && ./serve >log 2>&1 &",
            "(sleep 60; touch x) &",
            "while true; do date; done &",
            "sleep 1 & wait; sleep 60 &",
            "make | nohup tee log &",
            "make && nohup ./serve &",
            "(sleep 60 &)",
            "(sleep 60 &); wait",
            "{ sleep 60 & }",
            "if true; then sleep 60 & fi",
            "sh -c 'sleep 60 &'",
            "cd $(make) &",
        ] {
            assert!(leaves_behind(line), "{line}");
        }
        for line in [
            "sleep 1",
            "a && b",
            "a 2>&1",
            "sleep 1 & wait",
            "nohup ./serve &",
            "setsid ./serve >log &",
            "echo 'a &'",
            "echo \\&",
            "sudo nohup ./serve &",
            "X=1 nohup ./serve >log 2>&1 &",
            "env A=b setsid ./serve &",
            "/usr/bin/nohup ./serve &",
            "cd /srv && nohup ./serve &",
            "(nohup ./serve >log &)",
            "( nohup a & nohup b ) &",
            "{ sleep 60 & }; wait",
            "sh -c 'sleep 60 & wait'",
            "cat <<EOF\nsleep 60 &\nEOF",
        ] {
            assert!(!leaves_behind(line), "{line}");
        }
    }
}
