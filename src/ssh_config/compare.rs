//! Tests that OpenSSH, if it is installed, resolves hosts to the same settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ConfigFiles, Jump, SshHost, StrictHostKeyChecking, resolve};

/// Files by name, and hosts to ask for. `{dir}` stands for the directory of the files, and the
/// first of them is the configuration.
struct Case {
    files: &'static [(&'static str, &'static str)],
    hosts: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        files: &[(
            "config",
            "Host web*\n  HostName %h.example.com\n  User a\n  Port=2222\n  IdentityFile /k/1\n\
             Host *.lan !db.lan\n  user = b\n  IdentityFile=\"/k/two words\"\nHost f[o]o a,b\n  Port 9\n\
             Host *\n  User c\n  IdentityFile /k/3\n  IdentityFile /k/1\n  CertificateFile /c/1\n\
             CertificateFile /c/2\n  HostKeyAlias Some-Alias\n",
        )],
        hosts: &[
            "web1", "WEB1", "x.lan", "db.lan", "foo", "a", "FE80::1", "me@web1", "X.LAN",
        ],
    },
    Case {
        files: &[
            (
                "config",
                "Host web\n  Include {dir}/in/*\n  Port 1\nHost *\n  Include {dir}/none {dir}/late\n",
            ),
            (
                "in/1",
                "User a\nHost nobody\n  IdentityFile /k/no\nHost web\n  Include {dir}/deep",
            ),
            ("in/2", "User b\nMatch host db\n  Port 7\n"),
            ("in/.3", "HostKeyAlias hidden\n"),
            (
                "deep",
                "IdentityFile /k/deep\nMatch user a\n  HostName deep.%h\n",
            ),
            (
                "late",
                "ProxyJump me@gate:22,inner\nHost db\nProxyCommand nc %h %p\n",
            ),
        ],
        hosts: &["web", "db", "other"],
    },
    Case {
        files: &[(
            "config",
            "Match host WEB,db user root,a\n  Port 1\nMatch originalhost !x*,*\n  IdentityFile /k/1\n\
             Match !host web\n  HostName real.%h\nMatch host real.*\n  User a\nMatch host real.* user a\n\
             IdentityFile /k/2\nMatch exec \"test %h = real.db\"\n  HostKeyAlias e\nMatch !exec false\n\
             CertificateFile /c/1\nMatch exec=\"test %n-%p-%r = web-22-z\"\n  CertificateFile /c/2\n\
             Match localuser nobody-at-all\n  User n\nMatch !localuser nobody-at-all all\n  Port 5\n\
             Match !all\n  Port 6\nMatch host \"web, x\" # all\n  IdentityFile /k/3\n",
        )],
        hosts: &["web", "db", "xy", "z@web", "WEB", "a@db"],
    },
    Case {
        files: &[
            (
                "config",
                "Host web\n  HostName REAL.lan\nMatch final host real.lan\n  User f\n  IdentityFile /k/1\n\
                 Match !final\n  IdentityFile /k/2\nMatch canonical\n  Port 3\nHost real.lan\n  HostKeyAlias h\n\
                 Match final\n  Include {dir}/more\nMatch all\n  IdentityFile /k/3\n  HostName late\n",
            ),
            (
                "more",
                "HostName again\nHost web\n  ProxyCommand w\nMatch originalhost web\n  CertificateFile /o\n",
            ),
        ],
        hosts: &["web", "real.lan", "other"],
    },
    Case {
        files: &[(
            "config",
            "Match canonical\nPort 3\nMatch host none final\nUser u\nMatch final all\nIdentityFile /f\n\
             Match originalhost a\nHostName b%%c.%h\nMatch exec \"test %h = WEB\"\nPort 4\n",
        )],
        hosts: &["web", "a", "WEB"],
    },
    Case {
        files: &[(
            "config",
            "Host a\n ProxyJump none\n ProxyCommand x\nHost b\n ProxyCommand none\n ProxyJump y\nHost c\n\
             ProxyJump u@h:1,ssh://v@i:2/\nHost d\nProxyCommand = \"nc\" -x 'it s'=1 '#' # %h \nHost e\n\
             ProxyJump [::1]:22 # first\nHost f\nProxyJump a b\nHost *\n ProxyJump last\n ProxyCommand z\n",
        )],
        hosts: &["a", "b", "c", "d", "e", "f", "g"],
    },
    Case {
        files: &[(
            "config",
            "Host a\nStrictHostKeyChecking OFF\nUserKnownHostsFile /k/%h ~/x/%n \"/k/a b\" ${HOME}/%%\n\
             Host b\nStrictHostKeyChecking yes\nUserKnownHostsFile none\nHost c\n\
             StrictHostKeyChecking accept-new\nUserKnownHostsFile /%k/%p/%r\nHostKeyAlias ABC\nPort 5\n\
             Host *\nStrictHostKeyChecking ask\nGlobalKnownHostsFile /g /h\nConnectTimeout 1m30\n\
             ServerAliveInterval 2H\nServerAliveCountMax 7\nAddressFamily INET6\nBindAddress 10.0.0.1\n\
             PreferredAuthentications publickey,password\n",
        )],
        hosts: &["a", "b", "c", "d"],
    },
    Case {
        files: &[(
            "config",
            " \t# x\nuSER\t=\t\"a b\"\t # c\nPORT 5 # x\r\nIdentityFile /k/a#b\nIdentityFile /k/a\\ b\n\
             IdentityFile '/k/\"q\"'\nIdentityFile \"/k/it's\"\nIdentityFile /k/\\\\x\\y\n\
             IdentityFile2 /k/old\nHostName =x=y\nCertificateFile a\"b c\"d\nIgnoreUnknown foo*,ba?\n\
             FooBar 1\nBAZ 2\nProtocol 2\nSkeyAuthentication no\nCompression yes\n",
        )],
        hosts: &["web"],
    },
];

