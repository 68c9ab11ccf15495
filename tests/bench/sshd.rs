//! OpenSSH's server and clients, on loopback with throwaway keys.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::comparison::{Peer, timed};

/// Names for the server: two, so that it can stand for two servers.
pub const HOSTS: [&str; 2] = ["b", "b2"];

/// A running sshd with a client configuration for it. It ends when dropped.
pub struct Sshd {
    pub port: u16,
    pub place: PathBuf,
    process: Child,
}

fn keygen(path: &Path) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path);
    assert!(command.status().expect("ssh-keygen is there").success());
}

impl Sshd {
    pub fn start(place: &Path) -> Self {
        for key in ["host", "user"] {
            keygen(&place.join(key));
        }
        std::fs::copy(place.join("user.pub"), place.join("authorized_keys")).expect("a copy");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let shown = place.display();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\nPidFile none\nStrictModes no\n\
             AuthorizedKeysFile {shown}/authorized_keys\nUsePAM no\nPermitRootLogin yes\n\
             MaxStartups 100\nSubsystem sftp internal-sftp\nSetEnv HOME={shown}\n"
        );
        std::fs::write(place.join("sshd"), settings).expect("a file");
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-f"])
            .arg(place.join("sshd"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd is there: tests/run installs it");
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            port,
            place: place.to_owned(),
            process,
        }
    }

    /// A client configuration for a port that leads to it: the cipher that both sides prefer here.
    pub fn client(&self, port: u16) -> Client {
        let shown = self.place.display();
        let config = self.place.join(format!("client-{port}"));
        let settings = format!(
            "Host b b2\n HostName 127.0.0.1\n Port {port}\n User {}\n IdentityFile {shown}/user\n\
             \x20UserKnownHostsFile {shown}/known\n StrictHostKeyChecking no\n LogLevel ERROR\n\
             \x20Ciphers aes128-gcm@openssh.com\n",
            user()
        );
        std::fs::write(&config, settings).expect("a file");
        let socket = self.place.join(format!("master-{port}-%n"));
        for host in HOSTS {
            let mut master = Command::new("ssh");
            master.arg("-F").arg(&config).arg("-MNf");
            master.arg("-S").arg(&socket).arg(host);
            assert!(master.status().expect("ssh is there").success());
        }
        let mut client = Client {
            config,
            socket,
            master: 0,
        };
        client.master = client.find_master();
        client
    }
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id is there");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// OpenSSH's clients, with and without a connection that is there already.
pub struct Client {
    config: PathBuf,
    socket: PathBuf,
    /// The process that holds the connection.
    pub master: u32,
}

impl Client {
    fn command(&self, program: &str, warm: bool) -> Command {
        let mut command = Command::new(program);
        command.arg("-F").arg(&self.config);
        if warm {
            command
                .arg("-o")
                .arg(format!("ControlPath={}", self.socket.display()));
        }
        command.stdout(Stdio::null());
        command
    }

    /// Makes a peer of one of these clients.
    pub fn peer<'a>(&'a self, name: &str, work: impl Fn(&Self, &Path) + 'a) -> Peer<'a> {
        Peer {
            name: name.to_owned(),
            process: self.master,
            work: Box::new(move |target| timed(|| work(self, target))),
        }
    }

    /// Runs one line of `sftp`'s over the connection that is there.
    pub fn sftp(&self, option: &str, line: &str) {
        let mut command = self.command("sftp", true);
        command.args([option, "-b", "-", "b"]).stdin(Stdio::piped());
        let mut process = command.spawn().expect("sftp is there");
        let mut stdin = process.stdin.take().expect("it is piped");
        writeln!(stdin, "{line}").expect("sftp reads");
        drop(stdin);
        assert!(process.wait().expect("it ends").success(), "sftp: {line}");
    }

    /// Copies a file over the connection that is there. A remote path has `b:` before it.
    pub fn scp(&self, from: &str, to: &str) {
        let mut command = self.command("scp", true);
        let status = command.args(["-q", from, to]).stdin(Stdio::null()).status();
        assert!(status.expect("scp is there").success());
    }

    /// Has the connection that is there lead from a free port to a port of the server.
    pub fn forward(&self, port: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let free = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let mut forward = self.command("ssh", true);
        forward.args(["-O", "forward", "-L"]);
        forward.arg(format!("127.0.0.1:{free}:127.0.0.1:{port}"));
        let status = forward.arg("b").stdin(Stdio::null()).status();
        assert!(status.expect("ssh is there").success());
        free
    }

    /// Returns whether rsync is installed.
    pub fn has_rsync() -> bool {
        let mut command = Command::new("rsync");
        let command = command.arg("--version").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Copies a directory's contents over the connection that is there.
    pub fn rsync(&self, options: &[&str], from: &Path, to: &Path) {
        let ssh = format!(
            "ssh -F {} -o ControlPath={}",
            self.config.display(),
            self.socket.display()
        );
        let mut command = Command::new("rsync");
        let status = command
            .args(options)
            .args(["-e", &ssh])
            .arg(format!("{}/", from.display()))
            .arg(format!("b:{}/", to.display()))
            .stdin(Stdio::null())
            .status();
        assert!(status.expect("rsync is there").success());
    }

    /// Copies a file from one server to the other, over the connections that are there.
    pub fn scp_between(&self, from: &Path, to: &Path) {
        let mut command = self.command("scp", true);
        let [from, to] =
            [("b", from), ("b2", to)].map(|(host, path)| format!("{host}:{}", path.display()));
        let status = command
            .args(["-3", "-q", &from, &to])
            .stdin(Stdio::null())
            .status();
        assert!(status.expect("scp is there").success());
    }

    /// Runs a command, over the connection that is there or over a new one.
    pub fn ssh(&self, command: &str, warm: bool) {
        let mut ssh = self.command("ssh", warm);
        let status = ssh.args(["b", command]).stdin(Stdio::null()).status();
        assert!(status.expect("ssh is there").success());
    }

    /// The process that holds the connection.
    fn find_master(&self) -> u32 {
        let mut check = self.command("ssh", true);
        let output = check
            .args(["-O", "check", "b"])
            .output()
            .expect("ssh is there");
        let text = String::from_utf8_lossy(&output.stderr);
        // "Master running (pid=123)"
        let id = text
            .split_once("pid=")
            .and_then(|(_, rest)| rest.split_once(')'));
        id.and_then(|(id, _)| id.parse().ok()).unwrap_or_default()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for host in HOSTS {
            let mut leave = Command::new("ssh");
            leave.arg("-F").arg(&self.config);
            leave.arg("-S").arg(&self.socket);
            leave.args(["-O", "exit", host]).stderr(Stdio::null());
            let _ = leave.status();
        }
    }
}
