//! Hosts and key files as people write them: with the user, the port, or quotes.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::fs::expand_home;
use crate::fs::small_file;
use crate::secret::masked_host;

/// Schemes of addresses that lead to an SSH server.
const SCHEMES: [&str; 3] = ["ssh", "sftp", "scp"];

/// A host to log in to, with user and port.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LoginAddress {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// User.
    pub user: String,
    /// Port, if one is named.
    pub port: Option<u16>,
}

/// A key file as it is kept, with a note for the user.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Its path.
    pub path: String,
    /// A sentence without its full stop.
    pub note: Option<String>,
}

impl LoginAddress {
    /// Reads `user@host:port`, `ssh://…`, `[::1]` and the like. A part that is given twice has to be the
    /// same.
    pub fn read(host: &str, user: &str, port: Option<u16>) -> Result<Self, Error> {
        let written = without_scheme(unquoted(host))?;
        if masked_host(written).is_some() {
            return Err(refused_host(
                "has more than a user before the `@`; give a secret as `password`",
            ));
        }
        let (login, written) = match written.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, written),
        };
        if login.is_some_and(|login| login.contains(char::is_whitespace)) {
            return Err(no_host());
        }
        let (host, within) = host_and_port(written)?;
        check_host(host)?;
        let port = agreed("port", within, port)?;
        let user = user_at(unquoted(user), host);
        let filled = |user: &&str| !user.is_empty();
        let user = agreed("user", login.filter(filled), Some(user).filter(filled))?;
        Ok(Self {
            host: host.to_owned(),
            user: user.unwrap_or_default().to_owned(),
            port,
        })
    }
}

impl KeyFile {
    /// Reads a path, and looks at the file. With `may_be_public`, a public half may stand alone: it selects
    /// one of an agent's keys. Blocks.
    pub fn read(written: &str, may_be_public: bool) -> Result<Self, Error> {
        let path = bare_path(written);
        check_path(path)?;
        let file = expand_home(path);
        let note = match small_file::read(&file) {
            Ok(bytes) if is_public(&String::from_utf8_lossy(&bytes)) => {
                return Self::of_public_half(path, may_be_public);
            }
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(private) = private_beside(path) {
                    return Ok(Self::beside(path, private));
                }
                // A key may still be on its way, and an agent may have what the file is named for.
                (!may_be_public).then(|| format!("there is no key file at `{}`", shown(&file)))
            }
            Err(error) => Some(format!(
                "the key file `{}` cannot be read: {error}",
                shown(&file)
            )),
        };
        Ok(Self {
            path: path.to_owned(),
            note,
        })
    }

    fn of_public_half(path: &str, may_be_public: bool) -> Result<Self, Error> {
        match private_beside(path) {
            Some(private) => Ok(Self::beside(path, private)),
            None if may_be_public => Ok(Self {
                path: path.to_owned(),
                note: None,
            }),
            None => Err(refused_key(
                "is the public half of a key, and the private one does not lie beside it; give the private key, or agent: true in place of keyPath if an SSH agent holds it",
            )),
        }
    }

    fn beside(path: &str, private: String) -> Self {
        let note = format!(
            "`{path}` is the public half of a key; the private one beside it, `{private}`, is used"
        );
        Self {
            path: private,
            note: Some(note),
        }
    }
}

/// The path of a key file, without quotes and scheme.
pub(in crate::ssh) fn key_path(written: &str) -> PathBuf {
    expand_home(bare_path(written))
}

/// Returns whether a path is a private key itself.
pub fn is_private_key(path: &str) -> bool {
    unquoted(path).starts_with("-----BEGIN")
}

/// Returns whether a text contains a public key or a certificate, as OpenSSH writes them.
pub(in crate::ssh) fn is_public(text: &str) -> bool {
    let kinds = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let key = words.next().unwrap_or_default();
        // The key begins with the length of its kind, whose first bytes are zero.
        kinds.iter().any(|known| kind.starts_with(known)) && key.starts_with("AAAA")
    })
}

/// A name without the spaces and quotes around it.
pub fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let quoted = ['"', '\'', '`'].iter().find_map(|quote| {
        let text = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
        Some(text.trim())
    });
    quoted.unwrap_or(text)
}

