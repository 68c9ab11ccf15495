//! Commands that run the command behind them, and the meaning of their arguments.
//!
//! | module | what it is |
//! |---|---|
//! | `table` | the wrappers that differ only in their options |
//! | `env`, `shell` | `env` and the shells, which read their arguments in ways of their own |

mod env;
mod shell;
mod table;

use std::borrow::Cow;

use super::argument::{Argument, SOMETHING, assignment};
use super::options::{self, OptionSpec, ParsedOption};

pub(crate) use env::EnvCall;
pub(crate) use shell::{ShellCall, is_shell, is_standard_input};
pub(crate) use table::CONTAINER_OPTIONS;

use table::WRAPPERS;

/// The shell that runs a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunsIn {
    Same,
    /// A shell that knows the variables of this one.
    Child,
    /// A shell on another machine or in another file system.
    Elsewhere,
}

/// A program that runs a command and differs from others only in its options.
pub(crate) struct Wrapper {
    names: &'static [&'static str],
    /// Options that take a value.
    spec: OptionSpec<'static>,
    /// Operands before the command.
    operands: usize,
    /// Words that may stand before the command.
    verbs: &'static [&'static str],
    /// True if `NAME=value` may stand before the command.
    assigns: bool,
    /// True if it does nothing but run the command.
    pub(crate) is_transparent: bool,
    pub(crate) runs_in: RunsIn,
    /// Options with which it only prints something.
    asks: &'static [&'static str],
    /// True if it starts a shell when no command is named.
    pub(crate) starts_shell: bool,
    /// Options whose value is a script.
    scripts: &'static [&'static str],
    /// Options whose value is the directory in which the command is run.
    goes: &'static [&'static str],
    /// Options with which the command runs in the working directory.
    stays: &'static [&'static str],
    /// The directory in which the command runs without such options; empty if that is not known.
    start: Option<&'static str>,
}

impl Wrapper {
    /// The wrapper whose program has this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        WRAPPERS
            .iter()
            .find(|wrapper| wrapper.names.contains(&name))
    }

    /// Returns whether it only prints something, and runs nothing.
    pub(crate) fn only_asks(&self, arguments: &[Argument]) -> bool {
        let first = arguments.first();
        first.is_some_and(|first| self.asks.contains(&&*first.text))
    }

    /// The call that has these arguments.
    pub(crate) fn call<'a>(&self, arguments: &'a [Argument]) -> WrapperCall<'a> {
        let (mut options, mut rest) = options::leading(arguments, self.spec);
        let mut assigned = Vec::new();
        let mut operands = self.operands;
        while let Some(first) = rest.first() {
            if let Some((name, value)) = assignment(&first.text).filter(|_| self.assigns) {
                assigned.push((name.to_owned(), value.to_owned()));
            } else if operands > 0 {
                operands -= 1;
            } else if self.verbs.contains(&&*first.text) {
                // Its own options follow.
                let (more, after) = options::leading(&rest[1..], self.spec);
                options.extend(more);
                rest = after;
                continue;
            } else {
                break;
            }
            rest = &rest[1..];
        }
        WrapperCall {
            options,
            assigned,
            command: rest,
        }
    }

    /// The script that a call runs in place of a command.
    pub(crate) fn script<'a>(&self, call: &'a WrapperCall<'_>) -> Option<&'a Argument> {
        let own = options::value(&call.options, self.scripts);
        own.or_else(|| match call.command {
            // `flock /tmp/lock -c 'script'`.
            [option, script, ..] if self.is_script(&option.text) => Some(script),
            _ => None,
        })
    }

    /// Returns whether the argument after this one is a script.
    fn is_script(&self, option: &str) -> bool {
        let name = option
            .strip_prefix("--")
            .or_else(|| option.strip_prefix('-'));
        name.filter(|name| !name.is_empty()).is_some_and(|name| {
            self.scripts.iter().any(|one| {
                if option.starts_with("--") {
                    one.len() > 1 && one.starts_with(name)
                } else {
                    *one == name
                }
            })
        })
    }

    /// The directory in which the command is run, if it is another one.
    pub(crate) fn directory(&self, given: &[ParsedOption]) -> Option<Argument> {
        let mut named = given.iter().filter(|one| self.goes.contains(&&*one.name));
        let named = named.find_map(|one| {
            let value = one.value.as_ref()?;
            match &*one.name {
                "p" | "property" if self.start.is_some() => {
                    let path = value.text.strip_prefix("WorkingDirectory=")?;
                    Some(Argument::of(path))
                }
                // A new root is where it starts.
                "R" | "root" | "chroot" => Some(Argument::of("/")),
                _ => Some(value.clone()),
            }
        });
        let start = || match self.start {
            Some("") => Some(Argument::of(SOMETHING)),
            Some(start) => Some(Argument::of(start)),
            None => None,
        };
        let stays = options::has(given, self.stays);
        named.or_else(|| start().filter(|_| !stays))
    }
}

/// A call of a wrapper.
pub(crate) struct WrapperCall<'a> {
    pub(crate) options: Vec<ParsedOption>,
    /// The variables that are set for the command.
    pub(crate) assigned: Vec<(String, String)>,
    pub(crate) command: &'a [Argument],
}

/// The command that a wrapper runs.
pub(crate) enum Wrapped<'a> {
    Words(Cow<'a, [Argument]>),
    Script(Cow<'a, str>),
}

/// The command that these words run if their program is a wrapper or a shell.
pub(crate) fn wrapped(words: &[Argument]) -> Option<Wrapped<'_>> {
    let (program, arguments) = words.split_first()?;
    match program.base_name() {
        "env" => Some(Wrapped::Words(EnvCall::of(arguments).command.into())),
        name if is_shell(name) => match ShellCall::of(arguments) {
            ShellCall::Script(script, ..) => Some(Wrapped::Script(script)),
            ShellCall::Input(_) | ShellCall::File(..) => None,
        },
        name => {
            let wrapper = Wrapper::named(name).filter(|one| !one.only_asks(arguments))?;
            let call = wrapper.call(arguments);
            Some(match wrapper.script(&call) {
                Some(script) => Wrapped::Script(script.text.clone().into()),
                None => Wrapped::Words(call.command.into()),
            })
        }
    }
}

/// The words without the plain wrappers before the command.
pub(crate) fn stripped(mut words: &[Argument]) -> &[Argument] {
    while let Some((program, rest)) = words.split_first() {
        match Wrapper::named(&program.text) {
            Some(wrapper) => words = wrapper.call(rest).command,
            None => break,
        }
    }
    words
}
