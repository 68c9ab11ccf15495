//! `docker`, `kubectl` and `helm`.

use super::arguments::AllowedOptions;

/// Subcommands of `docker` that read.
const DOCKER: &[&str] = &[
    "diff", "events", "history", "images", "info", "inspect", "logs", "port", "ps", "search",
    "stats", "top", "version",
];

/// Subcommands of its objects that read.
const DOCKER_OBJECTS: &[(&str, &[&str])] = &[
    (
        "container",
        &[
            "diff", "inspect", "list", "logs", "ls", "port", "ps", "stats", "top",
        ],
    ),
    ("context", &["inspect", "ls", "show"]),
    ("image", &["history", "inspect", "list", "ls"]),
    ("network", &["inspect", "list", "ls"]),
    ("node", &["inspect", "ls", "ps"]),
    ("service", &["inspect", "logs", "ls", "ps"]),
    ("stack", &["ls", "ps", "services"]),
    ("system", &["df", "info"]),
    ("volume", &["inspect", "list", "ls"]),
];

const COMPOSE: &[&str] = &[
    "events", "images", "logs", "ls", "port", "ps", "top", "version",
];
const COMPOSE_OPTIONS: AllowedOptions = AllowedOptions {
    flags: "",
    valued: "fp",
    long: "file= project-name= project-directory= profile=",
};

/// Verbs of `kubectl` that read, and of its groups.
const KUBECTL: &[&str] = &[
    "api-resources",
    "api-versions",
    "describe",
    "events",
    "explain",
    "get",
    "logs",
    "top",
    "version",
];
const KUBECTL_GROUPS: &[(&str, &[&str])] = &[
    ("auth", &["can-i", "whoami"]),
    (
        "config",
        &["current-context", "get-clusters", "get-contexts", "view"],
    ),
    ("rollout", &["history", "status"]),
];
const KUBECTL_OPTIONS: AllowedOptions = AllowedOptions {
    flags: "A",
    valued: "n",
    long: "namespace= context= cluster=",
};

const HELM: &[&str] = &[
    "get", "history", "list", "ls", "search", "show", "status", "version",
];

pub(super) fn docker_reads(arguments: &[&str]) -> bool {
    match arguments {
        ["compose", rest @ ..] => compose_reads(rest),
        [first, ..] if DOCKER.contains(first) => true,
        [object, verb, ..] => is_pair(DOCKER_OBJECTS, object, verb),
        _ => false,
    }
}

pub(super) fn compose_reads(arguments: &[&str]) -> bool {
    let rest = COMPOSE_OPTIONS.leading(arguments).map(|(_, rest)| rest);
    rest.and_then(<[_]>::first)
        .is_some_and(|verb| COMPOSE.contains(verb))
}

pub(super) fn kubectl_reads(arguments: &[&str]) -> bool {
    // Another configuration may name a program to log in with.
    if arguments.iter().any(|one| one.starts_with("--kubeconfig")) {
        return false;
    }
    match KUBECTL_OPTIONS.leading(arguments) {
        Some((_, ["cluster-info"])) => true,
        Some((_, [verb, ..])) if KUBECTL.contains(verb) => true,
        Some((_, [group, verb, ..])) => is_pair(KUBECTL_GROUPS, group, verb),
        _ => false,
    }
}

pub(super) fn helm_reads(arguments: &[&str]) -> bool {
    let runs = ["--kubeconfig", "--post-renderer"];
    let is_harmful = |one: &&str| runs.iter().any(|option| one.starts_with(option));
    let rest = KUBECTL_OPTIONS.leading(arguments).map(|(_, rest)| rest);
    let verb = rest.and_then(<[_]>::first);
    verb.is_some_and(|verb| HELM.contains(verb)) && !arguments.iter().any(is_harmful)
}

fn is_pair(table: &[(&str, &[&str])], first: &str, second: &str) -> bool {
    table
        .iter()
        .any(|(name, verbs)| *name == first && verbs.contains(&second))
}
