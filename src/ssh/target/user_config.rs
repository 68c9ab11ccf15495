//! The user's own SSH configuration: its settings for a host.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::config::SshFiles;
use crate::error::Error;
use crate::fs::expand_home;
pub(in crate::ssh) use crate::ssh_config::SshHost;
use crate::ssh_config::{self, ConfigFiles};

/// The keys that OpenSSH tries by default.
const USUAL_KEYS: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// The settings for `name`. Blocks.
pub(in crate::ssh) fn read(
    files: &SshFiles,
    alias: &str,
    name: &str,
    user: Option<&str>,
) -> Result<SshHost, Error> {
    let is_word = is_word(name, "\\") && user.is_none_or(|user| is_word(user, ""));
    let told = if is_word {
        ssh_config::resolve(&locations(files), name, user, &succeeds)
    } else {
        Err("host or user has a character that a shell would act on".to_owned())
    };
    told.map_err(|reason| failure(alias, name, reason))
}

/// The keywords of a host that concern logging in, for a server that does not follow the configuration.
/// Runs no command. Blocks.
pub(in crate::ssh) fn login_keywords(
    files: &SshFiles,
    host: &str,
    user: &str,
) -> Result<Vec<&'static str>, Error> {
    let told = ssh_config::resolve(&locations(files), host, Some(user), &|_| false);
    let told = told.map_err(|reason| failure("", host, reason))?;
    let keywords = [
        ("IdentityAgent", told.identity_agent.is_some()),
        ("IdentityFile", told.identity_files.is_some()),
        ("CertificateFile", !told.certificate_files.is_empty()),
    ];
    let set = keywords.into_iter().filter(|(_, is_set)| *is_set);
    Ok(set.map(|(keyword, _)| keyword).collect())
}

fn failure(alias: &str, name: &str, reason: String) -> Error {
    Error::SshConfig {
        alias: alias.to_owned(),
        name: name.to_owned(),
        reason,
    }
}

/// Returns whether a name is one word to a shell. Commands of the configuration (`ProxyCommand`, `Match
/// exec`) may contain it, and a host's name must not change them.
fn is_word(name: &str, also_special: &str) -> bool {
    let is_special = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || "'`\"$;&<>|(){}".contains(letter)
            || also_special.contains(letter)
    };
    // A backslash may follow a domain's name; at the end it would act on what follows.
    !name.starts_with('-') && !name.ends_with('\\') && !name.contains(is_special)
}

/// The hosts that the configuration names, without patterns. Blocks.
pub fn hosts(files: &SshFiles) -> Result<Vec<String>, Error> {
    ssh_config::named_hosts(&locations(files)).map_err(|reason| failure("", "*", reason))
}

/// The user of this process: OpenSSH's default.
pub(in crate::ssh) fn local_user() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"];
    let set = names.iter().find_map(|name| std::env::var(name).ok());
    set.unwrap_or_else(|| "root".to_owned())
}

pub(in crate::ssh) fn usual_keys() -> Vec<PathBuf> {
    USUAL_KEYS.iter().map(|path| expand_home(path)).collect()
}

fn locations(files: &SshFiles) -> ConfigFiles {
    ConfigFiles {
        user: files.user_config.clone(),
        system: files.system_config.clone(),
        home: expand_home("~"),
    }
}

/// Runs a command of `Match exec`, and returns whether it succeeds.
fn succeeds(command: &str) -> bool {
    let status = Command::new("sh")
        .env_remove("MCP_SECRET_KEY")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_command() {
        for name in [
            "web",
            "web-1.example.com",
            "fe80::1%eth0",
            "[::1]:22",
            "*",
            "~x",
            "ü",
        ] {
            assert!(is_word(name, "\\"), "{name}");
        }
        for name in [
            "$(id)",
            "`id`",
            "a;id",
            "a&id",
            "a|id",
            "a b",
            "a\nid",
            "-oProxyCommand=id",
            "${IFS}",
            "a\\",
            "a'b",
            "a\"b",
            "<a",
            "(a)",
            "$IFS",
        ] {
            assert!(!is_word(name, "\\") && !is_word(name, ""), "{name}");
        }
        assert!(is_word("DOMAIN\\user", "") && !is_word("DOMAIN\\user", "\\"));
    }
}
