//! OpenSSH's own server on a loopback port, with throwaway keys.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, PATIENCE, Pm2Daemon, directory, program, text};

/// A running sshd. It ends, with its connections, when dropped.
pub struct Sshd {
    pub port: u16,
    pub directory: Folder,
    process: Child,
    extra: String,
    launch: Launch,
    daemons: Vec<Pm2Daemon>,
}

/// The way in which an sshd is started.
#[derive(Clone, Copy)]
enum Launch {
    Plain,
    /// Permissions hold even if it is run by root.
    Bound,
    /// In a mount namespace of its own, after mounts that depend on its folder.
    Namespace(fn(&Path) -> String),
}

impl Sshd {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts an sshd with further lines of configuration.
    pub fn start_with(extra: &str) -> Self {
        Self::prepared(|_| extra.to_owned())
    }

    /// The same where `prepare` puts files into its folder first, beside the keys, and says the lines.
    pub fn prepared(prepare: impl FnOnce(&Path) -> String) -> Self {
        Self::start_as(prepare, Launch::Plain)
    }

    /// Starts an sshd whose commands are looked for among these programs first: names, and shell scripts.
    pub fn with_programs(programs: &[(&str, &str)], extra: &str) -> Self {
        Self::prepared(|path| {
            let folder = path.join("bin");
            std::fs::create_dir(&folder).unwrap();
            for (name, script) in programs {
                program(&folder, name, script);
            }
            format!("SetEnv PATH={}:/usr/bin:/bin\n{extra}", text(&folder))
        })
    }

    /// Starts PM2's daemon for its user.
    pub fn with_pm2(mut self) -> Self {
        let daemon = Pm2Daemon::start(self.directory.path());
        self.daemons.push(daemon);
        self
    }

    /// Starts an sshd that refuses SFTP requests of these kinds.
    pub fn refusing(requests: &str) -> Self {
        Self::start_with(&format!("Subsystem sftp internal-sftp -P {requests}"))
    }

    /// Starts an sshd whose SFTP server is run by this command line, at the end of which it stands.
    pub fn serving_files_by(command: &str) -> Self {
        let places = [
            "/usr/lib/openssh",
            "/usr/libexec/openssh",
            "/usr/lib/ssh",
            "/usr/libexec",
        ];
        let mut programs = places.iter().map(|place| format!("{place}/sftp-server"));
        let program = programs.find(|program| Path::new(program).exists());
        let program = program.expect("OpenSSH's SFTP server is installed with sshd");
        Self::start_with(&format!("Subsystem sftp {command} {program}"))
    }

    /// Starts an sshd whose user is held by permissions, be he root.
    pub fn start_bound() -> Self {
        Self::start_bound_with("")
    }

    /// The same with further lines of configuration.
    pub fn start_bound_with(extra: &str) -> Self {
        Self::start_as(|_| extra.to_owned(), Launch::Bound)
    }

    /// Starts an sshd in a mount namespace of its own, after these mounts.
    pub fn in_namespace(
        prepare: impl FnOnce(&Path) -> String,
        mounts: fn(&Path) -> String,
    ) -> Self {
        Self::start_as(prepare, Launch::Namespace(mounts))
    }

