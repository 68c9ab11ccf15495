//! Commands that run other commands, such as `sudo`, `xargs` and `ssh`, and the commands that they run.

mod container;
mod sandbox;
mod session;
mod shell;
mod supply;

use super::call::ProgramCall;
use super::find::Find;
use super::judge::CommandInput;
use super::mount::Mount;
use crate::shell::argument::{Argument, joined, words};
use crate::shell::options;
use crate::shell::wrapper::{EnvCall, RunsIn, Wrapper, is_shell};
pub(super) use supply::TAR;

/// A command or script that a command runs.
#[derive(Debug)]
pub(super) struct InnerCommand {
    pub(super) what: InnerText,
    pub(super) shell: RunsIn,
    /// True if it is run on everything below its arguments.
    pub(super) recursive: bool,
    /// True if its standard input is that of its caller.
    pub(super) reads: bool,
    /// True if an allow rule for the outer command covers it.
    pub(super) is_implied: bool,
    /// The directory that it is run in, if that is another one.
    pub(super) directory: Option<Argument>,
    /// The directories that it sees in other places.
    pub(super) mounts: Vec<Mount>,
}

#[derive(Debug)]
pub(super) enum InnerText {
    Words(Vec<Argument>),
    Script {
        text: String,
        /// `$0` and the arguments after it; `None` for those of the caller.
        arguments: Option<(Option<String>, Vec<Argument>)>,
    },
}

/// The commands and scripts that a call runs.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    pub(super) inner: Vec<InnerCommand>,
    /// True if the call does nothing but run them.
    pub(super) is_transparent: bool,
    /// The variables that are set for them.
    pub(super) assigned: Vec<(String, String)>,
}

impl InnerCommand {
    fn of(what: InnerText, shell: RunsIn) -> Self {
        Self {
            what,
            shell,
            recursive: false,
            reads: true,
            is_implied: false,
            directory: None,
            mounts: Vec::new(),
        }
    }

    fn words(words: &[Argument], shell: RunsIn) -> Vec<Self> {
        if words.is_empty() {
            return Vec::new();
        }
        vec![Self::of(InnerText::Words(words.to_vec()), shell)]
    }

    /// A script that has the arguments of its caller if it runs in the same shell, else none that are known.
    fn script(text: impl Into<String>, shell: RunsIn) -> Vec<Self> {
        let arguments = match shell {
            RunsIn::Same => None,
            RunsIn::Child | RunsIn::Elsewhere => Some((None, Vec::new())),
        };
        let text = text.into();
        vec![Self::of(InnerText::Script { text, arguments }, shell)]
    }

    /// A file that is run.
    pub(super) fn of_file(text: &str, file: &Argument, rest: &[Argument]) -> Self {
        let arguments = Some((Some(file.text.clone()), rest.to_vec()));
        let text = text.to_owned();
        Self::of(InnerText::Script { text, arguments }, RunsIn::Child)
    }

    /// The script on standard input, where it is known.
    fn read(input: &CommandInput, shell: RunsIn) -> Vec<Self> {
        let text = input.text.as_deref();
        let mut inner = text.map_or(Vec::new(), |text| Self::script(text, shell));
        for one in &mut inner {
            one.reads = false;
        }
        inner
    }

    /// The same with these arguments.
    fn given(mut self, zero: Option<&Argument>, rest: &[Argument]) -> Self {
        if let InnerText::Script { arguments, .. } = &mut self.what {
            *arguments = Some((zero.map(|zero| zero.text.clone()), rest.to_vec()));
        }
        self
    }

    /// The same in another directory.
    fn at(mut self, directory: Option<&Argument>) -> Self {
        if directory.is_some() {
            self.directory = directory.cloned();
        }
        self
    }
}

/// The same commands in another directory.
fn all_at(inner: Vec<InnerCommand>, directory: Option<&Argument>) -> Vec<InnerCommand> {
    inner.into_iter().map(|one| one.at(directory)).collect()
}

