//! The form by which a command is remembered as one that a person lets through: its program and first word, or all of
//! it where that word is no verb.

use super::argument::Argument;
use super::argument::is_unknown;
use super::parse::parse;
use super::syntax::{CommandKind, WordPart};
use super::wrapper::{Wrapper, is_shell};

/// Programs that run what they are told, so that their first word says little.
const INTERPRETERS: &[&str] = &[
    ".",
    "ansible",
    "awk",
    "bash",
    "bun",
    "crontab",
    "curl",
    "dd",
    "deno",
    "env",
    "eval",
    "exec",
    "find",
    "gawk",
    "lua",
    "make",
    "node",
    "osascript",
    "parallel",
    "perl",
    "php",
    "pip",
    "python",
    "rm",
    "rsync",
    "ruby",
    "scp",
    "sed",
    "source",
    "ssh",
    "su",
    "tclsh",
    "tee",
    "vi",
    "vim",
    "watch",
    "wget",
    "xargs",
];

/// First words with which a program runs another.
const RUNNERS: &[&str] = &[
    "exec", "run", "eval", "shell", "sh", "-c", "-e", "debug", "attach",
];

/// The program and first word of a text that is one plain command, such as `git pull`; `None` for lists, shells,
/// interpreters, `sudo` and its like, and for commands whose first word is an option. Where the first word names
/// something, such as a file, more words could name others, and the form is the whole command.
pub(crate) fn usual_form(text: &str) -> Option<String> {
    let list = parse(text, 0).ok()?;
    let [pipeline] = list.as_slice() else {
        return None;
    };
    let [command] = pipeline.commands.as_slice() else {
        return None;
    };
    let CommandKind::Simple { assignments, words } = &command.kind else {
        return None;
    };
    let is_literal = |part: &WordPart| matches!(part, WordPart::Bare(_) | WordPart::Quoted(_));
    let is_plain = words.iter().flatten().all(is_literal);
    if !is_plain || !assignments.is_empty() || !command.redirects.is_empty() || pipeline.background
    {
        return None;
    }
    let words: Vec<_> = words
        .iter()
        .map(|word| Argument::unexpanded(word))
        .collect();
    let (program, arguments) = words.split_first()?;
    let name = program.text.as_str();
    let versionless =
        name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let is_runner = is_shell(name)
        || Wrapper::named(name).is_some()
        || INTERPRETERS.contains(&name)
        || INTERPRETERS.contains(&versionless);
    let has_place = name.contains(['/', '~']) || name.contains(is_unknown);
    let first = arguments.first().map(|one| one.text.as_str());
    let is_open = first.is_some_and(|first| first.starts_with('-') || RUNNERS.contains(&first));
    if is_runner || has_place || is_open {
        return None;
    }
    let kept = match first {
        Some(first) if !is_verb(first) => words.len(),
        _ => 2,
    };
    let kept = words.iter().take(kept).map(|word| word.text.as_str());
    Some(kept.collect::<Vec<_>>().join(" "))
}

/// Returns whether a first word says what is done, and not to what.
fn is_verb(word: &str) -> bool {
    let mut letters = word.chars();
    letters.all(|letter| letter.is_ascii_lowercase() || letter == '-')
}

/// The commands of a form as a person reads them: `git pull …` for all that begin so.
pub(crate) fn usual_in_words(form: &str) -> String {
    let is_whole = form.split(' ').nth(1).is_some_and(|first| !is_verb(first));
    format!("`{form}{}`", if is_whole { "" } else { " …" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_commands_have_a_usual_form() {
        for (text, form) in [
            ("git pull", Some("git pull")),
            ("git pull --rebase origin main", Some("git pull")),
            ("systemctl restart nginx", Some("systemctl restart")),
            ("reboot", Some("reboot")),
            ("touch /tmp/a", Some("touch /tmp/a")),
            ("touch /tmp/a /etc/b", Some("touch /tmp/a /etc/b")),
            ("kill 42", Some("kill 42")),
            ("useradd Bob -G wheel", Some("useradd Bob -G wheel")),
            ("git pull; reboot", None),
            ("git pull && rm x", None),
            ("git pull | tee x", None),
            ("git pull > x", None),
            ("git pull &", None),
            ("git pull $(rm x)", None),
            ("git $VERB", None),
            ("X=1 git pull", None),
            ("sudo systemctl restart nginx", None),
            ("sh -c 'git pull'", None),
            ("bash x", None),
            ("python3 x.py", None),
            ("python3.11 x.py", None),
            ("perl -e 1", None),
            ("env git pull", None),
            ("xargs rm", None),
            ("ssh other ls", None),
            ("docker exec web ls", None),
            ("docker run x", None),
            ("kubectl exec x", None),
            ("rm -rf x", None),
            ("tar -xf x", None),
            ("./deploy now", None),
            ("/opt/deploy now", None),
            ("", None),
        ] {
            assert_eq!(usual_form(text).as_deref(), form, "{text}");
        }
    }
}
