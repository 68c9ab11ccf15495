//! Tokens such as `%h`, and variables such as `${HOME}`, in the values of directives.

use std::path::{Path, PathBuf};

use super::local::Local;
use super::walk::under_home;
use crate::host_key::DEFAULT_PORT;

/// The values of the tokens.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) local: &'a Local,
    pub(super) home: &'a Path,
    /// The name that was asked for.
    pub(super) asked: &'a str,
    pub(super) host_name: String,
    pub(super) port: u16,
    /// The user there; `None` for the name of the local one.
    pub(super) user: Option<String>,
    pub(super) host_key_alias: Option<String>,
    pub(super) jump_host: String,
}

/// The tokens and variables that a directive may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    tokens: &'static str,
    variables: bool,
}

/// For `HostName`.
pub(super) const NAME: Allowed = Allowed {
    tokens: "h",
    variables: false,
};
/// For `User`, which the others may ask for.
pub(super) const USER: Allowed = Allowed {
    tokens: "dhijkLlnpu",
    variables: true,
};
/// For `ProxyCommand` and `ProxyJump`.
pub(super) const PROXY: Allowed = Allowed {
    tokens: "hknpr",
    variables: false,
};
/// For `Match exec`, whose shell replaces the variables.
pub(super) const COMMAND: Allowed = Allowed {
    tokens: "dhijkLlnpru",
    variables: false,
};
/// For an `Include` that must do for every host.
pub(super) const ANY_HOST: Allowed = Allowed {
    tokens: "diLlu",
    variables: true,
};
/// For files and sockets.
pub(super) const FILE: Allowed = Allowed {
    tokens: "dhijkLlnpru",
    variables: true,
};

impl<'a> Facts<'a> {
    /// The values that are known without any file.
    pub(super) fn bare(local: &'a Local, home: &'a Path, asked: &'a str) -> Self {
        Self {
            local,
            home,
            asked,
            host_name: asked.to_owned(),
            port: DEFAULT_PORT,
            user: None,
            host_key_alias: None,
            jump_host: String::new(),
        }
    }

    /// `text` with everything replaced. An error is the rest of a sentence about the directive.
    pub(super) fn expand(&self, text: &str, allowed: Allowed) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '$']) {
            expanded.push_str(&rest[..at]);
            let marked = &rest[at..];
            if let Some(after) = marked.strip_prefix('%') {
                let token = after.chars().next().ok_or("ends with a lone `%`")?;
                expanded.push_str(&self.token(token, allowed)?);
                rest = &after[token.len_utf8()..];
            } else if let Some(after) = marked.strip_prefix("${").filter(|_| allowed.variables) {
                let (name, after) = after.split_once('}').ok_or("has a `${` without a `}`")?;
                let value = (self.local.variable)(name).ok_or_else(|| {
                    format!("needs the environment variable `{name}`, which is not set")
                })?;
                expanded.push_str(&value);
                rest = after;
            } else {
                expanded.push('$');
                rest = &marked[1..];
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The file that `text` names, with its tokens. An error is the rest of a sentence.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, String> {
        match from_home(text)? {
            // A token may be a path from the root, which `join` would take for the whole.
            Some(below) => {
                let below = self.expand(below, FILE)?;
                Ok(self.home.join(below.trim_start_matches('/')))
            }
            None => self.expand(text, FILE).map(PathBuf::from),
        }
    }

    /// The file that `text` names, which has no tokens.
    pub(super) fn plain_path(&self, text: &str) -> Result<PathBuf, String> {
        let below = from_home(text)?;
        Ok(below.map_or_else(|| text.into(), |below| self.home.join(below)))
    }

    fn token(&self, token: char, allowed: Allowed) -> Result<String, String> {
        if token == '%' {
            return Ok("%".into());
        }
        if !allowed.tokens.contains(token) {
            return Err(format!(
                "uses the token `%{token}`, which is not supported here"
            ));
        }
        let known = match token {
            'd' => Some(self.home.display().to_string()),
            'h' => Some(self.host_name.clone()),
            'i' => (self.local.user_id)().map(|id| id.to_string()),
            'j' => Some(self.jump_host.clone()),
            'k' => Some(
                self.host_key_alias
                    .as_deref()
                    .unwrap_or(self.asked)
                    .to_owned(),
            ),
            'L' => (self.local.host_name)()
                .map(|name| name.split('.').next().unwrap_or_default().to_owned()),
            'l' => (self.local.host_name)(),
            'n' => Some(self.asked.to_owned()),
            'p' => Some(self.port.to_string()),
            'r' => self.user.clone().or_else(self.local.user_name),
            'u' => (self.local.user_name)(),
            _ => None,
        };
        known.ok_or_else(|| format!("uses the token `%{token}`, which has no value on this system"))
    }
}

/// The path after `~/`; `None` if there is no `~`.
fn from_home(text: &str) -> Result<Option<&str>, String> {
    let Some(after) = text.strip_prefix('~') else {
        return Ok(None);
    };
    under_home(after)
        .map(Some)
        .ok_or_else(|| "names the home directory of another user, which is not supported".into())
}

#[cfg(test)]
mod tests {
    use super::super::local::STEADY;
    use super::*;

    fn facts() -> Facts<'static> {
        Facts {
            host_name: "web.example.com".into(),
            ..Facts::bare(&STEADY, Path::new("/home/%h"), "web")
        }
    }

    #[test]
    fn every_token() {
        let expand = |text: &str| facts().expand(text, FILE);
        assert_eq!(
            expand("%d|%h|%i|%j|%k|%L|%l|%n|%p|%r|%u|%%h"),
            Ok("/home/%h|web.example.com|1000||web|box|box.lan|web|22|me|me|%h".into())
        );
        for (text, part) in [
            ("a%", "lone"),
            ("%C", "`%C`"),
            ("%é", "`%é`"),
            ("${A", "without"),
            ("${NONE}", "`NONE`"),
            ("${}", "``"),
        ] {
            assert!(expand(text).unwrap_err().contains(part), "{text}");
        }
        assert_eq!(expand("${COLOUR}$x$"), Ok("blue$x$".into()));
    }

    #[test]
    fn directives_differ_in_what_they_allow() {
        assert_eq!(
            facts().expand("%h${A}", NAME),
            Ok("web.example.com${A}".into())
        );
        assert!(facts().expand("%n", NAME).is_err());
        assert!(facts().expand("%u", PROXY).is_err());
        assert!(facts().expand("%r", USER).is_err());
    }

    #[test]
    fn paths_below_the_home_directory() {
        let path = |text: &str| facts().path(text);
        assert_eq!(path("~/a/%n"), Ok("/home/%h/a/web".into()));
        assert_eq!(path("~"), Ok("/home/%h/".into()));
        assert_eq!(path("~//etc"), Ok("/home/%h/etc".into()));
        assert_eq!(path("a~"), Ok("a~".into()));
        assert!(path("~other/a").is_err());
    }
}