    fn start_as(prepare: impl FnOnce(&Path) -> String, launch: Launch) -> Self {
        let directory = directory();
        let path = directory.path();
        keygen(&path.join("host"), &["-t", "ed25519"]);
        keygen(&path.join("user"), &["-t", "ed25519"]);
        std::fs::copy(path.join("user.pub"), path.join("authorized_keys")).unwrap();
        let extra = &prepare(path);
        // sshd cannot choose a port itself: another process may take the one chosen here.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            if let Some(process) = start(path, port, extra, launch) {
                return Self {
                    port,
                    directory,
                    process,
                    extra: extra.to_owned(),
                    launch,
                    daemons: Vec::new(),
                };
            }
        }
        panic!(
            "sshd does not start: {}",
            std::fs::read_to_string(path.join("log")).unwrap()
        );
    }

    /// The arguments that register it, with its user's key and without a login.
    pub fn login(&self, alias: &str) -> Value {
        self.login_with(alias, &self.directory.path().join("user"))
    }

    pub fn login_with(&self, alias: &str, key: &Path) -> Value {
        json!({
            "alias": alias, "host": "127.0.0.1", "port": self.port, "user": user(), "keyPath": text(key),
            "verify": false,
        })
    }

    /// Makes another key of a kind that `arguments` say, which may log in as well.
    pub fn authorize(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.directory.path().join(name);
        keygen(&path, arguments);
        self.allow(&path);
        path
    }

    /// Lets another key log in as well.
    pub fn allow(&self, key: &Path) {
        let authorized = self.directory.path().join("authorized_keys");
        let mut lines = std::fs::read_to_string(&authorized).unwrap();
        lines.push_str(&public(key));
        std::fs::write(authorized, lines).unwrap();
    }

    /// Its host key's fingerprint.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.directory.path().join("host"))
    }

    /// Starts it again with another host key, of a kind that `arguments` say.
    pub fn change_host_key(&mut self, arguments: &[&str]) {
        self.kill();
        let path = self.directory.path().join("host");
        for old in [&path, &path.with_extension("pub")] {
            std::fs::remove_file(old).unwrap();
        }
        keygen(&path, arguments);
        self.restart();
    }

    /// Ends sshd and every connection at once, as `kill -9` does. What runs in them goes on.
    pub fn kill(&mut self) {
        let mut stopped = Vec::new();
        // None is to beget another once it has been looked for.
        while stopped != self.processes() {
            stopped = self.processes();
            signal("-STOP", &stopped);
        }
        signal("-KILL", &stopped);
        let _ = self.process.wait();
    }

    /// Makes every connection silent; new ones can be made.
    pub fn freeze(&self) {
        signal("-STOP", &self.processes()[1..]);
    }

    /// Ends every connection at once; new ones can be made.
    pub fn cut(&self) {
        signal("-KILL", &self.processes()[1..]);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.processes().len() > 1 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs a script in its mount namespace.
    pub fn inside(&self, script: &str) {
        let process = self.process.id().to_string();
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &process, "sh", "-c", script]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{script}: {done:?}");
    }

    /// The listener, and what it has begotten.
    fn processes(&self) -> Vec<u32> {
        let mut processes = vec![self.process.id()];
        let mut next = 0;
        while let Some(parent) = processes.get(next).copied() {
            processes.extend(
                sshds()
                    .filter(|(_, of)| *of == parent)
                    .map(|(process, _)| process),
            );
            next += 1;
        }
        processes
    }

    /// Starts it again, on the same port and with the same keys.
    pub fn restart(&mut self) {
        for _ in 0..50 {
            if let Some(process) = start(self.directory.path(), self.port, &self.extra, self.launch)
            {
                self.process = process;
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("sshd does not start again");
    }

    /// A path in its user's home, as an argument.
    pub fn home(&self, name: &str) -> String {
        text(&self.directory.path().join(name))
    }

    /// The number of logins so far.
    pub fn accepted(&self) -> usize {
        self.logged("Accepted ")
    }

    /// The number of lines in its log that have these words. A restart begins a new log.
    pub fn logged(&self, words: &str) -> usize {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(words)).count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            // It is gone with its folder, and says best what went wrong.
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            eprintln!("sshd said:\n{}", log.unwrap_or_default());
        }
    }
}

/// Login shells that are no POSIX ones.
pub const LOGIN_SHELLS: [&str; 3] = ["csh", "tcsh", "fish"];

