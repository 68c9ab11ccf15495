//! Commands that print until they are stopped.

use super::MAX_DEPTH;
use super::argument::Argument;
use super::options::{self, OptionSpec, ParsedOption};
use super::parse::parse;
use super::syntax::{
    CommandKind, CommandList, Join, Pipeline, ShellCommand, Word, and_or_lists, runs_commands,
};
use super::wrapper::{CONTAINER_OPTIONS, Wrapped, wrapped};

/// Commands that prepare those after them, and are done at once.
const PREPARATIONS: &[&str] = &[
    "cd", "pushd", "export", "readonly", "declare", "typeset", "local", "unset", "set", "shopt",
    "setopt", "source", ".", "alias", "umask", "ulimit", "true", ":", "pwd", "echo", "printf",
    "test", "[",
];

/// Wrappers that end before their command does, or end it.
const BOUNDED: &[&str] = &["timeout", "gtimeout", "systemd-run", "dtach", "openvt"];

const TAIL: OptionSpec<'static> = OptionSpec {
    letters: "ncs",
    long: &[
        "lines",
        "bytes",
        "sleep-interval",
        "max-unchanged-stats",
        "pid",
        "!follow",
        "!retry",
    ],
};
const JOURNALCTL: OptionSpec<'static> = OptionSpec {
    letters: "ucgpStUDMoF",
    long: &[
        "unit",
        "user-unit",
        "identifier",
        "priority",
        "since",
        "until",
        "directory",
        "machine",
        "output",
        "grep",
        "cursor",
        "facility",
        "!follow",
    ],
};
const CRICTL: OptionSpec<'static> = OptionSpec {
    letters: "crit",
    long: &["config", "runtime-endpoint", "image-endpoint", "timeout"],
};
const CONTAINER_LOGS: OptionSpec<'static> = OptionSpec {
    letters: "n",
    long: &["tail", "since", "until"],
};
const CONTAINER_EVENTS: OptionSpec<'static> = OptionSpec {
    letters: "f",
    long: &["filter", "format", "since", "until"],
};
const KUBECTL: OptionSpec<'static> = OptionSpec {
    letters: "nsv",
    long: &[
        "namespace",
        "context",
        "cluster",
        "kubeconfig",
        "server",
        "token",
        "user",
        "as",
        "request-timeout",
    ],
};
const KUBECTL_LOGS: OptionSpec<'static> = OptionSpec {
    letters: "clns",
    long: &[
        "container",
        "selector",
        "namespace",
        "tail",
        "since",
        "since-time",
        "context",
    ],
};
const KUBECTL_GET: OptionSpec<'static> = OptionSpec {
    letters: "fklnoL",
    long: &[
        "filename",
        "kustomize",
        "selector",
        "namespace",
        "output",
        "context",
    ],
};

/// The effect of a command where all goes well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is done at once.
    Prepares,
    /// It ends its shell.
    Exits,
    /// It prints until it is stopped.
    Streams,
    /// Anything else.
    Works,
}

/// Returns whether a text would go on until it is stopped, such as `tail -f`, and only prepares that before.
pub(crate) fn is_streaming(text: &str) -> bool {
    of_text(text, 0) == Effect::Streams
}

/// Returns whether a command that lies `depth` deep in others is done at once.
pub(super) fn prepares(command: &ShellCommand, depth: usize) -> bool {
    of_command(command, depth) == Effect::Prepares
}

fn of_text(text: &str, depth: usize) -> Effect {
    parse(text, depth).map_or(Effect::Works, |list| of_list(&list, depth))
}

fn of_list(list: &CommandList, depth: usize) -> Effect {
    for pipelines in and_or_lists(list) {
        if pipelines.last().is_some_and(|last| last.background) {
            return Effect::Works;
        }
        for pipeline in pipelines {
            // The command after `||` is not run if all goes well.
            let is_run = pipeline.join != Join::Or;
            match of_pipeline(pipeline, depth) {
                Effect::Prepares => {}
                Effect::Exits if !is_run => {}
                effect if is_run => return effect,
                _ => return Effect::Works,
            }
        }
    }
    Effect::Prepares
}

