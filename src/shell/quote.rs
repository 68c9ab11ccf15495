//! The one way to put a value into a command line for a remote shell.

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
            let script = format!("printf %s. {}", quote(text));
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .output();
            let printed = String::from_utf8(output.unwrap().stdout).unwrap();
            assert_eq!(printed, format!("{text}."));
        }
    }
}
