//! The files that usual programs write, beside those of a shell's redirections.

use super::call::ProgramCall;
use super::mount::Mount;
use super::{path, wrapper};
use crate::shell::argument::{Argument, SOMETHING, emptied, is_unknown};
use crate::shell::options::{self, OptionSpec, ParsedOption};

/// Most files of one call that are followed.
const MOST: usize = 64;

const COPYING: OptionSpec<'static> = OptionSpec {
    letters: "tSmogZ?",
    long: &[
        "target-directory",
        "suffix",
        "mode",
        "owner",
        "group",
        "reflink",
    ],
};
const SYNCING: OptionSpec<'static> = OptionSpec {
    letters: "eBTfM@cFiJloPSX",
    long: &[
        "!backup",
        "!partial",
        "rsh",
        "rsync-path",
        "exclude",
        "include",
        "exclude-from",
        "include-from",
        "files-from",
        "filter",
        "chown",
        "chmod",
        "backup-dir",
        "link-dest",
        "log-file",
        "bwlimit",
        "timeout",
    ],
};
const CURL: OptionSpec<'static> = OptionSpec {
    letters: "oHdXuAebTCFmxrKwcEDYyQtPz",
    long: &[
        "output",
        "output-dir",
        "header",
        "data",
        "request",
        "user",
        "user-agent",
    ],
};
const WGET: OptionSpec<'static> = OptionSpec {
    letters: "OoPeaitTwQUBAR",
    long: &["output-document", "directory-prefix", "header"],
};
/// Programs that name their output with `-o` or a long option.
const NAMING: OptionSpec<'static> = OptionSpec {
    letters: "okCd",
    long: &["output", "out", "key", "directory"],
};

/// The files that a call writes itself.
pub(super) fn of(name: &str, call: &ProgramCall) -> Vec<Argument> {
    let arguments = call.arguments();
    let mut files = match name {
        "tee" | "truncate" | "sponge" | "ed" | "ex" => operands(arguments),
        "cp" | "mv" | "install" | "ln" => copied(arguments),
        "rsync" if call.is_trial() => Vec::new(),
        "rsync" | "scp" => synced(arguments),
        "dd" => after_key(arguments, "of="),
        "sed" | "perl" | "ruby" => edited(arguments),
        "curl" => fetched(arguments, CURL, "o"),
        "wget" => fetched(arguments, WGET, "O"),
        "sort" | "gpg" | "gpg2" | "age" => named(arguments, &["o", "output"]),
        "openssl" => after(arguments, "-out"),
        "tar" | "gtar" | "bsdtar" => unpacked(arguments),
        "unzip" => named(arguments, &["d"]).iter().map(below).collect(),
        "cpio" => after(arguments, "-D").iter().map(below).collect(),
        "patch" => options::everywhere(arguments, NAMING).1,
        "visudo" => checked(arguments),
        _ => Vec::new(),
    };
    // A link that is made once more is made anew, not followed.
    let is_again = |file: &Argument| {
        let place = path::normal(&emptied(&file.text));
        call.mounts
            .iter()
            .any(|mount| mount.is_link && mount.at == place)
    };
    if name == "ln" && files.first().is_some_and(is_again) {
        files.truncate(1);
    }
    files.truncate(MOST);
    files
}

fn operands(arguments: &[Argument]) -> Vec<Argument> {
    let spec = OptionSpec {
        letters: "sr",
        long: &["size", "reference"],
    };
    options::everywhere(arguments, spec).1
}

/// The target, and what it becomes if it is a directory.
fn copied(arguments: &[Argument]) -> Vec<Argument> {
    let (given, mut operands) = options::everywhere(arguments, COPYING);
    let named = options::value(&given, &["t", "target-directory"]).cloned();
    let Some(target) = named.or_else(|| operands.pop()) else {
        return Vec::new();
    };
    into(&operands, target)
}

fn synced(arguments: &[Argument]) -> Vec<Argument> {
    let (_, mut operands) = options::everywhere(arguments, SYNCING);
    let is_here = |one: &Argument| !one.text.split('/').next().unwrap_or_default().contains(':');
    match operands.pop().filter(is_here) {
        Some(target) if !operands.is_empty() => into(&operands, target),
        _ => Vec::new(),
    }
}

fn into(sources: &[Argument], target: Argument) -> Vec<Argument> {
    let within = sources.iter().take(MOST).map(|source| {
        let plain = source.text.trim_end_matches('/');
        let name = plain.rsplit(['/', ':']).next().unwrap_or_default();
        let name = if name.chars().all(is_unknown) {
            SOMETHING.into()
        } else {
            name.to_owned()
        };
        Argument::of(format!("{}/{name}", target.text))
    });
    let within: Vec<_> = within.collect();
    std::iter::once(target).chain(within).collect()
}