fn of_pipeline(pipeline: &Pipeline, depth: usize) -> Effect {
    match &pipeline.commands[..] {
        [command] => of_command(command, depth),
        [first, ..] if of_command(first, depth) == Effect::Streams => Effect::Streams,
        _ => Effect::Works,
    }
}

fn of_command(command: &ShellCommand, depth: usize) -> Effect {
    let effect = match &command.kind {
        CommandKind::Simple { words, .. } => {
            let words: Vec<_> = words
                .iter()
                .map(|word| Argument::unexpanded(word))
                .collect();
            of_words(&words, depth)
        }
        CommandKind::Group(list) => of_list(list, depth),
        CommandKind::Subshell(list) => of_child(of_list(list, depth)),
        CommandKind::Function(..) | CommandKind::Test(_) | CommandKind::Arithmetic(_) => {
            Effect::Prepares
        }
        CommandKind::If(..)
        | CommandKind::While(..)
        | CommandKind::For(..)
        | CommandKind::Case(..) => Effect::Works,
    };
    let is_prompt = effect == Effect::Prepares;
    if is_prompt && words_of(command).any(|word| runs_commands(word)) {
        return Effect::Works;
    }
    effect
}

/// The words whose values the command needs.
fn words_of(command: &ShellCommand) -> impl Iterator<Item = &Word> {
    let (assignments, words, number) = match &command.kind {
        CommandKind::Simple { assignments, words } => (&assignments[..], &words[..], None),
        CommandKind::Test(words) => (&[][..], &words[..], None),
        CommandKind::Arithmetic(word) => (&[][..], &[][..], Some(word)),
        _ => (&[][..], &[][..], None),
    };
    let assigned = assignments.iter().map(|assignment| &assignment.value);
    let redirected = command.redirects.iter().map(|redirect| &redirect.word);
    words.iter().chain(number).chain(assigned).chain(redirected)
}

/// The effect of a shell that is another process.
fn of_child(effect: Effect) -> Effect {
    match effect {
        Effect::Exits => Effect::Prepares,
        effect => effect,
    }
}

fn of_words(words: &[Argument], depth: usize) -> Effect {
    let Some((program, arguments)) = words.split_first() else {
        return Effect::Prepares;
    };
    match program.base_name() {
        // It only redirects.
        "exec" if arguments.is_empty() => return Effect::Prepares,
        "exit" | "return" => return Effect::Exits,
        name if PREPARATIONS.contains(&name) => return Effect::Prepares,
        name if streams(name, arguments) => return Effect::Streams,
        name if BOUNDED.contains(&name) || depth >= MAX_DEPTH => return Effect::Works,
        _ => {}
    }
    match wrapped(words) {
        Some(Wrapped::Script(text)) => of_child(of_text(&text, depth + 1)),
        Some(Wrapped::Words(words)) if !words.is_empty() => of_words(&words, depth + 1),
        _ => Effect::Works,
    }
}

fn streams(program: &str, arguments: &[Argument]) -> bool {
    let has = |spec: OptionSpec<'_>, names: &[&str]| options::is_on(&all(arguments, spec), names);
    let letters = |letters| OptionSpec { letters, long: &[] };
    match program {
        "tail" => {
            let given = all(arguments, TAIL);
            // With `--pid` it ends with that process.
            options::is_on(&given, &["f", "F", "follow", "retry"])
                && !options::has(&given, &["pid"])
        }
        "journalctl" => has(JOURNALCTL, &["f", "follow"]),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" => {
            containers(arguments)
        }
        "crictl" => match subcommand(arguments, CRICTL) {
            Some(("logs", rest)) => follows(rest, CONTAINER_LOGS),
            Some(("stats", rest)) => options::is_on(&all(rest, letters("")), &["w", "watch"]),
            _ => false,
        },
        "kubectl" | "oc" | "k3s" => kubectl(arguments),
        "pm2" => match subcommand(arguments, letters("")) {
            Some(("logs" | "log", rest)) => !options::is_on(&all(rest, letters("")), &["nostream"]),
            Some(("monit", _)) => true,
            _ => false,
        },
        "dmesg" => has(letters("DFflns"), &["w", "W", "follow", "follow-new"]),
        "ping" | "ping6" => {
            let counts = ["c", "w", "count", "deadline"];
            !arguments.is_empty() && !has(letters("FIMQSTWilmpstcw"), &counts)
        }
        "top" => {
            let ends = ["n", "l", "h", "v", "iterations", "version", "help"];
            !has(letters("Edopsu"), &ends)
        }
        "iotop" => !has(letters("dpu"), &["n", "h", "iter", "version", "help"]),
        "watch" | "htop" | "atop" | "iftop" => true,
        _ => false,
    }
}