fn bare_path(written: &str) -> &str {
    let path = unquoted(written);
    let path = path.strip_prefix("file:").unwrap_or(path);
    path.strip_prefix("//")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path)
}

fn check_path(path: &str) -> Result<(), Error> {
    if is_private_key(path) || is_public(path) {
        return Err(refused_key(
            "is a key itself; save it in a file, and give that file's path",
        ));
    }
    if path.is_empty() {
        return Err(refused_key("is empty"));
    }
    let is_left = expand_home(path).as_os_str() == path && path.starts_with(['~', '$', '%']);
    if is_left {
        return Err(refused_key(
            "begins with what only a shell replaces; give the whole path, or begin it with ~/",
        ));
    }
    let is_drive = |path: &[u8]| {
        path.first().is_some_and(u8::is_ascii_alphabetic)
            && matches!(path.get(1..3), Some(b":\\" | b":/"))
    };
    if cfg!(unix) && (is_drive(path.as_bytes()) || path.starts_with("\\\\")) {
        return Err(refused_key(
            "is a path of Windows; give it as this machine has it, such as ~/.ssh/id_ed25519 (in WSL /mnt/c/…)",
        ));
    }
    Ok(())
}

/// The private key that a public half or a certificate belongs to, if it lies beside it.
fn private_beside(path: &str) -> Option<String> {
    let ends = ["-cert.pub", ".pub"];
    let private = ends.iter().find_map(|end| path.strip_suffix(end))?;
    let is_there = expand_home(private).is_file();
    is_there.then(|| private.to_owned())
}

/// The whole path: which directory this program runs in is seldom known.
fn shown(path: &Path) -> String {
    let whole = std::path::absolute(path);
    whole
        .as_deref()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn without_scheme(host: &str) -> Result<&str, Error> {
    let Some((scheme, rest)) = host.split_once("://") else {
        return Ok(host);
    };
    if !SCHEMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
    {
        return Err(refused_host(
            "is an address of something else than SSH; give the host alone, or as user@host:port",
        ));
    }
    Ok(rest.strip_suffix('/').unwrap_or(rest))
}

/// Splits `host:port` and `[host]:port`; an IPv6 address has colons of its own.
fn host_and_port(written: &str) -> Result<(&str, Option<u16>), Error> {
    if let Some(rest) = written.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(no_host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port_number(port)?))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(no_host()),
        };
    }
    match written.split_once(':') {
        // A path follows, not a port.
        Some((_, path)) if path.contains(['/', '\\']) => Err(with_path()),
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port_number(port)?))),
        _ => Ok((written, None)),
    }
}

fn port_number(port: &str) -> Result<u16, Error> {
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_plain && *port != 0);
    port.ok_or_else(|| refused_host("names no port of 1 to 65535 after the colon"))
}

fn check_host(host: &str) -> Result<(), Error> {
    if host.contains(['/', '\\']) {
        return Err(with_path());
    }
    let is_odd = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "@?#\"'`,;<>()[]{}|&$!*".contains(letter)
    };
    // A zone may follow an IPv6 address (RFC 4007, section 11).
    let address = host.split('%').next().unwrap_or_default();
    let is_unfit = host.contains([':', '%']) && address.parse::<IpAddr>().is_err();
    let is_dots = !host.is_empty() && host.bytes().all(|byte| byte == b'.');
    if host.starts_with('-') || host.contains(is_odd) || is_unfit || is_dots {
        return Err(no_host());
    }
    Ok(())
}

/// The user of `root@web1` where the host is `web1`; another name there is that of a directory service.
fn user_at<'u>(user: &'u str, host: &str) -> &'u str {
    match user.rsplit_once('@') {
        Some((name, domain)) if !host.is_empty() && domain.eq_ignore_ascii_case(host) => name,
        _ => user,
    }
}

/// A value that is given once, or twice alike.
fn agreed<T: PartialEq>(what: &str, one: Option<T>, other: Option<T>) -> Result<Option<T>, Error> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            let problem = format!("is not the {what} that `host` names: give it once");
            Err(Error::invalid(what, problem))
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn with_path() -> Error {
    refused_host("has a path in it; give the host alone, or as user@host:port")
}

fn no_host() -> Error {
    refused_host(
        "is not a host name or IP address; give it alone, or as user@host:port or [IPv6]:port",
    )
}

