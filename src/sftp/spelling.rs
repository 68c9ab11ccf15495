//! Paths as people write them. Syntax that a shell would expand is expanded here, or refused with advice.

use std::borrow::Cow;
use std::path::Path;

use crate::shell::quote;

/// A path on a server as transfers take it: `$HOME/x` is `~/x`, and `C:\x` is `/C:/x`, as OpenSSH for
/// Windows has it. An error says, as the rest of a sentence, what is wrong and what to write instead.
pub fn on_server(text: &str) -> Result<Cow<'_, str>, String> {
    if let Some(home) = own_home(text) {
        return Ok(home);
    }
    if text.starts_with('~') && other_home(text).is_none() {
        return Err(unclear(first_of(text), text));
    }
    if drive(text).is_some() {
        return Ok(Cow::Owned(format!("/{}", text.replace('\\', "/"))));
    }
    if text.starts_with(r"\\") {
        return Err(
            "is a network path of Windows, which SFTP does not reach: name a drive letter".into(),
        );
    }
    no_syntax(text)?;
    Ok(Cow::Borrowed(text))
}

/// A path on a server as a word of a POSIX shell, which finds home directories. An error completes a sentence.
pub fn shell_word(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    let path = on_server(text)?;
    Ok(match (other_home(&path), path.strip_prefix("~/")) {
        (Some((user, below)), _) => format!("~{user}/{}", quote(below.trim_start_matches('/'))),
        (None, Some(below)) => format!("\"$HOME\"/{}", quote(below)),
        (None, None) if path == "~" => "\"$HOME\"".to_owned(),
        (None, None) => quote(&path),
    })
}

/// A path on this machine: `$HOME/x` is `~/x`. A file that is there by that very name is meant.
pub fn on_this_machine(text: &str) -> Result<Cow<'_, str>, String> {
    if let Some(home) = own_home(text) {
        return Ok(home);
    }
    if text.starts_with(r"~\") || Path::new(text).symlink_metadata().is_ok() {
        return Ok(Cow::Borrowed(text));
    }
    if text.starts_with('~') {
        return Err(unclear(first_of(text), text));
    }
    if cfg!(not(windows)) && (drive(text).is_some() || text.starts_with(r"\\")) {
        return Err("is a path of Windows, which this machine does not run".into());
    }
    if cfg!(not(windows)) || drive(text).is_none() {
        no_syntax(text)?;
    }
    Ok(Cow::Borrowed(text))
}

/// The name of an absolute path below a home directory, as `~/…`.
pub(crate) fn in_home(path: &str, home: &str) -> Option<String> {
    let below = path.strip_prefix(home.trim_end_matches('/'))?;
    below.starts_with('/').then(|| format!("~{below}"))
}

/// Splits `~user/…` into the user and the rest.
pub fn other_home(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('~')?;
    let (user, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_name = user.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && user
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || "._-".contains(one));
    is_name.then_some((user, below))
}

/// The drive of Windows that a path begins with.
pub(crate) fn drive(text: &str) -> Option<char> {
    let mut letters = text.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    let is_drive = letters.next() == Some(':') && matches!(letters.next(), Some('\\' | '/'));
    is_drive.then_some(letter)
}

/// A likely mistake in a path that does not exist.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Doubt<'t> {
    /// The part that would exist if the path were meant as written.
    pub(crate) upto: &'t str,
    /// The mistake and its remedy, as the rest of a sentence.
    pub(crate) reason: String,
    /// True if it concerns the beginning and end of the whole path.
    pub(crate) is_outer: bool,
}

/// Finds a likely mistake in a path.
pub(crate) fn doubt(text: &str) -> Option<Doubt<'_>> {
    let outer = |reason: &str| {
        Some(Doubt {
            upto: text,
            reason: reason.to_owned(),
            is_outer: true,
        })
    };
    if ['\'', '"']
        .iter()
        .any(|&quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote))
    {
        return outer("is in quotes: leave them out");
    }
    if text.trim() != text {
        return outer("begins or ends with white space: leave it out");
    }
    let mut end = 0;
    for name in text.split('/') {
        end += name.len();
        if end < text.len() && is_variable(name) {
            return Some(Doubt {
                upto: &text[..end],
                reason: format!("has `{name}` in it, which nothing expands here: write it out"),
                is_outer: false,
            });
        }
        end += 1;
    }
    None
}

/// Writes the home directory as `~`.
fn own_home(text: &str) -> Option<Cow<'_, str>> {
    for spelt in ["~", "$HOME", "${HOME}"] {
        match text.strip_prefix(spelt) {
            Some(rest) if spelt == "~" && (rest.is_empty() || rest.starts_with('/')) => {
                return Some(Cow::Borrowed(text));
            }
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                return Some(Cow::Owned(format!("~{rest}")));
            }
            _ => {}
        }
    }
    None
}

