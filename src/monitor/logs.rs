//! The last lines of a log: of PM2, of a Docker container, of a file.

use crate::error::Error;
use crate::ssh::quote;
use crate::terminal;

/// The logs of PM2: of one application or of all, everything or errors only.
pub fn pm2(app: Option<&str>, lines: usize, errors: bool) -> Result<String, Error> {
    let installed = "command -v pm2 >/dev/null 2>&1 || { echo 'PM2 is not installed on this server' >&2; exit 127; }";
    let errors = if errors { " --err" } else { "" };
    let logs = format!("pm2 logs --nostream --raw --lines {lines}{errors}");
    let Some(app) = app else {
        return Ok(format!("{installed}\n{logs} </dev/null 2>&1"));
    };
    let app = word("app", app)?;
    let known = format!(
        "pm2 describe {app} >/dev/null 2>&1 || {{ printf 'PM2 has no process `%s`\\n' {app} >&2; exit 1; }}"
    );
    Ok(format!(
        "{installed}\n{known}\n{logs} {app} </dev/null 2>&1"
    ))
}

/// The log of a container, both streams in the order of their lines.
pub fn docker(
    container: &str,
    lines: usize,
    since: Option<&str>,
    timestamps: bool,
) -> Result<String, Error> {
    let mut command = format!("docker logs --tail {lines}");
    if let Some(since) = since {
        command.push_str(" --since=");
        command.push_str(&quoted("since", since)?);
    }
    if timestamps {
        command.push_str(" --timestamps");
    }
    Ok(format!(
        "{command} -- {} 2>&1",
        word("container", container)?
    ))
}

/// The end of a file.
pub fn file(path: &str, lines: usize) -> Result<String, Error> {
    let path = quoted("filepath", path)?;
    // The home directory is the shell's to find.
    let path = match path.strip_prefix("'~/") {
        Some(rest) => format!("\"$HOME\"/'{rest}"),
        None => path,
    };
    Ok(format!("tail -n {lines} -- {path}"))
}

/// The lines that are the log's own, of what PM2 prints.
pub fn without_headings(text: &str) -> String {
    let text = terminal::plain(text);
    let own = text.lines().filter(|line| {
        let heading = line.starts_with("[TAILING]")
            || line.contains(" last ")
                && line.trim_end().ends_with(" lines:")
                && line.contains('/');
        !heading
    });
    own.collect::<Vec<_>>()
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}

fn quoted(name: &str, value: &str) -> Result<String, Error> {
    if value.is_empty() {
        return Err(Error::invalid(name, "is empty"));
    }
    if value.contains('\0') {
        return Err(Error::invalid(name, "holds a NUL character"));
    }
    Ok(quote(value))
}

/// A value that a program takes as a word of its own: it must not look like an option.
fn word(name: &str, value: &str) -> Result<String, Error> {
    if value.starts_with('-') {
        return Err(Error::invalid(name, "begins with a dash, as options do"));
    }
    quoted(name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_syntax_or_an_option() {
        assert_eq!(file("/a; b", 5).unwrap(), "tail -n 5 -- '/a; b'");
        assert_eq!(file("~/x y", 5).unwrap(), "tail -n 5 -- \"$HOME\"/'x y'");
        let docker = docker("web", 100, Some("$(id)"), true).unwrap();
        assert_eq!(
            docker,
            "docker logs --tail 100 --since='$(id)' --timestamps -- 'web' 2>&1"
        );
        assert!(pm2(Some("--help"), 5, false).is_err());
        assert!(file("a\0b", 5).is_err() && file("", 5).is_err());
    }

    #[test]
    fn headings_of_pm2_are_no_log_lines() {
        let text = "\x1b[1m\x1b[90m[TAILING] Tailing last 200 lines for [api] process\x1b[39m\n\x1b[90m/root/.pm2/logs/api-out.log last 200 lines:\x1b[39m\none\ntwo\n\n";
        assert_eq!(without_headings(text), "one\ntwo");
    }
}