fn refused_host(problem: &str) -> Error {
    Error::invalid("host", problem)
}

fn refused_key(problem: &str) -> Error {
    Error::invalid("keyPath", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &str) -> Result<LoginAddress, Error> {
        LoginAddress::read(host, "", None)
    }

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (written, host, user, port) in [
            ("web1", "web1", "", None),
            (" web1.example.org ", "web1.example.org", "", None),
            ("web1.example.org.", "web1.example.org.", "", None),
            ("\"10.0.0.1\"", "10.0.0.1", "", None),
            ("10.0.0.1:22", "10.0.0.1", "", Some(22)),
            ("[::1]", "::1", "", None),
            ("::1", "::1", "", None),
            ("fe80::1%eth0", "fe80::1%eth0", "", None),
            ("[fe80::1%eth0]:2222", "fe80::1%eth0", "", Some(2222)),
            ("root@10.0.0.1:2222", "10.0.0.1", "root", Some(2222)),
            ("root@[2001:db8::1]", "2001:db8::1", "root", None),
            ("ssh://deploy@web1:22/", "web1", "deploy", Some(22)),
            ("SFTP://web1", "web1", "", None),
            ("me@corp.example@web1", "web1", "me@corp.example", None),
            ("bücher.example", "bücher.example", "", None),
        ] {
            let address = LoginAddress {
                host: host.to_owned(),
                user: user.to_owned(),
                port,
            };
            assert_eq!(read(written).unwrap(), address, "{written}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused_without_being_quoted() {
        for (written, words) in [
            ("https://web1", "something else than SSH"),
            ("ssh://web1/path", "has a path"),
            ("web1:/srv", "has a path"),
            ("C:\\Users\\me", "has a path"),
            ("ssh -p 22 web1", "user@host:port"),
            ("ssh -p 22 root@web1", "user@host:port"),
            ("web1:", "names no port"),
            ("web1:0", "names no port"),
            ("web1:65536", "names no port"),
            ("web1:+22", "names no port"),
            ("web1:ssh", "names no port"),
            ("[::1", "[IPv6]:port"),
            ("[::1]22", "[IPv6]:port"),
            ("1:2:3", "[IPv6]:port"),
            ("web1%eth0", "[IPv6]:port"),
            ("root:secret@web1", "`password`"),
            ("-oProxyCommand=id", "user@host:port"),
            ("web1,web2", "user@host:port"),
            ("$HOST", "user@host:port"),
            ("..", "user@host:port"),
        ] {
            let error = read(written).unwrap_err().to_string();
            assert!(error.starts_with("parameter `host`"), "{error}");
            assert!(error.contains(words), "{written}: {error}");
            assert!(!error.contains("secret@"), "{error}");
        }
    }

    #[test]
    fn what_is_said_twice_is_the_same() {
        let read = |host: &str, user: &str, port: u16| LoginAddress::read(host, user, Some(port));
        let address = LoginAddress {
            host: "web1".into(),
            user: "root".into(),
            port: Some(2222),
        };
        for (host, user) in [
            ("root@web1:2222", "root"),
            ("web1", " root "),
            ("web1", "root@web1"),
            ("root@web1", ""),
        ] {
            assert_eq!(read(host, user, 2222).unwrap(), address, "{host} {user}");
        }
        let directory = read("web1", "root@corp.example", 22).unwrap();
        assert_eq!(directory.user, "root@corp.example");
        for (host, user, parameter) in
            [("root@web1", "deploy", "user"), ("web1:22", "root", "port")]
        {
            let error = read(host, user, 2222).unwrap_err().to_string();
            let begins = format!("parameter `{parameter}`");
            assert!(error.starts_with(&begins), "{error}");
        }
    }

    #[test]
    fn a_path_is_bare() {
        let home = expand_home("~");
        for (written, path) in [
            (" \"/k/id\" ", "/k/id".into()),
            ("'~/.ssh/id'", home.join(".ssh/id")),
            ("$HOME/.ssh/id", home.join(".ssh/id")),
            ("file:///k/id", "/k/id".into()),
            ("file:~/id", home.join("id")),
        ] {
            assert_eq!(key_path(written), path, "{written}");
        }
    }
}