/// Finds the commands and scripts that the call of a program of this name runs.
pub(super) fn unwrap(name: &str, call: &ProgramCall, input: &CommandInput) -> Unwrapped {
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
        name if is_shell(name) => through(shell::shell(arguments, input)),
        "eval" => {
            let dashes = arguments.first().is_some_and(|one| one.text == "--");
            let text = joined(&arguments[usize::from(dashes)..]);
            through(InnerCommand::script(text, RunsIn::Same))
        }
        "." | "source" => through(shell::source(arguments, input)),
        "trap" => through(shell::trap(arguments)),
        "su" => through(shell::su(arguments, input)),
        "runuser" if call.options().all(|one| !is_user(&one)) => {
            through(shell::su(arguments, input))
        }
        "sg" => seen(shell::sg(arguments)),
        "ssh" | "dbclient" | "autossh" | "rsh" => seen(shell::ssh(arguments, input)),
        "at" | "batch" => seen(shell::later(arguments, input)),
        "watch" => {
            let (_, rest) = options::leading(arguments, session::WATCH);
            through(InnerCommand::script(joined(rest), RunsIn::Child))
        }
        "env" => through_env(EnvCall::of(arguments)),
        "find" => seen(find(arguments)),
        // It joins its arguments and reads them as words of its own.
        "nft" if arguments.iter().any(|one| one.text.contains(' ')) => {
            let words = [&call.words[..1], &words(&joined(arguments))].concat();
            seen(InnerCommand::words(&words, RunsIn::Child))
        }
        "xargs" => seen(supply::xargs(arguments, input)),
        "parallel" | "env_parallel" | "sem" => seen(supply::parallel(arguments, input)),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" => {
            seen(container::container(arguments))
        }
        "kubectl" | "oc" | "lxc" | "incus" | "crictl" => seen(container::behind_dashes(arguments)),
        "screen" => seen(session::screen(arguments)),
        "tmux" => seen(session::tmux(arguments)),
        "script" => seen(session::script(arguments)),
        "gdb" => seen(session::gdb(arguments)),
        "hyperfine" => seen(session::hyperfine(arguments)),
        "ansible" => seen(session::ansible(arguments)),
        "git" => seen(supply::git(arguments)),
        "tar" | "gtar" | "bsdtar" => seen(supply::tar(arguments)),
        "bwrap" => seen(sandbox::bubblewrap(arguments)),
        "capsh" => seen(sandbox::capabilities(arguments, input)),
        "start-stop-daemon" => seen(sandbox::daemon(arguments)),
        _ => match Wrapper::named(name) {
            Some(wrapper) => plain(wrapper, call, input),
            None => Unwrapped::default(),
        },
    }
}

fn is_user(option: &str) -> bool {
    let long = option.strip_prefix("--").map(|long| long.split('=').next());
    match long.flatten() {
        Some(long) => !long.is_empty() && "user".starts_with(long),
        None => option.starts_with("-u"),
    }
}

/// The call of a wrapper of the table.
fn plain(wrapper: &Wrapper, call: &ProgramCall, input: &CommandInput) -> Unwrapped {
    let arguments = call.arguments();
    let call = wrapper.call(arguments);
    let shell = wrapper.runs_in;
    let inner = match (wrapper.script(&call), call.command) {
        (Some(script), _) => InnerCommand::script(&*script.text, shell),
        (None, []) if wrapper.starts_shell => InnerCommand::read(input, RunsIn::Child),
        // `sudo su`, and `sudo -s` with nothing after it.
        (None, rest) => InnerCommand::words(rest, shell),
    };
    let directory = wrapper.directory(&call.options);
    let mut unwrapped = Unwrapped {
        inner: all_at(inner, directory.as_ref()),
        is_transparent: wrapper.is_transparent,
        assigned: call.assigned,
    };
    if wrapper.only_asks(arguments) {
        unwrapped.inner.clear();
        return unwrapped;
    }
    // A unit's commands before and after its own.
    let properties = call
        .options
        .iter()
        .filter(|one| matches!(&*one.name, "p" | "property"));
    for value in properties.filter_map(|one| one.value.as_ref()) {
        if let Some((_, script)) = value
            .text
            .split_once('=')
            .filter(|(key, _)| key.starts_with("Exec"))
        {
            unwrapped
                .inner
                .extend(InnerCommand::script(script, RunsIn::Child));
        }
    }
    unwrapped
}

fn through_env(call: EnvCall) -> Unwrapped {
    Unwrapped {
        inner: all_at(
            InnerCommand::words(&call.command, RunsIn::Child),
            call.directory.as_ref(),
        ),
        is_transparent: true,
        assigned: call.assigned,
    }
}

fn find(arguments: &[Argument]) -> Vec<InnerCommand> {
    let runs = Find::of(arguments).runs().into_iter();
    runs.filter(|(words, _)| !words.is_empty())
        .map(|(words, recursive)| InnerCommand {
            recursive,
            reads: false,
            ..InnerCommand::of(InnerText::Words(words), RunsIn::Child)
        })
        .collect()
}