/// Contents that OpenSSH refuses as well.
const REFUSED: &[&str] = &[
    "User a b",
    "User",
    "User \"\"",
    "User # a",
    "User \"a",
    "User == a",
    "Port 0",
    "Port 65536",
    "Port 22x",
    "Host",
    "Host \"\"",
    "Match",
    "Match host",
    "Match host \"\"",
    "Match nonsense x y",
    "Include \"\"",
    "Include {dir}/config",
    "HostName %n",
    "HostName %h%",
    "StrictHostKeyChecking maybe",
    "UserKnownHostsFile none /x",
    "UserKnownHostsFile ${SURELY_NOT_SET_ANYWHERE}",
    "UserKnownHostsFile %z",
    "ProxyJump a,,b",
    "ProxyJump a@",
    "ProxyJump a:0",
    "ProxyJump ::1",
    "ProxyJump ssh://b/path",
    "IdentityAgent $X-Y",
    "ServerAliveInterval -1",
    "ServerAliveCountMax x",
    "ConnectTimeout x",
    "AddressFamily ipv5",
];

fn ssh(arguments: &[&str]) -> Option<std::process::Output> {
    let mut command = Command::new("ssh");
    command.args(arguments).stdin(Stdio::null()).output().ok()
}

fn written(case: &Case) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().to_str().unwrap();
    for (name, content) in case.files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.replace("{dir}", dir)).unwrap();
    }
    directory
}

fn ours(directory: &Path, destination: &str) -> Result<SshHost, String> {
    let files = ConfigFiles {
        user: directory.join("config"),
        system: directory.join("no-such-file"),
        home: std::env::var_os("HOME").unwrap().into(),
    };
    let run = |command: &str| {
        let status = Command::new("sh").args(["-c", command]).status();
        status.is_ok_and(|status| status.success())
    };
    match destination.split_once('@') {
        Some((user, host)) => resolve(&files, host, Some(user), &run),
        None => resolve(&files, destination, None, &run),
    }
}

