//! Facts about this machine and its user that the files may ask for.

/// The facts of this machine. Functions, because most files ask for none of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) user_name: fn() -> Option<String>,
    pub(super) user_id: fn() -> Option<u32>,
    pub(super) host_name: fn() -> Option<String>,
    pub(super) variable: fn(&str) -> Option<String>,
}

impl Local {
    /// This process on this machine.
    pub(super) const HERE: Self = Self {
        user_name,
        user_id,
        host_name,
        variable,
    };
}

/// A machine that is the same everywhere.
#[cfg(test)]
pub(super) const STEADY: Local = Local {
    user_name: || Some("me".into()),
    user_id: || Some(1000),
    host_name: || Some("box.lan".into()),
    variable: |name| (name == "COLOUR").then(|| "blue".into()),
};

fn variable(name: &str) -> Option<String> {
    // Some names make the standard library panic.
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    is_name(name).then(|| std::env::var(name).ok()).flatten()
}

/// The name of the user of this process.
pub(super) fn user_name() -> Option<String> {
    // The account counts, as for OpenSSH; the environment is for systems that list accounts elsewhere.
    user_id().and_then(account).or_else(|| {
        ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))
    })
}

fn account(id: u32) -> Option<String> {
    let accounts = std::fs::read("/etc/passwd").ok()?;
    let accounts = String::from_utf8_lossy(&accounts);
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

#[cfg(unix)]
fn user_id() -> Option<u32> {
    // Without /proc, a directory of our own shows it.
    owner_of("/proc/self".as_ref()).or_else(|| owner_of(std::env::var_os("HOME")?.as_ref()))
}

#[cfg(unix)]
fn owner_of(path: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    Some(std::fs::metadata(path).ok()?.uid())
}

#[cfg(not(unix))]
fn user_id() -> Option<u32> {
    None
}

fn host_name() -> Option<String> {
    // The standard library cannot ask for it.
    let name = if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        name
    } else {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()?
    };
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn printed(program: &str, argument: Option<&str>) -> Option<String> {
        let output = std::process::Command::new(program).args(argument).output();
        Some(
            String::from_utf8(output.ok()?.stdout)
                .ok()?
                .trim()
                .to_owned(),
        )
    }

    #[test]
    fn the_system_agrees() {
        let id = user_id().map(|id| id.to_string());
        assert_eq!(id, printed("id", Some("-u")));
        assert_eq!(user_name(), printed("id", Some("-un")));
        assert_eq!(host_name(), printed("uname", Some("-n")));
        assert_eq!(variable(""), None);
        assert_eq!(variable("A=B"), None);
    }
}