/// Refuses syntax at a path's beginning that only shells and other programs understand.
fn no_syntax(text: &str) -> Result<(), String> {
    let first = first_of(text);
    let is_shell = first.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(|next: char| next.is_ascii_alphabetic() || "_{(".contains(next))
    });
    let is_command = first.len() > 1 && first.starts_with('`') && text[1..].contains('`');
    if is_shell || is_command || is_percent(first.split('\\').next().unwrap_or(first)) {
        return Err(unclear(first, text));
    }
    if text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme
                .chars()
                .all(|one| one.is_ascii_alphanumeric() || "+.-".contains(one))
    }) {
        return Err("is a URL: write only the path".into());
    }
    if first.len() > 1 && first.len() < text.len() && first.ends_with(':') {
        return Err(format!(
            "begins with `{first}`, as if it named a server: write only the path, or `./{text}` for a directory of that name"
        ));
    }
    Ok(())
}

fn first_of(text: &str) -> &str {
    text.split('/').next().unwrap_or(text)
}

fn unclear(first: &str, text: &str) -> String {
    format!(
        "begins with `{first}`, which nothing expands here: write the path out, or `./{text}` for a name that really begins so"
    )
}

/// Returns whether a name is `$NAME`, `${…}`, `$(…)` or `%NAME%`.
fn is_variable(name: &str) -> bool {
    let is_upper = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
            && name
                .chars()
                .all(|one| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_')
    };
    match name.strip_prefix('$') {
        Some(rest) => {
            is_upper(rest)
                || rest.starts_with('{') && rest.ends_with('}')
                || rest.starts_with('(') && rest.ends_with(')')
        }
        None => is_percent(name),
    }
}

fn is_percent(name: &str) -> bool {
    let inner = name
        .strip_prefix('%')
        .and_then(|rest| rest.strip_suffix('%'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner
                .chars()
                .all(|one| one.is_ascii_alphanumeric() || one == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_directory_and_drives_are_read_however_they_are_written() {
        for (text, meant) in [
            ("~", "~"),
            ("~/a", "~/a"),
            ("$HOME", "~"),
            ("$HOME/a b", "~/a b"),
            ("${HOME}/a", "~/a"),
            ("~www-data/a", "~www-data/a"),
            (r"C:\Users\me\f.txt", "/C:/Users/me/f.txt"),
            ("c:/Users/me/", "/c:/Users/me/"),
            (r"D:\", "/D:/"),
            ("/C:/x", "/C:/x"),
            ("a", "a"),
            ("./$x", "./$x"),
            ("/srv/$x", "/srv/$x"),
            ("$1", "$1"),
            ("a:b/c", "a:b/c"),
            ("x:", "x:"),
            (r"a\x2db.mount", r"a\x2db.mount"),
            ("100%", "100%"),
            ("%d", "%d"),
            ("http:", "http:"),
            ("'a'", "'a'"),
        ] {
            assert_eq!(on_server(text).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_nothing_expands_is_refused_with_advice() {
        for text in [
            "$APP/x",
            "$app",
            "$HOMEX/a",
            "${APP}/x",
            "${HOME:-/root}/x",
            "$(pwd)/x",
            "`pwd`/x",
            "%USERPROFILE%/x",
            r"%USERPROFILE%\x",
            "~$x.docx",
            r"~\x",
            "~+/x",
            "~-/x",
            "~1/x",
            r"\\host\share\x",
            "file:///tmp/x",
            "sftp://host/x",
            "web1:/etc/x",
            "me@web1:/etc/x",
        ] {
            let reason = on_server(text).unwrap_err();
            assert!(reason.contains(':'), "{text}: {reason}");
        }
        for text in [
            "~nobody-here/x",
            "$APP/x",
            r"C:\x",
            "%USERPROFILE%",
            "file:///x",
        ] {
            assert!(on_this_machine(text).is_err(), "{text}");
        }
        for text in ["~/x", "$HOME/x", "/x y", "x", "./$x", "'x'"] {
            assert!(on_this_machine(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_doubted_and_odd_names_are_not() {
        for (text, upto) in [
            ("'/a b'", "'/a b'"),
            ("\"x\"", "\"x\""),
            ("/a ", "/a "),
            ("/a\n", "/a\n"),
            (" a", " a"),
            ("/home/$USER/x", "/home/$USER"),
            ("/a/${X}/b", "/a/${X}"),
            ("/a/%TEMP%/b", "/a/%TEMP%"),
        ] {
            assert_eq!(doubt(text).map(|doubt| doubt.upto), Some(upto), "{text}");
        }
        for text in [
            "/a/$USER",
            "/a/$x/b",
            "/a b/c",
            "it's",
            "'",
            "/a/Foo$Bar.class",
            "",
            "/a/ /b",
        ] {
            assert_eq!(doubt(text), None, "{text}");
        }
    }
}