fn all(arguments: &[Argument], spec: OptionSpec<'_>) -> Vec<ParsedOption> {
    options::everywhere(arguments, spec).0
}

fn follows(arguments: &[Argument], spec: OptionSpec<'_>) -> bool {
    options::is_on(&all(arguments, spec), &["f", "follow"])
}

/// The subcommand behind a program's own options, and its arguments.
fn subcommand<'a>(
    arguments: &'a [Argument],
    spec: OptionSpec<'_>,
) -> Option<(&'a str, &'a [Argument])> {
    let (_, rest) = options::leading(arguments, spec);
    let (name, rest) = rest.split_first()?;
    Some((&name.text, rest))
}

fn containers(mut arguments: &[Argument]) -> bool {
    while let Some((name, rest)) = subcommand(arguments, CONTAINER_OPTIONS) {
        match name {
            "compose" | "container" | "service" | "pod" | "system" => arguments = rest,
            "logs" => return follows(rest, CONTAINER_LOGS),
            "stats" => return !options::is_on(&all(rest, CONTAINER_EVENTS), &["no-stream"]),
            "events" => return !options::has(&all(rest, CONTAINER_EVENTS), &["until"]),
            _ => return false,
        }
    }
    false
}

fn kubectl(mut arguments: &[Argument]) -> bool {
    while let Some((name, rest)) = subcommand(arguments, KUBECTL) {
        match name {
            // `k3s kubectl`.
            "kubectl" => arguments = rest,
            "logs" | "log" => return follows(rest, KUBECTL_LOGS),
            "get" | "events" => {
                let given = all(rest, KUBECTL_GET);
                return options::is_on(&given, &["w", "watch", "watch-only"]);
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_for_ever_is_recognised_behind_what_starts_it() {
        for line in [
            "tail -f /var/log/syslog",
            "tail -n 5 -F x",
            "tail --follow=name x",
            "tail -5f x",
            "tail -fn3 x 2>&1 | grep --line-buffered error",
            "tail -f x |& grep y",
            "tail -f \"$(ls -t /var/log/*.log | head -n 1)\"",
            "pm2 logs",
            "pm2 logs api --lines 5",
            "pm2 monit",
            "sudo journalctl -u ssh -f",
            "journalctl -xefu nginx",
            "docker logs -f web",
            "docker logs -tf --tail 5 web",
            "docker container logs --follow web",
            "docker compose logs --follow",
            "docker compose -f x.yml --profile dev logs -f web",
            "docker -H tcp://h stats",
            "docker events",
            "nerdctl -n k8s.io logs -f web",
            "crictl logs -f abc",
            "kubectl -n web logs -f deploy/api",
            "kubectl logs -f -l app=api --all-containers",
            "kubectl get pods -w",
            "k3s kubectl get pods --watch",
            "watch -n 1 date",
            "top",
            "top -b -d 5",
            "dmesg -wT",
            "ping localhost",
            "/usr/bin/tail -f x",
            "LANG=C sudo tail -f x | grep error",
            "sudo -u deploy tail -f x",
            "sudo -nu deploy -- tail -f x",
            "sudo --user deploy LANG=C tail -f x",
            "nice -n 10 tail -f x",
            "nice -10 tail -f x",
            "env -u LANG A=b tail -f x",
            "nohup tail -f x",
            "ionice -c 2 -n7 tail -f x",
            "stdbuf -oL tail -f x",
            "stdbuf -o L tail -f x",
            "time tail -f x",
            "time -p sudo nice tail -f x",
            "cd /var/log && tail -fn3 syslog",
            "cd /var/log || exit 1; tail -f syslog",
            "export A=b; set -e\nsource .env && X=y && tail -f x; echo never",
            "exec 2>&1; tail -f x # for ever",
            "tail -f x || true",
            "sudo sh -c 'tail -f x'",
            "bash -lc \"journalctl -u web -f\"",
            "sudo -i -u deploy bash -c 'cd /srv && docker compose logs -f'",
            "flock /tmp/lock tail -f x",
            "command tail -f x",
            "runuser -u deploy -- tail -f x",
            "env -S 'LANG=C tail -f x'",
            "taskset 1 tail -f x",
            "(tail -f x)",
            "{ cd /x && tail -f y; }",
            "(cd /x; tail -f y) | grep z",
            "cd /x || { echo no; exit 1; }; tail -f y",
            "[ -f x ] && tail -f x",
            "test -f x || exit 1; tail -f x",
            "[[ -f x ]] && tail -f x",
            "f() { make; }; tail -f x",
            "tail --foll x",
            "tail -f x > >(tee y)",
            "! tail -f x",
            "time { tail -f x; }",
        ] {
            assert!(is_streaming(line), "{line}");
        }
    }

    #[test]
    fn what_ends_by_itself_is_not() {
        for line in [
            "tail -n 5 x",
            "tail -n f x",
            "tail --pid=5 -f x",
            "cat f | tail -f",
            "echo 'tail -f x'",
            "pm2 logs --nostream",
            "pm2 restart monit",
            "docker logs web",
            "docker logs --follow=false web",
            "docker build -f Dockerfile .",
            "docker compose -f x.yml logs",
            "docker compose -f x.yml up -d",
            "docker-compose -f logs up -d",
            "docker run -f logs",
            "docker rm -f logs",
            "docker events --until 1h",
            "nerdctl build -f Dockerfile .",
            "kubectl apply -f x.yaml",
            "kubectl get -f x.yaml",
            "kubectl get pods -o wide",
            "kubectl logs pod -c f",
            "kubectl delete -f logs",
            "crictl rm -f abc",
            "grep -f p x",
            "ping -c 3 localhost",
            "ping -qc3 localhost",
            "ping -w 5 localhost",
            "top -b -n 1",
            "top -bn1",
            "journalctl -u ssh",
            "journalctl -u f",
            "docker stats --no-stream",
            "timeout 60 tail -f x",
            "sudo -u tail -f x",
            "command -v top",
            "timeout 60 sh -c 'tail -f x'",
            "systemd-run tail -f x",
            "tail -f \"x",
            "echo top",
            "",
        ] {
            assert!(!is_streaming(line), "{line}");
        }
    }

    #[test]
    fn a_text_of_any_size_has_an_answer() {
        for word in ["sudo ", "env -i ", "(", "sh -c ", "$(", "`", "{ "] {
            assert!(!is_streaming(&word.repeat(100_000)), "{word}");
        }
    }

    #[test]
    fn what_has_something_to_do_first_is_not() {
        for line in [
            "sleep 11; touch built; tail -f log",
            "make && tail -f log",
            "X=$(make) && tail -f log",
            "cd $(make) && tail -f log",
            "cat >x <<EOF\ntail -f log\nEOF",
            "cat >x <<'EOF' && true\ntop\nEOF",
            "tail -f log & sleep 20",
            "cd x || tail -f log",
            "exit 1; tail -f log",
            "true & tail -f log",
            "tail -f log && sleep 1 &",
            "sh -c 'make; tail -f log'",
            "cd x || { make; exit 1; }; tail -f log",
            "cd ${X:-$(make)} && tail -f log",
            "true >$(make); tail -f log",
            "(make; tail -f log)",
        ] {
            assert!(!is_streaming(line), "{line}");
        }
    }
}
