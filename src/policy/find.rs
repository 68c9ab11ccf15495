//! `find`: its start directories, tests and actions.

use crate::shell::argument::{Argument, MANY, SOMETHING, bounded};

/// Tests that leave files out. `-type` leaves out too little to count.
const TESTS: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-regex",
    "-iregex",
    "-lname",
    "-mtime",
    "-atime",
    "-ctime",
    "-mmin",
    "-amin",
    "-cmin",
    "-newer",
    "-newermt",
    "-size",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-perm",
    "-empty",
    "-inum",
    "-samefile",
    "-links",
    "-used",
    "-fstype",
    "-nouser",
    "-nogroup",
];

/// A `find` command.
pub(super) struct Find {
    pub(super) starts: Vec<Argument>,
    /// True if it leaves files out.
    pub(super) is_narrow: bool,
    /// True if its depth is limited.
    is_shallow: bool,
    /// Its actions: a command, or nothing for `-delete`; and true if it leaves files out.
    actions: Vec<(Option<Vec<Argument>>, bool)>,
}

impl Find {
    pub(super) fn of(arguments: &[Argument]) -> Self {
        let mut find = Self {
            starts: Vec::new(),
            is_narrow: false,
            is_shallow: false,
            actions: Vec::new(),
        };
        let mut rest = arguments.iter().peekable();
        while let Some(option) = rest.next_if(|one| {
            matches!(&*one.text, "-H" | "-L" | "-P" | "-D") || one.text.starts_with("-O")
        }) {
            if option.text == "-D" {
                rest.next();
            }
        }
        while let Some(start) =
            rest.next_if(|one| !one.is_option() && !matches!(&*one.text, "(" | "!" | ")" | ","))
        {
            find.starts.push(start.clone());
        }
        if find.starts.is_empty() {
            find.starts.push(Argument::of("."));
        }
        let mut negated = false;
        while let Some(test) = rest.next() {
            match &*test.text {
                "!" | "-not" => {
                    negated = true;
                    continue;
                }
                // The tests so far do not hold for the files of the next branch.
                "-o" | "-or" | "," => find.is_narrow = false,
                "-delete" => find.actions.push((None, find.is_narrow)),
                "-maxdepth" => find.is_shallow = true,
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let ends = |one: &&Argument| !matches!(&*one.text, ";" | "+");
                    let mut command = Vec::new();
                    while let Some(word) = rest.next_if(|one| ends(one)) {
                        command.push(word.clone());
                    }
                    find.actions.push((Some(command), find.is_narrow));
                }
                name if TESTS.contains(&name) => {
                    let all = |one: &&Argument| one.text == "*" || one.text == MANY.to_string();
                    let value = rest.peek().copied();
                    find.is_narrow |= !negated && !value.as_ref().is_some_and(all);
                }
                _ => {}
            }
            negated = false;
        }
        find
    }

    /// The commands that it runs, each with true if it is run on everything below its start.
    pub(super) fn runs(&self) -> Vec<(Vec<Argument>, bool)> {
        let narrow = [Argument::of(SOMETHING)];
        let files = |is_narrow: bool| if is_narrow { &narrow[..] } else { &self.starts };
        let removal = [Argument::of("rm"), Argument::of("-f")];
        let mut runs = Vec::new();
        for (command, is_narrow) in &self.actions {
            let is_narrow = *is_narrow || command.is_none() && self.is_shallow;
            let words = match command {
                Some(command) => fill(command, files(is_narrow), "{}"),
                None => [&removal[..], files(is_narrow)].concat(),
            };
            runs.push((words, !is_narrow));
        }
        runs
    }
}

/// Replaces a mark in the words by each of the files.
pub(super) fn fill(words: &[Argument], files: &[Argument], mark: &str) -> Vec<Argument> {
    /// Most files that are filled in.
    const MOST: usize = 32;
    let mut filled = Vec::new();
    for word in words {
        if word.text.contains(mark) {
            let more = (files.len() > MOST).then(|| Argument::of(SOMETHING));
            for file in files.iter().take(MOST).chain(&more) {
                filled.push(Argument {
                    text: bounded(word.text.replace(mark, &file.text)),
                    ..file.clone()
                });
            }
        } else {
            filled.push(word.clone());
        }
    }
    filled
}
