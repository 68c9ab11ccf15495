//! Tests of the settings that a host is resolved to.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::algorithms::ListChange;
use super::local::STEADY;
use super::*;

/// A home directory with files below `.ssh`, and a system below `etc`.
pub(super) struct Machine {
    root: TempDir,
}

impl Machine {
    pub(super) fn with(contents: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in contents {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self { root }
    }

    pub(super) fn files(&self) -> ConfigFiles {
        ConfigFiles {
            user: self.root.path().join(".ssh/config"),
            system: self.root.path().join("etc/ssh_config"),
            home: self.root.path().to_path_buf(),
        }
    }

    pub(super) fn below(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn asked(&self, host: &str, user: Option<&str>) -> Result<SshHost, String> {
        resolver::resolve(&self.files(), &STEADY, host, user, &|_| false)
    }

    pub(super) fn host(&self, host: &str) -> SshHost {
        self.asked(host, None).unwrap()
    }

    pub(super) fn error(&self) -> String {
        self.asked("web", None).unwrap_err()
    }
}

pub(super) fn config(text: &str) -> Machine {
    Machine::with(&[(".ssh/config", text)])
}

#[test]
fn without_files_a_host_is_itself() {
    let machine = Machine::with(&[]);
    let host = machine.host("WEB");
    assert_eq!(host.host_name, "web");
    assert_eq!((host.user, host.port), (None, None));
    assert_eq!(host.identity_files, None);
    assert_eq!(host.notes, [""; 0]);
    assert_eq!(named_hosts(&machine.files()), Ok(vec![]));
}

#[test]
fn every_directive() {
    let machine = config(
        "HostName web.example.com\nUser deploy\nPort 2222\nIdentityFile ~/.ssh/id_web\n\
         CertificateFile /c-cert.pub\nIdentitiesOnly yes\nIdentityAgent ~/agent\n\
         ProxyJump me@gate:2200,inner\nStrictHostKeyChecking accept-new\n\
         UserKnownHostsFile ~/known /k\nGlobalKnownHostsFile none\nHostKeyAlias Web-Key\n\
         CheckHostIP yes\nPreferredAuthentications publickey,password\n\
         PubkeyAuthentication host-bound\nPasswordAuthentication no\n\
         ChallengeResponseAuthentication no\nConnectTimeout 1m30\nServerAliveInterval 15\n\
         ServerAliveCountMax 4\nAddressFamily inet6\nBindAddress 10.0.0.1\n\
         HostKeyAlgorithms +ssh-rsa\nCiphers aes256-ctr\nMACs -*sha1*\nKexAlgorithms ^curve*\n",
    );
    let host = machine.host("web");
    let algorithms = |change, pattern: &str| {
        Some(Algorithms {
            change,
            patterns: vec![pattern.into()],
        })
    };
    let jump = |user: Option<&str>, host: &str, port| Jump {
        user: user.map(str::to_owned),
        host: host.into(),
        port,
    };
    assert_eq!(
        host,
        SshHost {
            host_name: "web.example.com".into(),
            user: Some("deploy".into()),
            port: Some(2222),
            identity_files: Some(vec![machine.below(".ssh/id_web")]),
            certificate_files: vec!["/c-cert.pub".into()],
            identities_only: true,
            identity_agent: Some(IdentityAgent::Socket(machine.below("agent"))),
            proxy_jump: vec![
                jump(Some("me"), "gate", Some(2200)),
                jump(None, "inner", None)
            ],
            proxy_command: None,
            strict_host_key_checking: Some(StrictHostKeyChecking::AcceptNew),
            user_known_hosts_files: Some(vec![machine.below("known"), "/k".into()]),
            global_known_hosts_files: Some(vec![]),
            host_key_alias: Some("web-key".into()),
            host_key_algorithms: algorithms(ListChange::Append, "ssh-rsa"),
            kex_algorithms: algorithms(ListChange::Prefer, "curve*"),
            ciphers: algorithms(ListChange::Replace, "aes256-ctr"),
            macs: algorithms(ListChange::Remove, "*sha1*"),
            preferred_authentications: Some(vec!["publickey".into(), "password".into()]),
            disabled_methods: vec!["password", "keyboard-interactive"],
            connect_timeout: Some(Duration::from_secs(90)),
            server_alive_interval: Some(Duration::from_secs(15)),
            server_alive_count_max: Some(4),
            address_family: Some(AddressFamily::Inet6),
            bind_address: Some("10.0.0.1".into()),
            notes: vec![],
        }
    );
}

#[test]
fn the_first_value_wins_and_the_users_file_comes_first() {
    let machine = Machine::with(&[
        (
            ".ssh/config",
            "Host w*\nUser a\nIdentityFile /1\nHost *\nUser b\nIdentityFile /2\nIdentityFile /1\n",
        ),
        ("etc/ssh_config", "User c\nPort 7\nIdentityFile none\n"),
    ]);
    let host = machine.host("web");
    assert_eq!((host.user.as_deref(), host.port), (Some("a"), Some(7)));
    assert_eq!(host.identity_files, Some(vec!["/1".into(), "/2".into()]));
    assert_eq!(machine.host("x").user.as_deref(), Some("b"));
    let asked = machine.asked("web", Some("z")).unwrap();
    assert_eq!(asked.user.as_deref(), Some("z"));
    let host = config("IdentityFile none").host("web");
    assert_eq!(host.identity_files, Some(vec![]));
}

#[test]
fn includes_are_relative_conditional_and_sorted() {
    let machine = Machine::with(&[
        (
            ".ssh/config",
            "Host web\n  Include d/*.conf ~/.ssh/d/z none/*\n  Port 1\nInclude e\n",
        ),
        (".ssh/d/a.conf", "User a\nHost other\nPort 9\n"),
        (".ssh/d/b.conf", "User b\nHost web\nIdentityFile /b\n"),
        (".ssh/d/.hidden.conf", "Port 8\n"),
        (".ssh/d/z", "Match host db\nBindAddress x\n"),
        (".ssh/e", "Host db web\nHostKeyAlias e\n"),
        ("etc/ssh_config", "Include ssh_config.d/*.conf\n"),
        ("etc/ssh_config.d/1.conf", "ConnectTimeout 3\n"),
    ]);
    let web = machine.host("web");
    assert_eq!((web.user.as_deref(), web.port), (Some("a"), Some(1)));
    assert_eq!(web.identity_files, Some(vec!["/b".into()]));
    assert_eq!(web.host_key_alias.as_deref(), Some("e"));
    assert_eq!(web.connect_timeout, Some(Duration::from_secs(3)));
    let db = machine.host("db");
    assert_eq!((db.user, db.port, db.bind_address), (None, None, None));
    // `Include e` still belongs to the block of `web`.
    assert_eq!(db.host_key_alias, None);
    assert_eq!(
        named_hosts(&machine.files()).unwrap(),
        ["web", "other", "db"]
    );
}

#[test]
fn hosts_are_named_once_and_patterns_are_not() {
    let machine = Machine::with(&[
        (
            ".ssh/config",
            "Host a b* !c d?\nHost \"a\" e # f\nMatch host g\nInclude more %h.conf\n",
        ),
        (".ssh/more", "NoSuch x\nhost=h\n"),
    ]);
    assert_eq!(named_hosts(&machine.files()).unwrap(), ["a", "e", "h"]);
}

#[test]
fn what_is_left_out_is_told_once_where_it_applies() {
    let machine = Machine::with(&[
        (
            ".ssh/config",
            "Host other\nPKCS11Provider /p\nHost *\nKnownHostsCommand /bin/x %H\nForwardAgent no\n\
             ForwardX11 yes\nLocalForward 1 a:2\nIgnoreUnknown Foo*,bar\nfoobar x\nBAR y\nBaz z\n\
             GSSAPIAuthentication yes\nSetEnv \"A=b\nMatch final\nForwardAgent yes\nMatch all\n\
             KnownHostsCommand none\n",
        ),
        (
            "etc/ssh_config",
            "GSSAPIAuthentication yes\nCASignatureAlgorithms x\nRevokedHostKeys /r\nSendEnv LANG\n",
        ),
    ]);
    let notes = machine.host("web").notes;
    let system = machine.below("etc/ssh_config");
    let system = source::shown(&system, machine.root.path());
    assert_eq!(
        notes,
        [
            "`KnownHostsCommand` in ~/.ssh/config:4 is not supported and was left out",
            "`Baz` in ~/.ssh/config:11 is not known and was left out",
            "`GSSAPIAuthentication` in ~/.ssh/config:12 is not supported and was left out",
            "`SetEnv` in ~/.ssh/config:13 is not supported and was left out",
            &format!("`RevokedHostKeys` in {system}:3 is not supported and was left out"),
        ]
    );
}

#[test]
fn conditions_that_are_not_understood_leave_their_block_out() {
    let machine = config(
        "Match localnetwork 10.0.0.0/8\nUser a\nMatch host other version x\nUser b\n\
         Match !command x host web\nUser c\nMatch bogus\nUser d\nMatch exec %C\nUser e\n\
         Match sessiontype shell exec run\nUser f\n",
    );
    let error = machine.error();
    assert_eq!(error, "~/.ssh/config:7 has nothing after `bogus`");
    let machine = config(
        "Match localnetwork 10.0.0.0/8\nUser a\nMatch host other version x\nUser b\n\
         Match !command x host web\nUser c\nMatch exec %C\nUser e\n\
         Match sessiontype shell exec run\nUser f\n",
    );
    let ran = RefCell::new(Vec::new());
    let run = |command: &str| {
        ran.borrow_mut().push(command.to_owned());
        true
    };
    let host = resolver::resolve(&machine.files(), &STEADY, "web", None, &run).unwrap();
    assert_eq!(host.user, None);
    assert_eq!(
        host.notes,
        [
            "`Match localnetwork` in ~/.ssh/config:1 is not supported and its block was left out",
            "`Match command` in ~/.ssh/config:5 is not supported and its block was left out",
            "`Match exec` in ~/.ssh/config:7 is not supported (it uses the token `%C`, which is \
             not supported here) and its block was left out",
            "`Match sessiontype` in ~/.ssh/config:9 is not supported and its block was left out",
        ]
    );
    assert_eq!(*ran.borrow(), [""; 0]);
}

#[test]
fn commands_run_only_when_they_decide() {
    let machine = config(
        "Host other\nInclude other\nHost *\nHostName %h.lan\nMatch host other exec \"no\"\n\
         Port 1\nMatch exec \"ask '%h' %n %p %r %u %L %i %j\" user me\nUser a\n\
         Match !exec=no tagged \"\"\nTag t\nMatch tagged t,u\nPort 2\n",
    );
    std::fs::write(machine.below(".ssh/other"), "Match exec never\n").unwrap();
    let ran = RefCell::new(Vec::new());
    let run = |command: &str| {
        ran.borrow_mut().push(command.to_owned());
        command != "no"
    };
    let host = resolver::resolve(&machine.files(), &STEADY, "web", None, &run).unwrap();
    assert_eq!((host.user.as_deref(), host.port), (Some("a"), Some(2)));
    assert_eq!(
        *ran.borrow(),
        ["ask 'web.lan' web 22 me me box 1000 ", "no"]
    );
}

#[test]
fn a_second_reading_sees_the_host_name_and_keeps_the_first_values() {
    let machine = config(
        "Host web\nHostName real.lan\nPort 1\nHost real.lan\nUser a\nMatch final host real.lan\n\
         Port 2\nHostKeyAlias b\nHostName other\nMatch !final\nBindAddress x\nMatch canonical\n\
         ConnectTimeout 4\n",
    );
    let host = machine.host("web");
    assert_eq!(host.host_name, "real.lan");
    assert_eq!((host.user.as_deref(), host.port), (Some("a"), Some(1)));
    assert_eq!(host.host_key_alias.as_deref(), Some("b"));
    assert_eq!(host.bind_address.as_deref(), Some("x"));
    assert_eq!(host.connect_timeout, Some(Duration::from_secs(4)));
}

#[test]
fn tokens_and_variables_in_values() {
    let machine = config(
        "HostName %h.lan\nHostKeyAlias K\nUser ${COLOUR}-%n\nPort 5\nIdentityFile ~/%d%%/%h/%k/%r\n\
         IdentityFile ${COLOUR}/%u\nIdentityAgent $COLOUR\nUserKnownHostsFile /%n-%p\n\
         GlobalKnownHostsFile ~/%n\nProxyCommand nc \"%h\" %p # %n %r %% $HOME\n",
    );
    let host = machine.host("web");
    assert_eq!(host.user.as_deref(), Some("blue-web"));
    let home = machine.root.path().display();
    assert_eq!(
        host.identity_files.as_ref().unwrap()[0]
            .display()
            .to_string(),
        format!("{home}{home}%/web.lan/k/blue-web")
    );
    assert_eq!(host.identity_files.unwrap()[1], Path::new("blue/me"));
    assert_eq!(
        host.identity_agent,
        Some(IdentityAgent::Socket("blue".into()))
    );
    assert_eq!(host.user_known_hosts_files, Some(vec!["/web-5".into()]));
    assert_eq!(
        host.global_known_hosts_files,
        Some(vec![machine.below("%n")])
    );
    assert_eq!(
        host.proxy_command.as_deref(),
        Some("nc \"web.lan\" 5 # web blue-web % $HOME")
    );
    let host = config("ProxyJump %r@j-%n,x\nIdentityAgent $NONE").asked("web", Some("u"));
    let host = host.unwrap();
    assert_eq!(host.proxy_jump[0].user.as_deref(), Some("u"));
    assert_eq!(host.proxy_jump[0].host, "j-web");
    assert_eq!(host.identity_agent, Some(IdentityAgent::Disabled));
}

#[test]
fn of_jump_and_command_the_first_counts() {
    let host = config("ProxyJump a\nProxyCommand b").host("web");
    assert_eq!((host.proxy_jump.len(), host.proxy_command), (1, None));
    let host = config("ProxyCommand none\nProxyJump a").host("web");
    assert_eq!((host.proxy_jump.len(), host.proxy_command), (0, None));
    let host = config("ProxyJump none\nProxyCommand b\nProxyJump c").host("web");
    assert_eq!(host.proxy_command.as_deref(), Some("b"));
    assert_eq!(host.proxy_jump, []);
}

#[test]
fn what_distributions_write_is_not_worth_a_note() {
    let machine = Machine::with(&[
        (
            "etc/ssh_config",
            "Include ssh_config.d/*.conf\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    \
             GSSAPIAuthentication yes\n",
        ),
        (
            "etc/ssh_config.d/50-policy.conf",
            "Match final all\n\tInclude ../policy\n\tGSSAPIAuthentication yes\n\tForwardX11Trusted yes\n",
        ),
        (
            "policy",
            "Ciphers aes256-gcm@openssh.com\nGSSAPIKexAlgorithms gss-nistp256-sha256-\n\
             PubkeyAcceptedAlgorithms rsa-sha2-256\nCASignatureAlgorithms rsa-sha2-256\nRequiredRSASize 2048\n",
        ),
    ]);
    let host = machine.host("web");
    assert_eq!(host.notes, [""; 0]);
    let ciphers = host.ciphers.unwrap();
    assert_eq!(ciphers.patterns, ["aes256-gcm@openssh.com"]);
}
