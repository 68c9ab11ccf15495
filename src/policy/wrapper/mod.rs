//! Commands that run other commands.

mod container;
mod sandbox;
mod session;
mod shell;
mod supply;
#[path = "../../shell/wrapper.rs"]
mod table;

use super::call::Call;
use super::find::Find;
use super::judge::Input;
use super::options::{self, Grammar};
use super::scope::Mount;
use super::text::{Argument, SOMETHING, assignment, joined, words};
pub(super) use shell::is_input;
pub(super) use supply::TAR;
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
pub(super) struct Inner {
    pub(super) what: What,
    pub(super) shell: Shell,
    /// Whether it is run on everything below its arguments.
    pub(super) recursive: bool,
    /// Whether it reads what its caller would.
    pub(super) reads: bool,
    /// Whether the command does the same itself, so that an allow rule for it is enough.
    pub(super) is_implied: bool,
    /// The directory that it is run in, if that is another one.
    pub(super) directory: Option<Argument>,
    /// Where it sees directories in other places.
    pub(super) mounts: Vec<Mount>,
}

#[derive(Debug)]
pub(super) enum What {
    Words(Vec<Argument>),
    Script {
        text: String,
        /// What `$0` is, and the arguments after it; `None` if it has those of its caller.
        arguments: Option<(Option<String>, Vec<Argument>)>,
    },
}

/// What a call is beside itself.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    pub(super) inner: Vec<Inner>,
    /// Whether it does nothing but run that.
    pub(super) is_transparent: bool,
    /// The variables that it sets for it.
    pub(super) assigned: Vec<(String, String)>,
}

impl Inner {
    fn of(what: What, shell: Shell) -> Self {
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

    fn words(words: &[Argument], shell: Shell) -> Vec<Self> {
        if words.is_empty() {
            return Vec::new();
        }
        vec![Self::of(What::Words(words.to_vec()), shell)]
    }

    /// A script that has the arguments of its caller if it runs in the same shell, else none that are known.
    fn script(text: impl Into<String>, shell: Shell) -> Vec<Self> {
        let arguments = match shell {
            Shell::Same => None,
            Shell::Child | Shell::Elsewhere => Some((None, Vec::new())),
        };
        let text = text.into();
        vec![Self::of(What::Script { text, arguments }, shell)]
    }

    /// A file that is run.
    pub(super) fn of_file(text: &str, file: &Argument, rest: &[Argument]) -> Self {
        let arguments = Some((Some(file.text.clone()), rest.to_vec()));
        let text = text.to_owned();
        Self::of(What::Script { text, arguments }, Shell::Child)
    }

    /// The script that is read, where it is known.
    fn read(input: &Input, shell: Shell) -> Vec<Self> {
        let text = input.text.as_deref();
        let mut inner = text.map_or(Vec::new(), |text| Self::script(text, shell));
        for one in &mut inner {
            one.reads = false;
        }
        inner
    }

    /// The same with these arguments.
    fn given(mut self, zero: Option<&Argument>, rest: &[Argument]) -> Self {
        if let What::Script { arguments, .. } = &mut self.what {
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

/// All of them in another directory.
fn all_at(inner: Vec<Inner>, directory: Option<&Argument>) -> Vec<Inner> {
    inner.into_iter().map(|one| one.at(directory)).collect()
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
        | "tcsh" | "yash" | "posh" | "lksh" => through(shell::shell(arguments, input)),
        "eval" => {
            let dashes = arguments.first().is_some_and(|one| one.text == "--");
            let text = joined(&arguments[usize::from(dashes)..]);
            through(Inner::script(text, Shell::Same))
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
        _ => match WRAPPERS.iter().find(|wrapper| wrapper.is(name)) {
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

/// A wrapper with nothing special about it.
fn plain(wrapper: &Wrapper, call: &Call, input: &Input) -> Unwrapped {
    let (given, rest, assigned) = wrapper.command(call.arguments());
    let mut unwrapped = Unwrapped {
        is_transparent: wrapper.is_transparent,
        assigned,
        ..Unwrapped::default()
    };
    let first = call.arguments().first();
    if first.is_some_and(|first| wrapper.asks.contains(&&*first.text)) {
        return unwrapped;
    }
    let shell = wrapper.shell;
    let script = options::value(&given, wrapper.scripts);
    let inner = match (script, rest) {
        (Some(script), _) => Inner::script(&*script.text, shell),
        // `flock /tmp/lock -c 'script'`.
        (None, [option, script, ..]) if wrapper.is_script(&option.text) => {
            Inner::script(&*script.text, shell)
        }
        (None, []) if wrapper.starts_shell => Inner::read(input, Shell::Child),
        // `sudo su`, and `sudo -s` with nothing after it.
        (None, rest) => Inner::words(rest, shell),
    };
    let directory = wrapper.directory(&given);
    unwrapped.inner = all_at(inner, directory.as_ref());
    // A unit's commands before and after its own.
    let properties = given
        .iter()
        .filter(|one| matches!(&*one.name, "p" | "property"));
    for value in properties.filter_map(|one| one.value.as_ref()) {
        if let Some((_, script)) = value
            .text
            .split_once('=')
            .filter(|(key, _)| key.starts_with("Exec"))
        {
            unwrapped.inner.extend(Inner::script(script, Shell::Child));
        }
    }
    unwrapped
}

fn environment(arguments: &[Argument]) -> Unwrapped {
    const GRAMMAR: Grammar<'static> = Grammar {
        letters: "uCSa",
        long: &["unset", "chdir", "split-string", "argv0"],
    };
    const MOST_SPLITS: usize = 4;
    let mut rest = arguments.to_vec();
    let mut given = Vec::new();
    let mut splits = 0;
    while let Some(after) = options::first(&rest, GRAMMAR, &mut given) {
        // `-S` holds several arguments in one, and options among them.
        let last = given
            .last()
            .filter(|one| matches!(&*one.name, "S" | "split-string"));
        rest = match last.and_then(|one| one.value.as_ref()) {
            Some(text) if splits < MOST_SPLITS => {
                splits += 1;
                let split = [&words(&text.text), after].concat();
                given.pop();
                split
            }
            _ => after.to_vec(),
        };
    }
    if rest.first().is_some_and(|one| one.text == "--") {
        rest.remove(0);
    }
    let mut rest = &rest[..];
    if rest.first().is_some_and(|one| one.text == "-") {
        rest = &rest[1..];
    }
    let mut assigned = Vec::new();
    while let Some((name, value)) = rest.first().and_then(|one| assignment(&one.text)) {
        assigned.push((name.to_owned(), value.to_owned()));
        rest = &rest[1..];
    }
    let directory = options::value(&given, &["C", "chdir"]);
    Unwrapped {
        inner: all_at(Inner::words(rest, Shell::Child), directory),
        is_transparent: true,
        assigned,
    }
}

fn find(arguments: &[Argument]) -> Vec<Inner> {
    let runs = Find::of(arguments).runs().into_iter();
    runs.filter(|(words, _)| !words.is_empty())
        .map(|(words, recursive)| Inner {
            recursive,
            reads: false,
            ..Inner::of(What::Words(words), Shell::Child)
        })
        .collect()
}

/// A directory of which nothing is known.
fn somewhere() -> Argument {
    Argument::of(SOMETHING)
}
