//! Commands that run other commands.

mod container;
mod shell;
mod supply;
mod table;

use std::rc::Rc;

use super::call::Call;
use super::find::Find;
use super::judge::Input;
use super::text::{Argument, assignment, joined, words};
pub(super) use table::stripped;
use table::{WRAPPERS, Wrapper};

/// In which shell something is run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shell {
    Same,
    /// One that knows what this one knows.
    Child,
    /// On another machine or in another file system.
    Elsewhere,
}

/// What a command runs.
#[derive(Debug)]
pub(super) enum Inner {
    Words {
        words: Vec<Argument>,
        shell: Shell,
        /// Whether it is run on everything below its arguments.
        recursive: bool,
        /// Whether it reads what its caller would.
        reads: bool,
    },
    Script {
        text: String,
        shell: Shell,
        positional: Option<Rc<[Argument]>>,
    },
}

/// What a call is beside itself.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    pub(super) inner: Vec<Inner>,
    /// Whether it does nothing but run that.
    pub(super) is_transparent: bool,
    /// The variables that it sets for it.
    pub(super) assigned: Vec<String>,
}

impl Inner {
    fn words(words: &[Argument], shell: Shell) -> Vec<Self> {
        if words.is_empty() {
            return Vec::new();
        }
        vec![Self::Words {
            words: words.to_vec(),
            shell,
            recursive: false,
            reads: true,
        }]
    }

    fn script(text: impl Into<String>, shell: Shell) -> Vec<Self> {
        vec![Self::Script {
            text: text.into(),
            shell,
            positional: None,
        }]
    }

    /// The script that is read, where it is known.
    fn read(input: &Input, shell: Shell) -> Vec<Self> {
        match &input.text {
            Some(text) => Self::script(&**text, shell),
            None => Vec::new(),
        }
    }
}

/// What the call of a program of this name runs.
pub(super) fn unwrap(name: &str, call: &Call, input: &Input) -> Unwrapped {
    let arguments = call.arguments();
    let seen = |inner| Unwrapped {
        inner,
        ..Unwrapped::default()
    };
    let through = |inner| Unwrapped {
        inner,
        is_transparent: true,
        ..Unwrapped::default()
    };
    match name {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "mksh" | "ash" | "rbash" | "fish" | "csh"
        | "tcsh" => through(shell::shell(arguments, input)),
        "eval" => through(Inner::script(joined(arguments), Shell::Same)),
        "." | "source" => through(shell::source(arguments, input)),
        "trap" => through(shell::trap(arguments)),
        "su" => through(shell::su(arguments, input)),
        "runuser" if call.options().all(|one| !one.starts_with("-u")) => {
            through(shell::su(arguments, input))
        }
        "ssh" => seen(shell::ssh(arguments, input)),
        "at" | "batch" => seen(Inner::read(input, Shell::Child)),
        "watch" => {
            let (rest, _) = table::past_options(arguments, "n", &["interval"]);
            through(Inner::script(joined(rest), Shell::Child))
        }
        "env" => environment(arguments),
        "find" => seen(find(arguments)),
        // It joins its arguments and reads them as words of its own.
        "nft" if arguments.iter().any(|one| one.text.contains(' ')) => {
            let words = [&call.words[..1], &words(&joined(arguments))].concat();
            seen(Inner::words(&words, Shell::Child))
        }
        "xargs" => seen(supply::xargs(arguments, input)),
        "parallel" => seen(supply::parallel(arguments)),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" => {
            seen(container::container(arguments))
        }
        "kubectl" | "oc" | "lxc" | "incus" => seen(container::behind_dashes(arguments)),
        _ => match WRAPPERS.iter().find(|wrapper| wrapper.name == name) {
            Some(wrapper) => plain(wrapper, call, input),
            None => Unwrapped::default(),
        },
    }
}

/// A wrapper with nothing special about it.
fn plain(wrapper: &Wrapper, call: &Call, input: &Input) -> Unwrapped {
    let asks = |option: &str| wrapper.asks.contains(&option);
    let (rest, assigned) = wrapper.command(call.arguments());
    let mut unwrapped = Unwrapped {
        is_transparent: wrapper.is_transparent,
        assigned,
        ..Unwrapped::default()
    };
    if call
        .arguments()
        .first()
        .is_some_and(|first| asks(&first.text))
    {
        return unwrapped;
    }
    let shell = wrapper.shell;
    unwrapped.inner = match rest {
        [option, script, ..] if wrapper.name == "flock" && option.text == "-c" => {
            Inner::script(&*script.text, shell)
        }
        [] if wrapper.starts_shell => Inner::read(input, Shell::Child),
        // `sudo su`, and `sudo -s` with nothing after it.
        rest => Inner::words(rest, shell),
    };
    unwrapped
}

fn environment(arguments: &[Argument]) -> Unwrapped {
    let mut arguments = arguments.to_vec();
    // `-S` holds several arguments in one.
    let split = arguments
        .iter()
        .position(|one| one.text.starts_with("-S") || one.text.starts_with("--split-string"));
    if let Some(at) = split {
        let option = arguments.remove(at).text;
        let text = match option.as_str() {
            "-S" | "--split-string" if at < arguments.len() => arguments.remove(at).text,
            _ => option
                .trim_start_matches("--split-string=")
                .trim_start_matches("-S")
                .to_owned(),
        };
        arguments.splice(at..at, words(&text));
    }
    let (mut rest, _) = table::past_options(&arguments, "uC", &["unset", "chdir"]);
    let mut assigned = Vec::new();
    while let Some((name, _)) = rest.first().and_then(|one| assignment(&one.text)) {
        assigned.push(name.to_owned());
        rest = &rest[1..];
    }
    Unwrapped {
        inner: Inner::words(rest, Shell::Child),
        is_transparent: true,
        assigned,
    }
}

fn find(arguments: &[Argument]) -> Vec<Inner> {
    let runs = Find::of(arguments).runs().into_iter();
    runs.filter(|(words, _)| !words.is_empty())
        .map(|(words, recursive)| Inner::Words {
            words,
            shell: Shell::Child,
            recursive,
            reads: false,
        })
        .collect()
}
