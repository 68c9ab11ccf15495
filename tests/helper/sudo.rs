//! An sshd whose user may call a real sudo: in a mount namespace of its own, with users, passwords and rules of its
//! own, so that nothing of this machine changes.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Sshd, text};

/// The user who logs in, and passwords.
const SUDOER: &str = "deploy";
pub const SUDO_PASSWORD: &str = "correct horse 7";
pub const ROOT_PASSWORD: &str = "battery staple 9";
const SUDOER_ID: u32 = 4242;

/// The place of the programs that `tests/run` has fetched.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/sudo");

/// Starts an sshd with these rules for sudo; `None`, said, where that cannot be.
pub fn sudo_host(rules: &str) -> Option<Sshd> {
    if !Path::new(TOOLS).join("usr/bin/sudo").exists() {
        eprintln!("left out: sudo is not there; tests/run fetches it");
        return None;
    }
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", &mounts(Path::new("/usr"))]);
    let is_allowed = probe.stderr(Stdio::null()).status();
    if !is_allowed.is_ok_and(|status| status.success()) {
        eprintln!("left out: no namespace for sudo may be made here");
        return None;
    }
    Some(Sshd::in_namespace(|path| prepare(path, rules), mounts))
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
fn mounts(directory: &Path) -> String {
    let etc = text(&directory.join("etc"));
    let over = |above: &str, place: &str| {
        format!("mount -t overlay overlay -o lowerdir={above}:{place} {place}")
    };
    let program = over(&format!("{TOOLS}/usr/bin"), "/usr/bin");
    let library = over(&format!("{TOOLS}/usr/libexec"), "/usr/libexec");
    // One without files of its own shows whether it may be done at all.
    if Path::new(&etc).exists() {
        format!("{program} && {library} && {}", over(&etc, "/etc"))
    } else {
        format!("{program} && {library}")
    }
}

fn prepare(path: &Path, rules: &str) -> String {
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
    let line =
        |user: &str, password: &str| format!("{user}:{}:19000:0:99999:7:::\n", hashed(password));
    let shadow =
        line("root", ROOT_PASSWORD) + &line(SUDOER, SUDO_PASSWORD) + "other:*:19000:0:99999:7:::\n";
    let rules = format!(
        "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nDefaults lecture=always\n{rules}\n"
    );
    let pam = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n";
    for (name, content, mode) in [
        ("shadow", &*shadow, 0o600),
        ("sudoers", &rules, 0o440),
        ("pam.d/sudo", pam, 0o644),
    ] {
        std::fs::write(etc.join(name), content).unwrap();
        std::fs::set_permissions(etc.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    chown(path, Some(SUDOER_ID), Some(SUDOER_ID)).unwrap();
    String::new()
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
