//! Commands that run others at terminals of their own, or from within other programs.

use super::{InnerCommand, RunsIn};
use crate::shell::argument::{Argument, joined, words};
use crate::shell::options::{self, OptionSpec};

pub(super) const WATCH: OptionSpec<'static> = OptionSpec {
    letters: "nq",
    long: &["interval", "equexit"],
};

/// tmux's commands that run a shell's, each with its options that take a value.
const TMUX: &[(&str, &str)] = &[
    ("new-session", "ceFfnstxy"),
    ("new-window", "ceFnt"),
    ("neww", "ceFnt"),
    ("split-window", "ceFlpt"),
    ("splitw", "ceFlpt"),
    ("respawn-pane", "cet"),
    ("respawn-window", "cet"),
    ("respawnp", "cet"),
    ("respawnw", "cet"),
    ("run-shell", "cdt"),
    ("if-shell", "t"),
    ("display-popup", "bcdehsStTwxy"),
    ("pipe-pane", "t"),
    ("send-keys", "cNt"),
];

pub(super) fn screen(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "cehpsStT",
        long: &[],
    };
    let Some(place) = arguments.iter().position(|one| one.text == "-X") else {
        let (_, rest) = options::leading(arguments, OPTIONS);
        return InnerCommand::words(rest, RunsIn::Child);
    };
    match arguments[place + 1..].split_first() {
        Some((verb, rest)) if verb.text == "stuff" => typed(rest),
        Some((verb, rest)) if matches!(&*verb.text, "exec" | "screen") => {
            InnerCommand::words(rest, RunsIn::Child)
        }
        _ => Vec::new(),
    }
}

/// The text that these keys type into a shell.
fn typed(keys: &[Argument]) -> Vec<InnerCommand> {
    let texts = keys.iter().map(|key| match &*key.text {
        "Enter" | "C-m" | "C-j" | "KPEnter" => "\n".to_owned(),
        "Space" => " ".to_owned(),
        text => text
            .replace("^M", "\n")
            .replace("\\r", "\n")
            .replace("\\n", "\n"),
    });
    let text: String = texts.collect();
    // A text without a final Enter may be run by a later one.
    let is_key = |text: &str| text.len() == 3 && text.starts_with("C-");
    if keys.iter().all(|key| is_key(&key.text)) {
        return Vec::new();
    }
    InnerCommand::script(text, RunsIn::Elsewhere)
}

pub(super) fn tmux(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "cfLST",
        long: &[],
    };
    let (given, rest) = options::leading(arguments, OPTIONS);
    let mut inner = match options::value(&given, &["c"]) {
        Some(script) => InnerCommand::script(&*script.text, RunsIn::Child),
        None => Vec::new(),
    };
    for command in rest.split(|one| one.text == ";") {
        let Some((verb, rest)) = command.split_first() else {
            continue;
        };
        // tmux takes abbreviations of its commands.
        let known = TMUX
            .iter()
            .find(|(name, _)| !verb.text.is_empty() && name.starts_with(&verb.text));
        let Some((name, letters)) = known else {
            continue;
        };
        let (given, rest) = options::leading(rest, OptionSpec { letters, long: &[] });
        let directory = options::value(&given, &["c", "d"]);
        let runs = match rest {
            [] => Vec::new(),
            keys if *name == "send-keys" => typed(keys),
            [script] => InnerCommand::script(&*script.text, RunsIn::Child),
            [first, second, ..] if *name == "if-shell" => {
                let mut runs = InnerCommand::script(&*first.text, RunsIn::Child);
                let own = [&[Argument::of("tmux")][..], &words(&second.text)].concat();
                runs.extend(InnerCommand::words(&own, RunsIn::Child));
                runs
            }
            words => InnerCommand::words(words, RunsIn::Child),
        };
        inner.extend(super::all_at(runs, directory));
    }
    inner
}

/// `script -c 'command' file`, and `script file command …`.
pub(super) fn script(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "cEmoBIOTt?",
        long: &[
            "command",
            "echo",
            "logging-format",
            "output-limit",
            "log-io",
            "log-in",
            "log-out",
            "log-timing",
        ],
    };
    let (given, operands) = options::everywhere(arguments, OPTIONS);
    if let Some(script) = options::value(&given, &["c", "command"]) {
        return InnerCommand::script(&*script.text, RunsIn::Child);
    }
    let (_, rest) = options::leading(arguments, OPTIONS);
    let rest = if operands.len() > 1 { rest } else { &[] };
    match rest.get(1..) {
        Some([dashes, words @ ..]) if dashes.text == "--" => {
            InnerCommand::words(words, RunsIn::Child)
        }
        words => InnerCommand::words(words.unwrap_or_default(), RunsIn::Child),
    }
}

/// `gdb --args program …`, and commands of gdb that start a shell.
pub(super) fn gdb(arguments: &[Argument]) -> Vec<InnerCommand> {
    let mut inner = Vec::new();
    let mut rest = arguments.iter().enumerate();
    while let Some((at, argument)) = rest.next() {
        let text = argument.text.trim_start_matches('-');
        let (name, own) = text.split_once('=').unwrap_or((text, ""));
        match name {
            _ if !argument.is_option() => {}
            "args" => {
                inner.extend(InnerCommand::words(&arguments[at + 1..], RunsIn::Child));
                break;
            }
            "ex" | "iex" | "eval-command" | "init-eval-command" => {
                let value = match own {
                    "" => rest.next().map_or("", |(_, one)| &one.text),
                    own => own,
                };
                let script = value
                    .strip_prefix('!')
                    .or_else(|| value.strip_prefix("shell "));
                if let Some(script) = script {
                    inner.extend(InnerCommand::script(script, RunsIn::Child));
                }
            }
            _ => {}
        }
    }
    inner
}

/// Every operand is a script.
pub(super) fn hyperfine(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "wmMrspcSPLDunN?",
        long: &[
            "warmup", "min-runs", "max-runs", "runs", "prepare", "setup", "cleanup", "shell",
        ],
    };
    let (given, operands) = options::everywhere(arguments, OPTIONS);
    let asides = given
        .iter()
        .filter(|one| {
            matches!(
                &*one.name,
                "p" | "s" | "c" | "prepare" | "setup" | "cleanup"
            )
        })
        .filter_map(|one| one.value.as_ref());
    let scripts = operands.iter().chain(asides);
    scripts
        .flat_map(|one| InnerCommand::script(&*one.text, RunsIn::Child))
        .collect()
}

/// `ansible hosts -m shell -a 'command'`.
pub(super) fn ansible(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "amiulefMtBPc",
        long: &[
            "args",
            "module-name",
            "inventory",
            "user",
            "limit",
            "extra-vars",
            "forks",
        ],
    };
    let (given, _) = options::everywhere(arguments, OPTIONS);
    let module = options::value(&given, &["m", "module-name"]);
    let runs = |name: &str| matches!(name.rsplit('.').next(), Some("shell" | "command" | "raw"));
    if !module.is_none_or(|module| runs(&module.text)) {
        return Vec::new();
    }
    match options::value(&given, &["a", "args"]) {
        Some(script) => {
            InnerCommand::script(joined(std::slice::from_ref(script)), RunsIn::Elsewhere)
        }
        None => Vec::new(),
    }
}