/// The configuration that makes this the login shell; `None`, said, where it is not there.
pub fn login_shell(shell: &str) -> Option<String> {
    let places = ["/bin", "/usr/bin", "/usr/local/bin"];
    if !places
        .iter()
        .any(|place| Path::new(place).join(shell).exists())
    {
        eprintln!("not run with {shell}: it is not there");
        return None;
    }
    Some(format!(
        "ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""
    ))
}

fn signal(name: &str, processes: &[u32]) {
    let _ = Command::new("kill")
        .arg(name)
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// Every process that is an sshd, with its parent.
fn sshds() -> impl Iterator<Item = (u32, u32)> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (_, rest) = stat.split_once("(sshd")?.1.split_once(") ")?;
            Some((process, rest.split(' ').nth(1)?.parse().ok()?))
        })
}

fn start(directory: &Path, port: u16, extra: &str, launch: Launch) -> Option<Child> {
    let shown = directory.display();
    let subsystem = if extra.contains("Subsystem sftp") {
        ""
    } else {
        "Subsystem sftp internal-sftp"
    };
    // Only the first line of this kind counts.
    let environment = extra.strip_prefix("SetEnv ").unwrap_or_default();
    let configuration = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\n\
         AuthorizedKeysFile {shown}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
         MaxStartups 100\n{subsystem}\nSetEnv HOME={shown} {environment}\n{extra}\n"
    );
    // With a home directory of its own, so that nobody's shell start-up files are in the way.
    std::fs::write(directory.join("config"), configuration).unwrap();
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let mut command = match launch {
        Launch::Plain => Command::new(sshd_path()),
        Launch::Bound => bound(&sshd_path()),
        Launch::Namespace(mounts) => {
            let begin = format!("{} && exec \"$0\" \"$@\"", mounts(directory));
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", &begin]).arg(sshd_path());
            command
        }
    };
    let mut process = command
        .arg("-D")
        .arg("-e")
        .arg("-f")
        .arg(directory.join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("sshd is installed: tests/run does that");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        let log = std::fs::read_to_string(directory.join("log")).unwrap();
        if log.contains("Server listening") {
            return Some(process);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

/// sshd insists on being started by an absolute path.
fn sshd_path() -> PathBuf {
    let places = [
        "/usr/sbin/sshd",
        "/usr/local/sbin/sshd",
        "/opt/homebrew/sbin/sshd",
        "/usr/bin/sshd",
    ];
    places
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("sshd is installed: tests/run does that")
}

/// A program that permissions hold even if it is run by root.
pub fn bound(program: &Path) -> Command {
    if user() != "root" {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(program);
    command
}

/// Makes a key without a passphrase, unless `arguments` say otherwise.
pub fn keygen(path: &Path, arguments: &[&str]) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success());
}

/// The same for an RSA key. Making one takes long, so all are the same within a run.
pub fn keygen_rsa(path: &Path) {
    static HALVES: OnceLock<[String; 2]> = OnceLock::new();
    let public = path.with_extension("pub");
    let [private, its_public] = HALVES.get_or_init(|| {
        keygen(path, &["-t", "rsa", "-b", "2048"]);
        [path, &public].map(|path| std::fs::read_to_string(path).unwrap())
    });
    std::fs::write(path, private).unwrap();
    std::fs::write(public, its_public).unwrap();
    // OpenSSH does not read keys that others can.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A key's public half, as a line.
pub fn public(key: &Path) -> String {
    std::fs::read_to_string(key.with_extension("pub")).unwrap()
}

/// A key's fingerprint.
pub fn fingerprint(key: &Path) -> String {
    let shown = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(key.with_extension("pub"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.split(' ').nth(1).unwrap().to_owned()
}

/// Signs a key's public half: makes its `-cert.pub`.
pub fn certify(authority: &Path, key: &Path, arguments: &[&str]) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-I", "test", "-s"])
        .arg(authority)
        .args(arguments)
        .arg(key.with_extension("pub"))
        .status()
        .unwrap();
    assert!(status.success());
}

/// The user who runs the tests, and so logs in to sshd.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
