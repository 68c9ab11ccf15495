//! The one way to put a value into a command line.

/// `text` as one word of a POSIX shell, with nothing in it expanded.
///
/// Backslashes stand outside the quotes because the fish shell treats them specially inside.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str(r"'\''"),
            '\\' => quoted.push_str(r"'\\'"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// A path as one word of a POSIX shell, in which a `~` at its beginning is the home directory.
pub(crate) fn quote_path(path: &str) -> String {
    match path.strip_prefix('~') {
        Some("") => "\"$HOME\"".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("\"$HOME\"{}", quote(rest)),
        _ => quote(path),
    }
}

/// `text` as a person types it as one word: quoted only where a shell would take it apart or expand it.
pub(crate) fn quote_to_type(text: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_alphanumeric() || "-_./=:,@%+".contains(letter) || cfg!(windows) && letter == '\\'
    };
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else if cfg!(windows) {
        // `cmd.exe` knows double quotes only, and no path there contains one.
        format!("\"{text}\"")
    } else {
        quote(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_shell_gives_the_text_back() {
        for text in [
            "",
            "plain",
            "it's",
            r"a\b\'c",
            "$HOME `id` \"x\" !\n#*?~",
            "-n",
            "é",
        ] {
            for quoted in [quote(text), quote_to_type(text)] {
                let output = std::process::Command::new("sh")
                    .arg("-c")
                    .arg(format!("printf %s. {quoted}"))
                    .output();
                let printed = String::from_utf8(output.unwrap().stdout).unwrap();
                assert_eq!(printed, format!("{text}."));
            }
        }
    }

    #[test]
    fn what_is_typed_is_quoted_where_a_shell_would_change_it() {
        assert_eq!(quote_to_type("--data-dir=/srv/a_b"), "--data-dir=/srv/a_b");
        assert_ne!(quote_to_type("--data-dir=/srv/a b"), "--data-dir=/srv/a b");
        assert_ne!(quote_to_type(""), "");
    }
}
