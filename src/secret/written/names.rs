//! Names of options, variables and fields whose values are secrets.

use std::ops::Range;

use super::end_of;
use super::words::{WrittenCommand, WrittenWord};

/// Last parts of names that hold a secret.
const LAST: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "psk",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "authkey",
    "privatekey",
    "credential",
    "credentials",
    "auth",
    "bearer",
    "jwt",
    "requirepass",
    "masterauth",
];
/// The same, where they are only a name's end: `PGPASSWORD`, `storepass`.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "pass",
];
/// Words with such an end that are no such names.
const WORDS: &[&str] = &[
    "bypass",
    "compass",
    "trespass",
    "encompass",
    "surpass",
    "overpass",
    "underpass",
];
/// Parts before `key` that make it a secret.
const KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "encryption",
    "master",
    "signing",
    "account",
    "shared",
    "storage",
    "app",
    "license",
    "session",
    "webhook",
    "deploy",
    "service",
    "preshared",
];
/// Parts that stand alone too often for something else.
const NEVER_ALONE: &[&str] = &["auth", "pwd", "pw", "credential", "credentials", "bearer"];
/// Names that end like one of a secret, and are none.
const HARMLESS: &[&str] = &[
    "oldpwd",
    "no-password",
    "skip-password",
    "allow-empty-password",
    "ask-pass",
    "ask-become-pass",
];

/// Words after which a word is a variable with its value, and no text.
const SETTERS: &[&str] = &["export", "env", "declare", "local", "readonly", "typeset"];

/// The secrets that a word gives to names in it.
pub(super) fn find(before: Option<&WrittenWord>, word: &WrittenWord) -> Vec<Range<usize>> {
    let text = &word.text;
    let mut found = Vec::new();
    for (at, _) in text.match_indices('=') {
        let prefix = &text[..at];
        let start = name_start(prefix);
        if !is_secret(&prefix[start..]) || prefix[..start].ends_with('$') {
            continue;
        }
        let is_option =
            prefix[..start].bytes().all(|byte| byte == b'-') || prefix[..start].ends_with('=');
        let is_setting = before.is_some_and(|before| {
            let is_script = before.text.ends_with('c');
            before.text.starts_with('-') && !is_script || SETTERS.contains(&&*before.text)
        });
        let end = if is_option && (is_setting || !word.begins_text(start)) {
            text.len()
        } else {
            end_of_part(text, at + 1)
        };
        if !text[at + 1..end].starts_with('$') {
            found.extend(word.range(at + 1..end));
        }
    }
    found
}

/// The secret that follows an option with the name of one.
pub(super) fn after_option(
    command: &WrittenCommand,
    word: &WrittenWord,
    next: &WrittenWord,
) -> Option<Range<usize>> {
    let name = word.text.strip_prefix('-')?.trim_start_matches('-');
    let is_name = name.len() > 2
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let is_given =
        is_name && !next.text.starts_with(['-', '=', ':']) && !is_something_else(command, name);
    next.whole().filter(|_| is_given && is_secret(name))
}

/// Returns whether an option of this name has another meaning for a program.
fn is_something_else(command: &WrittenCommand, name: &str) -> bool {
    match name {
        // Passes of an encoder; where openssl finds the password.
        "pass" => matches!(command.program(), Some("ffmpeg" | "openssl" | "gpg2")),
        "secret" => matches!(
            command.program(),
            Some("docker" | "podman" | "buildah" | "nerdctl")
        ),
        _ => false,
    }
}

/// The place at which the name before a `=` begins.
fn name_start(before: &str) -> usize {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let rest = before.trim_end_matches(is_name).len();
    rest + before[rest..].len() - before[rest..].trim_start_matches('-').len()
}

/// The end of a part within a list: of an address's parameters, a connection's settings, a mount's options.
fn end_of_part(text: &str, start: usize) -> usize {
    end_of(text, start, |letter| {
        letter.is_whitespace() || "&;,\"'".contains(letter)
    })
}

/// Returns whether something of this name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let parts = parts(name);
    let Some((last, before)) = parts.split_last() else {
        return false;
    };
    let last = last.as_str();
    if HARMLESS.contains(&parts.join("-").as_str()) || WORDS.contains(&last) {
        return false;
    }
    if last == "key" {
        return before
            .last()
            .is_some_and(|part| KEYS.contains(&part.as_str()));
    }
    let is_last = LAST.contains(&last) && (!before.is_empty() || !NEVER_ALONE.contains(&last));
    is_last || ENDS.iter().any(|end| last.ends_with(end))
}

/// The parts of a name in small letters: `AWS_SECRET_KEY`, `api-key`, `authToken`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let is_split = !letter.is_ascii_alphanumeric();
        if is_split || was_small && letter.is_ascii_uppercase() {
            parts.push(String::new());
        }
        if let (false, Some(part)) = (is_split, parts.last_mut()) {
            part.push(letter.to_ascii_lowercase());
        }
        was_small = letter.is_ascii_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}
