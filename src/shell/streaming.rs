//! Commands that would print for ever.

use super::line::{Line, Separator, Simple};

/// Commands that only prepare those after them, and are done at once.
const SCENE: &[&str] = &[
    "cd", "pushd", "export", "readonly", "declare", "typeset", "local", "unset", "set", "shopt",
    "setopt", "source", ".", "alias", "umask", "ulimit", "true", ":", "pwd", "echo", "printf",
];

/// Programs that start another, with their options that take a value.
const STARTERS: &[(&str, Values)] = &[
    ("sudo", Values("CDRTUghprtu", SUDO)),
    ("doas", Values("Cu", &[])),
    ("env", Values("uC", &["--unset", "--chdir"])),
    ("nice", Values("n", &["--adjustment"])),
    ("ionice", Values("cn", &["--class", "--classdata"])),
    ("stdbuf", Values("ioe", &["--input", "--output", "--error"])),
    ("time", Values("fo", &["--format", "--output"])),
    ("exec", Values("a", &[])),
    ("nohup", Values("", &[])),
    ("setsid", Values("", &[])),
    ("unbuffer", Values("", &[])),
    ("busybox", Values("", &[])),
];
const SUDO: &[&str] = &[
    "--close-from",
    "--chdir",
    "--chroot",
    "--command-timeout",
    "--group",
    "--host",
    "--other-user",
    "--prompt",
    "--role",
    "--type",
    "--user",
];

const TAIL: Values = Values(
    "ncs",
    &[
        "--lines",
        "--bytes",
        "--sleep-interval",
        "--max-unchanged-stats",
    ],
);
const JOURNAL: Values = Values(
    "ucgpStUDMoF",
    &[
        "--unit",
        "--user-unit",
        "--identifier",
        "--priority",
        "--since",
        "--until",
        "--directory",
        "--machine",
        "--output",
        "--grep",
        "--cursor",
        "--facility",
    ],
);
/// Options before a container tool's sub-command, and before that of its `compose`.
const CONTAINERS: Values = Values(
    "cHlanfp",
    &[
        "--context",
        "--host",
        "--log-level",
        "--config",
        "--namespace",
        "--address",
        "--connection",
        "--url",
        "--root",
        "--file",
        "--project-name",
        "--project-directory",
        "--profile",
        "--env-file",
        "--parallel",
        "--ansi",
        "--progress",
    ],
);
const CRICTL: Values = Values(
    "crit",
    &[
        "--config",
        "--runtime-endpoint",
        "--image-endpoint",
        "--timeout",
    ],
);
const KUBECTL: Values = Values(
    "nsv",
    &[
        "--namespace",
        "--context",
        "--cluster",
        "--kubeconfig",
        "--server",
        "--token",
        "--user",
        "--as",
        "--request-timeout",
    ],
);
const CONTAINER_LOGS: Values = Values("n", &["--tail", "--since", "--until"]);
const KUBECTL_LOGS: Values = Values(
    "clns",
    &[
        "--container",
        "--selector",
        "--namespace",
        "--tail",
        "--since",
        "--since-time",
        "--context",
    ],
);
const KUBECTL_GET: Values = Values(
    "fklnoL",
    &[
        "--filename",
        "--kustomize",
        "--selector",
        "--namespace",
        "--output",
        "--context",
    ],
);
const NONE: Values = Values("", &[]);

/// Whether a command line would go on until it is stopped, such as `tail -f`, and has nothing to do before
/// that but to set the scene.
pub(crate) fn is_streaming(line: &str) -> bool {
    let mut before = Separator::Then;
    for (command, separator) in Line::new(line) {
        let words: Vec<_> = command.words.iter().map(String::as_str).collect();
        let words = without_assignments(&words);
        // What `||` leads to is not run where all goes well.
        let is_reached = before != Separator::Or;
        if is_reached && streams(words) {
            return separator != Separator::Background;
        }
        let sets_scene = sets_scene(&command, words, is_reached);
        if !sets_scene || matches!(separator, Separator::Pipe | Separator::Background) {
            return false;
        }
        before = separator;
    }
    false
}

fn sets_scene(command: &Simple, words: &[&str], is_reached: bool) -> bool {
    let Some(program) = words.first() else {
        return !command.substitutes;
    };
    let is_bare_exec = *words == ["exec"];
    let leaves = ["exit", "return"].contains(program) && !is_reached;
    !command.substitutes && (SCENE.contains(program) || is_bare_exec || leaves)
}

fn without_assignments<'w, 's>(words: &'w [&'s str]) -> &'w [&'s str] {
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !name.is_empty() && name.bytes().all(is_of_name)
        })
    };
    let count = words.iter().take_while(|word| is_assignment(word)).count();
    &words[count..]
}