fn paths(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

fn jumps(jumps: &[Jump]) -> String {
    let hop = |jump: &Jump| {
        let user = jump.user.as_ref().map(|user| format!("{user}@"));
        let port = jump.port.map(|port| format!(":{port}"));
        let host = if jump.host.contains(':') {
            format!("[{}]", jump.host)
        } else {
            jump.host.clone()
        };
        user.unwrap_or_default() + &host + &port.unwrap_or_default()
    };
    jumps.iter().map(hop).collect::<Vec<_>>().join(",")
}

/// The lines of `ssh -G` that ours come to. What nothing was said about is left out.
fn lines(host: &SshHost) -> Vec<(&'static str, Vec<String>)> {
    let mut lines = vec![("hostname", vec![host.host_name.clone()])];
    let mut line = |name, value: Option<String>| {
        if let Some(value) = value {
            lines.push((name, vec![value]));
        }
    };
    line("user", host.user.clone());
    line("port", host.port.map(|port| port.to_string()));
    line("hostkeyalias", host.host_key_alias.clone());
    let proxy_jump = Some(jumps(&host.proxy_jump)).filter(|jumps| !jumps.is_empty());
    line("proxyjump", proxy_jump);
    let strict = host.strict_host_key_checking.map(|strict| match strict {
        StrictHostKeyChecking::Yes => "true",
        StrictHostKeyChecking::AcceptNew => "accept-new",
        StrictHostKeyChecking::Ask => "ask",
        StrictHostKeyChecking::No => "false",
    });
    line("stricthostkeychecking", strict.map(str::to_owned));
    let list = |list: &Option<Vec<PathBuf>>| {
        let list = list.as_ref()?;
        Some(if list.is_empty() {
            "none".into()
        } else {
            paths(list).join(" ")
        })
    };
    line("userknownhostsfile", list(&host.user_known_hosts_files));
    line("globalknownhostsfile", list(&host.global_known_hosts_files));
    let seconds = |time: Option<std::time::Duration>| Some(time?.as_secs().to_string());
    line("connecttimeout", seconds(host.connect_timeout));
    line("serveraliveinterval", seconds(host.server_alive_interval));
    line(
        "serveralivecountmax",
        host.server_alive_count_max.map(|count| count.to_string()),
    );
    line("bindaddress", host.bind_address.clone());
    let methods = host.preferred_authentications.as_ref();
    line(
        "preferredauthentications",
        methods.map(|methods| methods.join(",")),
    );
    if let Some(files) = &host.identity_files {
        lines.push(("identityfile", paths(files)));
    }
    lines.push(("certificatefile", paths(&host.certificate_files)));
    lines
}

#[test]
fn openssh_resolves_the_same() {
    if ssh(&["-V"]).is_none() {
        return;
    }
    for case in CASES {
        let directory = written(case);
        let config = directory.path().join("config");
        for destination in case.hosts {
            let theirs = ssh(&["-G", "-F", config.to_str().unwrap(), destination]).unwrap();
            let context = format!("{destination} in {}", case.files[0].1);
            let complaint = String::from_utf8_lossy(&theirs.stderr);
            assert!(theirs.status.success(), "{context}: {complaint}");
            let theirs = String::from_utf8(theirs.stdout).unwrap();
            let their = |name: &str| -> Vec<String> {
                let values = theirs.lines().filter_map(|line| line.split_once(' '));
                let values = values.filter(|(other, _)| *other == name);
                values.map(|(_, value)| value.to_owned()).collect()
            };
            let host = ours(directory.path(), destination).unwrap();
            for (name, values) in lines(&host) {
                assert_eq!(values, their(name), "{name} of {context}");
            }
            // It prints the command with its tokens, and what was not said as defaults.
            assert_eq!(
                host.proxy_command.is_some(),
                !their("proxycommand").is_empty(),
                "{context}"
            );
            assert_eq!(
                host.proxy_jump.is_empty(),
                their("proxyjump").is_empty(),
                "{context}"
            );
            assert_eq!(
                host.host_key_alias.is_none(),
                their("hostkeyalias").is_empty(),
                "{context}"
            );
            if host.port.is_none() {
                assert_eq!(their("port"), ["22"], "{context}");
            }
            if host.identity_files.is_none() {
                assert!(
                    their("identityfile")
                        .iter()
                        .all(|file| file.starts_with("~/.ssh/id_"))
                );
            }
        }
    }
}

#[test]
fn openssh_refuses_the_same() {
    if ssh(&["-V"]).is_none() {
        return;
    }
    for line in REFUSED {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config");
        let line = line.replace("{dir}", directory.path().to_str().unwrap());
        std::fs::write(&config, format!("{line}\n")).unwrap();
        let theirs = ssh(&["-G", "-F", config.to_str().unwrap(), "web"]).unwrap();
        assert!(!theirs.status.success(), "OpenSSH takes `{line}`");
        assert!(ours(directory.path(), "web").is_err(), "we take `{line}`");
    }
}

/// `ssh -G` prints these as they are written, so OpenSSH is made to use them.
#[test]
fn openssh_replaces_the_same_tokens() {
    if ssh(&["-V"]).is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let out = directory.path().join("out");
    // A command that gives its output away at once is taken for dead.
    let text = format!(
        "HostName BAR.%h\nUser u\nPort 2200\nHostKeyAlias Key\nIdentityFile none\n\
         IdentityFile ~/%d/%h/%i/%k/%L/%l/%n/%p/%r/%u/%%/${{HOME}}\nIdentityFile /%n\n\
         CertificateFile ~/%h-%n\nIdentityFile \"$x y\"\n\
         ProxyCommand sh -c 'printf \"%%s|\" %h %n %p %r \"$$\" %% > {}; exit 1' # %h\n",
        out.display()
    );
    std::fs::write(&config, text).unwrap();
    let theirs = ssh(&["-v", "-F", config.to_str().unwrap(), "Foo"]).unwrap();
    let log = String::from_utf8_lossy(&theirs.stderr).replace('\r', "");
    let named = |what: &str| -> Vec<PathBuf> {
        let files = log.lines().filter_map(|line| {
            let file = line.strip_prefix(&format!("debug1: {what} file "))?;
            Some(file.rsplit_once(" type ")?.0.into())
        });
        files.collect()
    };
    let host = ours(directory.path(), "Foo").unwrap();
    assert_eq!(host.identity_files.unwrap(), named("identity"));
    assert_eq!(host.certificate_files, named("certificate"));
    let printed = std::fs::read_to_string(&out).unwrap();
    let process = printed.split('|').nth(4).unwrap().to_owned();
    let command = host.proxy_command.unwrap().replace("$$", &process);
    std::fs::remove_file(&out).unwrap();
    let _ = Command::new("sh").args(["-c", &command]).status();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), printed);
    assert!(printed.starts_with("bar.foo|Foo|2200|u|"), "{printed}");
}
