//! An sshd whose user may call a real sudo, doas or su: in a mount namespace of its own, with users, passwords and rules of its
//! own, so that nothing of this machine changes.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Sshd, program, text};

/// The user who logs in, and passwords.
const SUDOER: &str = "deploy";
pub const SUDO_PASSWORD: &str = "correct horse 7";
pub const ROOT_PASSWORD: &str = "battery staple 9";
const SUDOER_ID: u32 = 4242;

/// The places of the programs that `tests/run` has fetched.
const SUDO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/sudo");
const DOAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/doas");

/// A program by which a user becomes another, with its rules.
#[derive(Clone, Copy, Debug)]
pub enum Elevator<'r> {
    Sudo(&'r str),
    Doas(&'r str),
    Su,
}

/// Starts an sshd with these rules for sudo; `None`, said, where that cannot be.
pub fn sudo_host(rules: &str) -> Option<Sshd> {
    elevating_host(Elevator::Sudo(rules))
}

/// Starts an sshd with this program; `None`, said, where that cannot be.
pub fn elevating_host(elevator: Elevator<'_>) -> Option<Sshd> {
    let mounts: fn(&Path) -> String = match elevator {
        Elevator::Sudo(_) => |path| mounts(path, &[("usr/bin", SUDO), ("usr/libexec", SUDO)]),
        Elevator::Doas(_) => |path| mounts(path, &[("usr/bin", DOAS)]),
        Elevator::Su => |path| mounts(path, &[]),
    };
    let fetched = match elevator {
        Elevator::Sudo(_) => Path::new(SUDO).join("usr/bin/sudo"),
        Elevator::Doas(_) => Path::new(DOAS).join("usr/bin/doas"),
        Elevator::Su => "/usr/bin/su".into(),
    };
    if !fetched.exists() {
        eprintln!(
            "left out: {} is not there; tests/run fetches it",
            fetched.display()
        );
        return None;
    }
    if !matches!(elevator, Elevator::Sudo(_)) && Path::new("/usr/bin/sudo").exists() {
        eprintln!("left out: this machine has sudo, which goes before {elevator:?}");
        return None;
    }
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", &mounts(Path::new("/usr"))]);
    let is_allowed = probe.stderr(Stdio::null()).status();
    if !is_allowed.is_ok_and(|status| status.success()) {
        eprintln!("left out: no namespace for {elevator:?} may be made here");
        return None;
    }
    Some(Sshd::in_namespace(|path| prepare(path, elevator), mounts))
}

/// The arguments that register it, with a password for sudo.
pub fn sudoer(sshd: &Sshd, password: Option<&str>) -> Value {
    let mut login = sshd.login("web1");
    login["user"] = SUDOER.into();
    if let Some(password) = password {
        login["sudoPassword"] = password.into();
    }
    login
}

/// The commands that put its files over those of the machine, for its namespace alone.
fn mounts(directory: &Path, tools: &[(&str, &str)]) -> String {
    let etc = text(&directory.join("etc"));
    let over = |above: &str, place: &str| {
        format!("mount -t overlay overlay -o lowerdir={above}:{place} {place}")
    };
    let tools = tools.iter();
    let mut all: Vec<_> = tools
        .map(|(place, tool)| over(&format!("{tool}/{place}"), &format!("/{place}")))
        .collect();
    // One without files of its own shows whether it may be done at all.
    if Path::new(&etc).exists() {
        all.push(over(&etc, "/etc"));
    } else {
        all.push(over("/usr/share", "/usr/share"));
    }
    all.join(" && ")
}

fn prepare(path: &Path, elevator: Elevator<'_>) -> String {
    let (rules, doas) = match elevator {
        Elevator::Sudo(rules) => (rules, ""),
        Elevator::Doas(rules) => ("", rules),
        Elevator::Su => ("", ""),
    };
    let etc = path.join("etc");
    std::fs::create_dir_all(etc.join("pam.d")).unwrap();
    let home = path.display();
    let extended = |name: &str, lines: &str| {
        let known = std::fs::read_to_string(format!("/etc/{name}")).unwrap();
        // A detached job has its files in the home of its user.
        let known = known.replace(":/root:", &format!(":{home}/root:"));
        std::fs::write(etc.join(name), format!("{known}{lines}")).unwrap();
    };
    std::fs::create_dir(path.join("root")).unwrap();
    std::fs::set_permissions(path.join("root"), PermissionsExt::from_mode(0o700)).unwrap();
    extended(
        "passwd",
        &format!(
            "{SUDOER}:x:{SUDOER_ID}:{SUDOER_ID}::{home}:/bin/bash\nother:x:4243:4243::{home}:/bin/sh\n"
        ),
    );
    extended(
        "group",
        &format!("{SUDOER}:x:{SUDOER_ID}:\nother:x:4243:\n"),
    );
    let shadow = [
        shadow_line("root", &hashed(ROOT_PASSWORD)),
        shadow_line(SUDOER, &hashed(SUDO_PASSWORD)),
        shadow_line("other", "*"),
    ];
    let shadow = shadow.concat();
    let rules = format!(
        "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nDefaults lecture=always\n{rules}\n"
    );
    let doas = format!("{doas}\n");
    program(path, "attempt", "echo asked >>\"${0%/*}/attempts\"");
    let pam = format!(
        "auth sufficient pam_rootok.so\nauth optional pam_exec.so quiet {home}/attempt\n\
         auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"
    );
    for (name, content, mode) in [
        ("shadow", &*shadow, 0o600),
        ("sudoers", &rules, 0o440),
        ("doas.conf", &doas, 0o600),
        ("pam.d/sudo", &pam, 0o644),
        ("pam.d/doas", &pam, 0o644),
        ("pam.d/su", &pam, 0o644),
    ] {
        std::fs::write(etc.join(name), content).unwrap();
        std::fs::set_permissions(etc.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    chown(path, Some(SUDOER_ID), Some(SUDOER_ID)).unwrap();
    String::new()
}

/// Gives a user there another password, as an administrator would.
pub fn set_password(sshd: &Sshd, user: &str, password: &str) {
    let shadow = sshd.directory.path().join("etc/shadow");
    let lines = std::fs::read_to_string(&shadow).unwrap();
    let lines = lines.lines().map(|line| match line.split(':').next() {
        Some(name) if name == user => shadow_line(user, &hashed(password)),
        _ => format!("{line}\n"),
    });
    let lines: String = lines.collect();
    // In place: the file is mounted.
    std::fs::write(shadow, lines).unwrap();
}

/// Gives sudo there other rules.
pub fn set_rules(sshd: &Sshd, rules: &str) {
    let sudoers = sshd.directory.path().join("etc/sudoers");
    std::fs::write(sudoers, format!("{rules}\n")).unwrap();
}

/// The number of times that a password was asked for there: sudo does so again after a wrong one.
pub fn attempts(sshd: &Sshd) -> usize {
    let attempts = std::fs::read_to_string(sshd.home("attempts"));
    attempts.unwrap_or_default().lines().count()
}

fn shadow_line(user: &str, hashed: &str) -> String {
    format!("{user}:{hashed}:19000:0:99999:7:::\n")
}

fn hashed(password: &str) -> String {
    let mut openssl = Command::new("openssl");
    let openssl = openssl.args(["passwd", "-6", password]);
    let output = openssl.output().expect("OpenSSL is there");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The call of a tool as another user.
pub fn as_root(arguments: Value) -> Value {
    let mut call = arguments;
    call["alias"] = "web1".into();
    if call.get("sudo").is_none() {
        call["sudo"] = json!(true);
    }
    call
}