/// The options of a program that take a value: short ones, and long ones.
#[derive(Clone, Copy)]
struct Values(&'static str, &'static [&'static str]);

impl Values {
    /// How many words the option `word` takes: itself, and its value if that stands alone.
    fn width(self, word: &str) -> usize {
        let takes_next = if word.starts_with("--") {
            self.1.contains(&word)
        } else {
            // A value may follow its option in the same word.
            word.find(|letter| self.0.contains(letter)) == Some(word.len() - 1)
        };
        1 + usize::from(takes_next)
    }

    /// What follows the options.
    fn skip<'w, 's>(self, mut words: &'w [&'s str]) -> &'w [&'s str] {
        while let Some(word) = words.first() {
            if *word == "--" {
                return &words[1..];
            }
            if !word.starts_with('-') || *word == "-" {
                break;
            }
            words = &words[self.width(word).min(words.len())..];
        }
        words
    }

    /// Whether one of these options is set: letters, or long ones by their beginning.
    fn has(self, mut words: &[&str], letters: &str, long: &[&str]) -> bool {
        while let Some(word) = words.first() {
            if *word == "--" {
                return false;
            }
            let (name, value) = word.split_once('=').unwrap_or((word, "true"));
            let is_set = if name.starts_with("--") {
                long.contains(&name) && value != "false"
            } else if let Some(cluster) = word.strip_prefix('-') {
                let valued = |letter: &char| self.0.contains(*letter) && !letters.contains(*letter);
                let mut options = cluster.chars().take_while(|letter| !valued(letter));
                options.any(|letter| letters.contains(letter))
            } else {
                false
            };
            if is_set {
                return true;
            }
            let width = if word.starts_with('-') {
                self.width(word)
            } else {
                1
            };
            words = &words[width.min(words.len())..];
        }
        false
    }
}

fn streams(words: &[&str]) -> bool {
    let words = without_assignments(words);
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    let program = program.rsplit('/').next().unwrap_or_default();
    if let Some((_, values)) = STARTERS.iter().find(|(name, _)| *name == program) {
        return streams(values.skip(rest));
    }
    match program {
        // With `--pid` it ends with that process.
        "tail" => {
            let ends = TAIL.has(rest, "", &["--pid"]);
            TAIL.has(rest, "fF", &["--follow", "--retry"]) && !ends
        }
        "journalctl" => JOURNAL.has(rest, "f", &["--follow"]),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" => containers(rest),
        "crictl" => match CRICTL.skip(rest) {
            ["logs", rest @ ..] => CONTAINER_LOGS.has(rest, "f", &["--follow"]),
            ["stats", rest @ ..] => NONE.has(rest, "w", &["--watch"]),
            _ => false,
        },
        "kubectl" | "oc" | "k3s" => kubectl(rest),
        "pm2" => match NONE.skip(rest) {
            ["logs" | "log", rest @ ..] => !NONE.has(rest, "", &["--nostream"]),
            ["monit", ..] => true,
            _ => false,
        },
        "dmesg" => Values("DFflns", &[]).has(rest, "wW", &["--follow", "--follow-new"]),
        "ping" | "ping6" => {
            let values = Values("FIMQSTWilmpst", &[]);
            !rest.is_empty() && !values.has(rest, "cw", &["--count", "--deadline"])
        }
        "top" => !Values("Edopsu", &[]).has(rest, "nlhv", &["--iterations", "--version", "--help"]),
        "iotop" => !Values("dpu", &[]).has(rest, "nh", &["--iter", "--version", "--help"]),
        "watch" | "htop" | "atop" | "iftop" => true,
        _ => false,
    }
}

fn containers(words: &[&str]) -> bool {
    match CONTAINERS.skip(words) {
        [
            "compose" | "container" | "service" | "pod" | "system",
            rest @ ..,
        ] => containers(rest),
        ["logs", rest @ ..] => CONTAINER_LOGS.has(rest, "f", &["--follow"]),
        ["stats", rest @ ..] => !NONE.has(rest, "", &["--no-stream"]),
        ["events", rest @ ..] => !NONE.has(rest, "", &["--until"]),
        _ => false,
    }
}

fn kubectl(words: &[&str]) -> bool {
    match KUBECTL.skip(words) {
        ["kubectl", rest @ ..] => kubectl(rest),
        ["logs" | "log", rest @ ..] => KUBECTL_LOGS.has(rest, "f", &["--follow"]),
        ["get" | "events", rest @ ..] => KUBECTL_GET.has(rest, "w", &["--watch", "--watch-only"]),
        _ => false,
    }
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
            "echo top",
            "",
        ] {
            assert!(!is_streaming(line), "{line}");
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
            "(make; tail -f log)",
        ] {
            assert!(!is_streaming(line), "{line}");
        }
    }
}