/// A file below a directory, whose name is not known.
fn below(directory: &Argument) -> Argument {
    Argument::of(format!("{}/{SOMETHING}", directory.text))
}

fn after_key(arguments: &[Argument], key: &str) -> Vec<Argument> {
    let values = arguments
        .iter()
        .filter_map(|one| one.text.strip_prefix(key));
    values.map(Argument::of).collect()
}

fn after(arguments: &[Argument], option: &str) -> Vec<Argument> {
    let pairs = arguments.windows(2).filter(|pair| pair[0].text == option);
    pairs.map(|pair| pair[1].clone()).collect()
}

/// The files that are edited in place: any operand, for a script is no path.
fn edited(arguments: &[Argument]) -> Vec<Argument> {
    let spec = OptionSpec {
        letters: "efElIi?",
        long: &["expression", "file"],
    };
    let (given, operands) = options::everywhere(arguments, spec);
    let is_in_place = |one: &ParsedOption| one.name == "i" || is_beginning(&one.name, "in-place");
    // `perl -pi -e`, where letters before it take nothing.
    if given.iter().any(is_in_place) {
        operands
    } else {
        Vec::new()
    }
}

fn is_beginning(given: &str, name: &str) -> bool {
    given.len() > 1 && name.starts_with(given)
}

fn fetched(arguments: &[Argument], spec: OptionSpec<'_>, file: &str) -> Vec<Argument> {
    let (given, operands) = options::everywhere(arguments, spec);
    let mut files = values(&given, &[file, "output", "output-document"]);
    let prefix = if file == "O" { "P" } else { "output-dir" };
    let directories = values(&given, &[prefix, "directory-prefix"]);
    for directory in directories {
        files.extend(into(&operands, directory));
    }
    files
}

fn named(arguments: &[Argument], names: &[&str]) -> Vec<Argument> {
    values(&options::everywhere(arguments, NAMING).0, names)
}

/// The file that `visudo` writes, unless it only checks.
fn checked(arguments: &[Argument]) -> Vec<Argument> {
    let spec = OptionSpec {
        letters: "fx",
        long: &["file", "export"],
    };
    let (given, operands) = options::everywhere(arguments, spec);
    if options::has(
        &given,
        &["c", "check", "V", "h", "x", "export", "help", "version"],
    ) {
        return Vec::new();
    }
    let file = options::value(&given, &["f", "file"]).or(operands.first());
    vec![file.cloned().unwrap_or(Argument::of("/etc/sudoers"))]
}

fn values(given: &[ParsedOption], names: &[&str]) -> Vec<Argument> {
    let given = given.iter().filter(|one| names.contains(&&*one.name));
    given.filter_map(|one| one.value.clone()).collect()
}

fn unpacked(arguments: &[Argument]) -> Vec<Argument> {
    let (given, operands) = options::everywhere(arguments, wrapper::TAR);
    let letters = operands.first().map_or("", |one| &one.text);
    let unpacks = options::has(&given, &["x", "extract", "get"])
        || letters.len() < 8 && letters.contains('x') && !letters.contains(['.', '/']);
    if !unpacks {
        return Vec::new();
    }
    let directories = values(&given, &["C", "directory"]);
    directories.iter().map(below).collect()
}

/// The mounts of `mount --bind` and `ln -s`.
pub(super) fn mounts(call: &ProgramCall) -> Vec<Mount> {
    let spec = OptionSpec {
        letters: "toLUOSm",
        long: &["types", "options", "target-directory"],
    };
    let is_link = call.name() == "ln";
    let (given, operands) = options::everywhere(call.arguments(), spec);
    let binds = options::has(&given, &["bind", "rbind", "B", "R"])
        || values(&given, &["o", "options"])
            .iter()
            .any(|one| one.text.contains("bind"));
    let links = options::has(&given, &["s", "symbolic"]);
    let [of, at] = &operands[..] else {
        return Vec::new();
    };
    if is_link && !links || !is_link && !binds {
        return Vec::new();
    }
    let known = |one: &Argument| {
        let paths = path::absolute(&emptied(&one.text), &call.directories);
        let known = |path: &String| !path.chars().any(is_unknown);
        paths
            .into_iter()
            .find(known)
            .map(|path| path::normal(&path))
    };
    match (known(at), known(of)) {
        (Some(at), Some(of)) => vec![Mount { at, of, is_link }],
        _ => Vec::new(),
    }
}
