//! Programs whose reading takes more than a list of options to tell.

use super::arguments::GivenArguments;
use super::readers::always_reads;

/// The objects of `ip` that can be shown.
const IP_OBJECTS: &[&str] = &[
    "a", "addr", "address", "l", "link", "r", "route", "n", "neigh", "rule", "maddr", "mroute",
];

/// Options of `ip` that change what is shown.
const IP_OPTIONS: &[&str] = &[
    "-4", "-6", "-br", "-brief", "-s", "-stats", "-d", "-details", "-j", "-json", "-p", "-o",
];

/// Actions of `find` that change something, or run a command that could.
const FIND_ACTIONS: &[&str] = &["-delete", "-exec", "-ok", "-fprint", "-fls"];

/// Returns whether such a program only reads with these arguments.
pub(super) fn reads(name: &str, arguments: &[&str]) -> bool {
    match (name, arguments) {
        ("service" | "rc-service", [service, "status"]) => !service.starts_with('-'),
        ("service", ["--status-all"])
        | ("crontab", ["-l"] | ["-l", "-u", _] | ["-u", _, "-l"])
        | ("command", ["-v" | "-V", _])
        | ("openssl", ["version", ..]) => true,
        ("dd", arguments) => !arguments.is_empty() && arguments.iter().all(|one| is_dd_input(one)),
        ("find", arguments) => find_reads(arguments),
        // `-v` evaluates what is in brackets behind a name.
        ("printf", arguments) => !arguments.first().is_some_and(|one| one.starts_with('-')),
        ("test" | "[", arguments) => !arguments.iter().any(|one| matches!(*one, "-v" | "-R")),
        ("ip", arguments) => ip_reads(arguments),
        ("nft", arguments) => nft_reads(arguments),
        ("firewall-cmd", arguments) => {
            !arguments.is_empty() && arguments.iter().all(|one| is_firewall_question(one))
        }
        ("openssl", ["x509", rest @ ..]) => rest.iter().all(|one| is_certificate_question(one)),
        _ => false,
    }
}

fn is_dd_input(argument: &str) -> bool {
    let names = ["if", "bs", "ibs", "count", "skip", "iflag", "status"];
    argument
        .split_once('=')
        .is_some_and(|(name, _)| names.contains(&name))
}

fn find_reads(arguments: &[&str]) -> bool {
    let mut rest = arguments;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == "-exec" {
            let Some(end) = others.iter().position(|one| matches!(*one, ";" | "+")) else {
                return false;
            };
            let reads = others.first().is_some_and(|program| always_reads(program));
            if !reads {
                return false;
            }
            rest = &others[end + 1..];
        } else if FIND_ACTIONS.iter().any(|action| first.starts_with(action)) {
            return false;
        }
    }
    true
}

fn ip_reads(arguments: &[&str]) -> bool {
    let is_option = |one: &&str| IP_OPTIONS.contains(one);
    let options = arguments.iter().take_while(|one| is_option(one)).count();
    match &arguments[options..] {
        // Other abbreviations stand for `set`.
        [object] | [object, "show" | "list" | "ls" | "lst", ..] => IP_OBJECTS.contains(object),
        ["r" | "route", "get", ..] => true,
        _ => false,
    }
}

fn nft_reads(arguments: &[&str]) -> bool {
    let mut arguments = arguments
        .iter()
        .skip_while(|one| matches!(**one, "-a" | "-n" | "-j" | "-s"));
    // It joins its arguments, and a `;` ends a command.
    arguments.next() == Some(&"list")
        && arguments.all(|one| !one.starts_with('-') && !one.contains([';', '\n', '{']))
}

fn is_firewall_question(argument: &str) -> bool {
    let prefixes = ["--list-", "--get-", "--query-", "--info-", "--zone="];
    matches!(argument, "--state" | "--permanent")
        || prefixes.iter().any(|prefix| argument.starts_with(prefix))
}

fn is_certificate_question(argument: &str) -> bool {
    let options = [
        "-in",
        "-noout",
        "-text",
        "-dates",
        "-subject",
        "-issuer",
        "-enddate",
        "-startdate",
        "-fingerprint",
        "-serial",
        "-sha256",
        "-checkend",
    ];
    !argument.starts_with('-') || options.contains(&argument)
}

/// A request that asks, and whose answer is written nowhere.
pub(super) fn curl_reads(given: &GivenArguments<'_>) -> bool {
    let has_asked = |method: &&str| matches!(*method, "GET" | "HEAD");
    let goes_nowhere = |file: &&str| matches!(*file, "/dev/null" | "-");
    // A format may name a file to write to, or to read more of it from.
    let is_plain = |format: &&str| !format.contains("%output") && !format.starts_with('@');
    let is_web = |address: &&str| {
        let scheme = address
            .split_once("://")
            .map_or("http", |(scheme, _)| scheme);
        matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
    };
    given.values(&["X", "request"]).iter().all(has_asked)
        && given.values(&["o", "output"]).iter().all(goes_nowhere)
        && given.values(&["w", "write-out"]).iter().all(is_plain)
        && given.operands.iter().all(is_web)
}
