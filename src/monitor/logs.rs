//! Commands for the last lines of a log: of PM2, of a Docker container, of a file.

use crate::error::Error;
use crate::sftp::spelling;
use crate::shell::quote;

const PM2: &str = concat!(
    include_str!("further.sh"),
    include_str!("pm2.sh"),
    include_str!("pm2-logs.sh")
);
const DOCKER: &str = concat!(
    include_str!("further.sh"),
    include_str!("containers.sh"),
    include_str!("docker-logs.sh")
);

/// The command for the logs of PM2: of one application or of all, everything or errors only.
pub fn pm2(app: Option<&str>, lines: usize, errors: bool) -> Result<String, Error> {
    let app = app.map(|app| word("app", app)).transpose()?;
    let app = app.unwrap_or_default();
    let errors = if errors { "--err" } else { "" };
    Ok(format!("set -- {lines} '{errors}' {app}\n{PM2}"))
}

/// The command for the log of a container, with both streams in the order of their lines.
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
        "{DOCKER}{command} -- {} 2>&1",
        word("container", container)?
    ))
}

/// The command for the end of a file.
pub fn file(path: &str, lines: usize) -> Result<String, Error> {
    let path = spelling::shell_word(path).map_err(|problem| Error::invalid("filepath", problem))?;
    Ok(format!("tail -n {lines} -- {path}"))
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

/// A value as an argument of its own, which must not look like an option.
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
            docker.strip_prefix(DOCKER),
            Some("docker logs --tail 100 --since='$(id)' --timestamps -- 'web' 2>&1")
        );
        assert!(pm2(Some("--help"), 5, false).is_err());
        assert_eq!(file("$HOME/x", 5).unwrap(), "tail -n 5 -- \"$HOME\"/'x'");
        assert_eq!(file("~www/a b", 5).unwrap(), "tail -n 5 -- ~www/'a b'");
        for path in ["a\0b", "", "$APP/x", "~$(id)/x", "~a;b/x", "%TEMP%/x"] {
            assert!(file(path, 5).is_err(), "{path}");
        }
    }
}
