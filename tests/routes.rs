//! The ways to a server: straight, through others, and as the user's own SSH configuration has it.

use std::path::PathBuf;
use std::time::Duration;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use crate::helper::{
    Agent, Client, Folder, Sshd, assert_has, binary_of, closed_port, directory, eventually,
    eventually_so, keygen, login, noise, public, text, user,
};

fn through(mut server: Value, jump: &str) -> Value {
    server["jump"] = json!(jump);
    server
}

/// The pool's statistics of an alias.
async fn pooled(client: &Client, alias: &str) -> Value {
    let stats = client.call("pool_stats", json!({})).await.ok();
    stats.facts()["byServer"][alias].clone()
}

/// The number of channels on all connections of an alias.
async fn channels(client: &Client, alias: &str) -> u64 {
    let host = pooled(client, alias).await;
    let connections = host["connections"].as_array().unwrap().iter();
    connections
        .map(|connection| connection["channels"].as_u64().unwrap())
        .sum()
}

fn reason(error: &Value) -> &str {
    error["details"]["reason"].as_str().unwrap()
}

/// Moves a file to a server and back.
async fn moves_a_file(client: &Client, sshd: &Sshd) {
    let local = directory();
    let (there, back) = (local.path().join("there"), local.path().join("back"));
    let bytes = noise(300_000);
    std::fs::write(&there, &bytes).unwrap();
    for (direction, local) in [("upload", &there), ("download", &back)] {
        let arguments = json!({
            "alias": "far", "direction": direction, "local": text(local), "remote": sshd.home("moved"),
        });
        client.call("task_transfer", arguments).await.ok();
    }
    assert!(
        std::fs::read(back).unwrap() == bytes,
        "what comes back is what was sent"
    );
}

#[tokio::test]
async fn commands_and_files_go_through_a_chain_of_servers() {
    let (gate, inner, far) = (Sshd::start(), Sshd::start(), Sshd::start());
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(gate.login("gate")).await;
    client.register(through(inner.login("inner"), "gate")).await;
    client.register(through(far.login("far"), "inner")).await;
    let ran = client.exec("far", "echo through").await.ok();
    assert_eq!(ran.facts()["output"], "through");
    assert_eq!(channels(&client, "gate").await, 1);
    assert_eq!(channels(&client, "inner").await, 1);
    moves_a_file(&client, &far).await;
    let ran = client.exec("inner", "echo between").await.ok();
    assert_eq!(ran.facts()["output"], "between");
    assert_eq!((gate.accepted(), inner.accepted()), (1, 1));
}

#[tokio::test]
async fn servers_behind_one_jump_share_its_connection() {
    let (gate, web1, web2) = (Sshd::start(), Sshd::start(), Sshd::start());
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(gate.login("gate")).await;
    client.register(through(web1.login("web1"), "gate")).await;
    client.register(through(web2.login("web2"), "gate")).await;
    let (one, two) = tokio::join!(client.exec("web1", "true"), client.exec("web2", "true"));
    one.ok();
    two.ok();
    assert_eq!(pooled(&client, "gate").await["total"], 1);
    assert_eq!(channels(&client, "gate").await, 2);
    assert_eq!(
        (gate.accepted(), web1.accepted(), web2.accepted()),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_way_in_a_circle_or_through_nobody_is_refused() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let server = |alias| login(alias, closed_port());
    client.register(server("a")).await;
    client.register(through(server("b"), "a")).await;
    client.register(through(server("c"), "b")).await;
    for jump in ["a", "b", "c"] {
        let error = client.call("server_add", through(server("a"), jump)).await;
        let error = error.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "jump");
        assert!(reason(&error).contains("circle"), "{error}");
    }
    let error = client
        .call("server_add", through(server("a"), "nobody"))
        .await;
    assert_eq!(error.error("UNKNOWN_ALIAS")["details"]["alias"], "nobody");
    let listed = client.call("server_list", json!({})).await.ok();
    assert_eq!(listed.facts()["a"].get("jump"), None);
    // A jump may be removed later.
    client
        .call("server_remove", json!({"alias": "a"}))
        .await
        .ok();
    let error = client.exec("b", "true").await.error("UNKNOWN_ALIAS");
    assert_eq!(error["details"]["alias"], "a");
}

#[tokio::test]
async fn a_circle_that_was_written_by_hand_ends() {
    let data = directory();
    let server = |jump| json!({"host": "127.0.0.1", "user": "u", "keyPath": "/k", "jump": jump});
    let servers = json!({"a": server("b"), "b": server("a")});
    std::fs::write(data.path().join("servers.json"), servers.to_string()).unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    let error = client.exec("a", "true").await.error("CONNECTION_FAILED");
    assert!(
        reason(&error).contains("in a circle: `a` → `b` → `a`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_jump_that_does_not_help_is_named() {
    let (gate, data) = (Sshd::start(), directory());
    let closed = Sshd::start_with("AllowTcpForwarding no");
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(gate.login("gate")).await;
    client.register(closed.login("closed")).await;
    let nowhere = closed_port();
    for (jump, words) in [
        ("closed", "its jump host `closed` does not forward to it"),
        ("gate", "its jump host `gate` cannot reach it"),
    ] {
        client.register(through(login("far", nowhere), jump)).await;
        let error = client.exec("far", "true").await.error("CONNECTION_FAILED");
        assert_eq!(reason(&error), words);
        assert_eq!(error["details"]["alias"], "far");
        assert_eq!(error["details"]["port"], nowhere);
    }
    // It serves for itself all the same.
    client.exec("closed", "true").await.ok();
    client.register(login("gone", nowhere)).await;
    client.register(through(gate.login("far"), "gone")).await;
    let error = client.exec("far", "true").await.error("CONNECTION_FAILED");
    assert_eq!(
        (&error["details"]["alias"], reason(&error)),
        (&json!("gone"), "ECONNREFUSED")
    );
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    client.register(gate.login_with("gone", &stranger)).await;
    let error = client.exec("far", "true").await.error("AUTH_FAILED");
    assert_eq!(error["details"]["alias"], "gone");
}

#[tokio::test]
async fn a_jump_that_is_killed_or_freezes_fails_the_call_and_not_the_next() {
    let (mut gate, far, data) = (Sshd::start(), Sshd::start(), directory());
    let client = Client::in_process(data.path(), |config| {
        config.keep_alive = Duration::from_millis(200);
    })
    .await;
    client.register(gate.login("gate")).await;
    client.register(through(far.login("far"), "gate")).await;
    let home = far.home("");
    for freezes in [false, true] {
        let marker = far.home(&format!("begun {freezes}"));
        // It ends with the test at the latest.
        let cmd = format!("touch '{marker}'; while [ -d '{home}' ]; do sleep 0.1; done");
        let arguments = json!({"alias": "far", "cmd": cmd, "background": true, "detach": false});
        let handed = client.call("task_exec", arguments).await.ok();
        eventually("the command has begun", || PathBuf::from(&marker).exists()).await;
        if freezes {
            gate.freeze();
        } else {
            gate.kill();
        }
        let error = client.wait(&handed.facts()["id"]).await;
        let error = error.error("CONNECTION_FAILED");
        assert_eq!(error["details"]["alias"], "far");
        assert!(error.to_string().contains("was lost"), "{error}");
        if !freezes {
            gate.restart();
        }
        client.exec("far", "true").await.ok();
    }
}

#[tokio::test]
async fn a_changed_host_key_names_the_hop_that_has_it() {
    let (mut gate, mut far, data) = (Sshd::start(), Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(gate.login("gate")).await;
    client.register(through(far.login("far"), "gate")).await;
    client.exec("far", "true").await.ok();
    let trust = async |alias: &str, sshd: &Sshd| {
        let error = client.exec("far", "true").await.error("HOST_KEY_MISMATCH");
        let details = &error["details"];
        assert_eq!(details["alias"], alias);
        assert_eq!(details["presented"], sshd.fingerprint());
        let trust = json!({"alias": alias, "fingerprint": sshd.fingerprint()});
        client.call("server_trust", trust).await.ok();
        client.exec("far", "true").await.ok();
    };
    gate.change_host_key(&["-t", "ed25519"]);
    trust("gate", &gate).await;
    far.change_host_key(&["-t", "ed25519"]);
    trust("far", &far).await;
}

/// A folder whose `config` is the user's SSH configuration.
struct SshConfig(Folder);

impl SshConfig {
    fn of(config: &str) -> Self {
        let file = Self(directory());
        file.rewrite(config);
        file
    }

    fn rewrite(&self, config: &str) {
        // The agent of the person who runs the tests is left alone.
        let config = format!("{config}\nHost *\nIdentityAgent none\n");
        std::fs::write(self.0.path().join("config"), config).unwrap();
    }

    async fn client(&self, data: &Folder) -> Client {
        let user_config = self.0.path().join("config");
        let reads = |config: &mut Config| config.ssh_files.user_config = user_config;
        Client::in_process(data.path(), reads).await
    }
}

/// A block for a host that is this sshd.
fn block(name: &str, sshd: &Sshd) -> String {
    format!(
        "Host {name}\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile {}\n",
        sshd.port,
        user(),
        sshd.home("user"),
    )
}

fn from_ssh_config(alias: &str, name: &str) -> Value {
    json!({"alias": alias, "host": "", "user": "", "sshConfigHost": name})
}

#[tokio::test]
async fn the_home_directory_s_configuration_tells_the_rest() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let [never, deploys] = [closed_port(), closed_port()];
    let folder = home.path().join(".ssh");
    std::fs::create_dir_all(folder.join("conf.d")).unwrap();
    std::fs::copy(sshd.home("user"), folder.join("key")).unwrap();
    let included = format!("Host web1 web9\nHostName 127.0.0.1\nUser {}\n", user());
    std::fs::write(folder.join("conf.d/web.conf"), included).unwrap();
    let config = format!(
        "Include conf.d/*.conf\n\
         Host web* !web9\nIdentityFile ~/.ssh/key\n\
         Match user deploy\nPort {deploys}\n\
         Match host 127.0.0.1 exec \"test -e %d/.ssh/ready\"\nPort {}\n\
         Host *\nPort {never}\n",
        sshd.port
    );
    std::fs::write(folder.join("config"), config).unwrap();
    let client = Client::over(binary_of(home.path(), data.path())).await;
    let added = client.register(from_ssh_config("a", "web1")).await;
    added.has(&json!({"way": format!("{}@127.0.0.1:{never}", user())}));
    let error = client.exec("a", "true").await.error("CONNECTION_FAILED");
    assert_eq!(error["details"]["port"], never);
    std::fs::write(folder.join("ready"), "").unwrap();
    client.exec("a", "true").await.ok();
    let mut server = from_ssh_config("b", "web1");
    server["user"] = json!("deploy");
    client.register(server).await;
    let error = client.exec("b", "true").await.error("CONNECTION_FAILED");
    assert_eq!(error["details"]["port"], deploys);
    client.register(from_ssh_config("c", "web9")).await;
    let error = client.exec("c", "true").await.error("AUTH_FAILED");
    assert!(reason(&error).contains("nothing to log in with"), "{error}");
}

#[tokio::test]
async fn the_configuration_says_whom_to_trust() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let strict = format!("{}StrictHostKeyChecking yes\n", block("web1", &sshd));
    let config = SshConfig::of(&strict);
    let client = config.client(&data).await;
    client.register(from_ssh_config("web1", "web1")).await;
    let error = client.exec("web1", "true").await.error("HOST_KEY_MISMATCH");
    assert!(reason(&error).contains("the policy is strict"), "{error}");
    let known = config.0.path().join("known");
    let line = format!("box {}", public(&PathBuf::from(sshd.home("host"))));
    std::fs::write(&known, &line).unwrap();
    config.rewrite(&format!("{strict}UserKnownHostsFile {}\n", text(&known)));
    client.exec("web1", "true").await.error("HOST_KEY_MISMATCH");
    let named = format!(
        "{strict}UserKnownHostsFile {}\nHostKeyAlias box\n",
        text(&known)
    );
    config.rewrite(&named);
    client.exec("web1", "true").await.ok();
    assert_eq!(std::fs::read_to_string(&known).unwrap(), line);
    assert!(!data.path().join("known_hosts").exists());
    sshd.change_host_key(&["-t", "ed25519"]);
    let lax = named.replace("Checking yes", "Checking no");
    config.rewrite(&lax);
    let added = client.register(from_ssh_config("web1", "web1")).await;
    assert!(
        added
            .text()
            .contains("a changed key is refused all the same"),
        "{}",
        added.text()
    );
    let error = client.exec("web1", "true").await.error("HOST_KEY_MISMATCH");
    assert_eq!(error["details"]["knownAt"], format!("{}:1", text(&known)));
}

#[tokio::test]
async fn the_configuration_says_which_agent_and_which_of_its_keys() {
    let sshd = Sshd::start_with("MaxAuthTries 2");
    let (folder, data) = (directory(), directory());
    let agent = Agent::start(folder.path());
    for number in 0..3 {
        let stranger = folder.path().join(format!("stranger{number}"));
        keygen(&stranger, &["-t", "ed25519"]);
        agent.add(&stranger);
    }
    let key = PathBuf::from(sshd.home("user"));
    agent.add(&key);
    let half = folder.path().join("half.pub");
    std::fs::copy(key.with_extension("pub"), &half).unwrap();
    let base = format!(
        "Host web1\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityAgent {}\n",
        sshd.port,
        user(),
        text(&agent.socket)
    );
    let config = SshConfig::of(&format!("{base}IdentityFile none\n"));
    let client = config.client(&data).await;
    client.register(from_ssh_config("web1", "web1")).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    assert!(reason(&error).contains("hung up"), "{error}");
    // The public half alone is here, under its own name or that of the private one.
    for file in ["half.pub", "half"] {
        let file = text(&folder.path().join(file));
        config.rewrite(&format!("{base}IdentitiesOnly yes\nIdentityFile {file}\n"));
        client.exec("web1", "true").await.ok();
        client
            .call("server_remove", json!({"alias": "web1"}))
            .await
            .ok();
        client.register(from_ssh_config("web1", "web1")).await;
    }
}

#[tokio::test]
async fn proxy_jumps_are_followed_and_are_nobody_s_to_act_on() {
    let (mut gate, inner, far) = (Sshd::start(), Sshd::start(), Sshd::start());
    let data = directory();
    let (near, farther) = (block("near", &far), block("farther", &far));
    let config = SshConfig::of(&format!(
        "{}{near}ProxyJump gate\n{farther}ProxyJump gate,{}@127.0.0.1:{}\nHost 127.0.0.1\nIdentityFile {}\n",
        block("gate", &gate),
        user(),
        inner.port,
        inner.home("user"),
    ));
    let client = config.client(&data).await;
    let added = client.register(from_ssh_config("near", "near")).await;
    let way = format!("{}@127.0.0.1:{} through gate", user(), far.port);
    assert_eq!(added.facts()["way"], way);
    client.exec("near", "true").await.ok();
    assert_eq!(channels(&client, "ssh_config:gate").await, 1);
    client.register(from_ssh_config("far", "farther")).await;
    client.exec("far", "true").await.ok();
    moves_a_file(&client, &far).await;
    assert_eq!((gate.accepted(), inner.accepted()), (1, 1));
    assert_eq!(channels(&client, "ssh_config:gate").await, 2);

    let error = client.exec("ssh_config:gate", "true").await;
    error.error("UNKNOWN_ALIAS");
    client.exec("near", "true").await.ok();
    assert_eq!(gate.accepted(), 1, "it was not disturbed");
    let error = client.call("server_add", from_ssh_config("ssh_config:gate", "gate"));
    error.await.error("INVALID_ARGUMENT");

    gate.change_host_key(&["-t", "ed25519"]);
    let error = client.exec("near", "true").await.error("HOST_KEY_MISMATCH");
    let details = &error["details"];
    assert_has(
        details,
        &json!({"alias": "ssh_config:gate", "port": gate.port}),
    );
    let trust = json!({"alias": "ssh_config:gate", "fingerprint": gate.fingerprint()});
    client.call("server_trust", trust).await.ok();
    client.exec("near", "true").await.ok();
}

/// Processes that have this among their arguments.
fn processes(argument: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| {
            line.split(|byte| *byte == 0)
                .any(|part| part == argument.as_bytes())
        })
        .count()
}

#[tokio::test]
async fn a_proxy_command_is_run_and_ends_with_its_connection() {
    let (gate, far, data) = (Sshd::start(), Sshd::start(), directory());
    let command = format!(
        "ssh -F /dev/null -q -i {} -p {} -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -W %h:%p {}@127.0.0.1",
        gate.home("user"),
        gate.port,
        user(),
    );
    let base = block("far", &far);
    let config = SshConfig::of(&format!("{base}ProxyCommand {command}\n"));
    let client = config.client(&data).await;
    let added = client.register(from_ssh_config("far", "far")).await;
    assert!(
        added.text().contains("through a ProxyCommand"),
        "{}",
        added.text()
    );
    client.exec("far", "true").await.ok();
    moves_a_file(&client, &far).await;
    let target = format!("127.0.0.1:{}", far.port);
    assert!(gate.accepted() > 0 && processes(&target) > 0);
    client
        .call("server_remove", json!({"alias": "far"}))
        .await
        .ok();
    eventually("the commands have ended", || processes(&target) == 0).await;
    config.rewrite(&format!("{base}ProxyCommand exit 3\n"));
    client.register(from_ssh_config("far", "far")).await;
    let error = client.exec("far", "true").await.error("CONNECTION_FAILED");
    assert!(reason(&error).contains("ProxyCommand"), "{error}");
}

#[tokio::test]
async fn a_changed_configuration_holds_for_the_next_connection() {
    let (mut before, after, data) = (Sshd::start(), Sshd::start(), directory());
    let config = SshConfig::of(&block("web1", &before));
    let client = config.client(&data).await;
    client.register(from_ssh_config("web1", "web1")).await;
    client.exec("web1", "true").await.ok();
    config.rewrite(&block("web1", &after));
    client.exec("web1", "true").await.ok();
    assert_eq!((before.accepted(), after.accepted()), (1, 0));
    before.kill();
    eventually_so("the connection's end is known", async || {
        let connections = pooled(&client, "web1").await["connections"].take();
        connections.as_array().is_none_or(Vec::is_empty)
    })
    .await;
    client.exec("web1", "true").await.ok();
    assert_eq!(after.accepted(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_named_by_where_it_led_and_not_by_what_is_written() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let config = SshConfig::of(&block("web1", &sshd));
    let client = config.client(&data).await;
    client.register(from_ssh_config("web1", "web1")).await;
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 60", "background": true, "detach": false});
    let handed = client.call("task_exec", arguments).await.ok();
    sshd.kill();
    let error = client.wait(&handed.facts()["id"]).await;
    let details = &error.error("CONNECTION_FAILED")["details"];
    assert_has(
        details,
        &json!({"alias": "web1", "host": "127.0.0.1", "port": sshd.port}),
    );
}

#[tokio::test]
async fn what_the_configuration_says_and_is_not_followed_is_told() {
    let (sshd, data) = (Sshd::start(), directory());
    let base = block("web1", &sshd);
    let config = SshConfig::of(&format!(
        "{base}PKCS11Provider /lib/p11.so\nFrobnicate yes\nCompression yes\n"
    ));
    let client = config.client(&data).await;
    let added = client.register(from_ssh_config("web1", "web1")).await;
    let notes = added.facts()["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for (note, (word, line)) in notes.iter().zip([("PKCS11Provider", 6), ("Frobnicate", 7)]) {
        let note = note.as_str().unwrap();
        assert!(
            note.contains(word) && note.contains(&format!("config:{line}")),
            "{note}"
        );
        assert!(added.text().contains(note), "{}", added.text());
    }
    client.exec("web1", "true").await.ok();
    config.rewrite(&format!("{base}Port many\n").replace(&sshd.port.to_string(), "many"));
    let error = client
        .call("server_add", from_ssh_config("web2", "web1"))
        .await;
    let error = error.error("SSH_CONFIG_ERROR");
    assert!(reason(&error).contains("config:3"), "{error}");
}

#[tokio::test]
async fn proxy_jumps_in_a_circle_end() {
    let data = directory();
    let config = SshConfig::of(
        "Host a\nProxyJump b\nHost b\nProxyJump a,c\nHost self\nProxyJump self\n\
         Host every*\nProxyJump every1,every2\n",
    );
    let client = config.client(&data).await;
    for name in ["a", "b", "self", "every3"] {
        client.register(from_ssh_config("web1", name)).await;
        let error = client.exec("web1", "true").await.error("CONNECTION_FAILED");
        assert!(reason(&error).contains("in a circle"), "{name}: {error}");
    }
}

#[tokio::test]
async fn server_import_lists_hosts_and_adds_those_that_are_wanted() {
    let (sshd, data) = (Sshd::start(), directory());
    let closed = closed_port();
    let config = SshConfig::of(&format!(
        "{}UsePrivilegedPort yes\nForwardAgent yes\nHost web2 db1 *.lan\nHostName 127.0.0.1\nPort {closed}\n\
         ProxyJump web1\nUser me\nHost broken\nPort many\n",
        block("web1", &sshd)
    ));
    let client = config.client(&data).await;
    let taken = login("db1", closed);
    client.register(taken).await;
    let import = async |arguments: Value| {
        let imported = client.call("server_import", arguments).await.ok();
        let hosts = imported.facts()["hosts"].as_array().unwrap().clone();
        let states = hosts.iter().map(|host| [&host["name"], &host["state"]]);
        let states = states.map(|pair| pair.map(|word| word.as_str().unwrap().to_owned()));
        (
            states.collect::<Vec<_>>(),
            hosts,
            imported.text().to_owned(),
        )
    };
    let (states, hosts, shown) = import(json!({})).await;
    let expected = [
        ["web1", "found"],
        ["web2", "found"],
        ["db1", "known"],
        ["broken", "broken"],
    ];
    assert_eq!(states, expected);
    assert_eq!(
        hosts[0]["way"],
        format!("{}@127.0.0.1:{}", user(), sshd.port)
    );
    assert_eq!(
        hosts[1]["way"],
        format!("me@127.0.0.1:{closed} through web1")
    );
    let note = hosts[0]["notes"][0].as_str().unwrap();
    assert!(note.contains("`ForwardAgent`"), "{note}");
    for words in [
        note,
        "through web1",
        "the alias is taken",
        "cannot be added",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let listed = client.call("server_list", json!({})).await.ok();
    let before = listed.facts().clone();
    assert_eq!(before.as_object().unwrap().len(), 1, "listing adds nothing");

    let (states, ..) = import(json!({"pattern": "web*", "add": true})).await;
    assert_eq!(states, [["web1", "added"], ["web2", "added"]]);
    let (states, ..) = import(json!({"add": true})).await;
    let expected = [
        ["web1", "known"],
        ["web2", "known"],
        ["db1", "known"],
        ["broken", "broken"],
    ];
    assert_eq!(states, expected);
    let listed = client.call("server_list", json!({})).await.ok();
    let after = listed.facts();
    assert_eq!(after["db1"], before["db1"]);
    assert_eq!(after["web2"]["sshConfigHost"], "web2");
    assert_eq!(after.as_object().unwrap().len(), 3);
    client.exec("web1", "true").await.ok();
    let (states, _, shown) = import(json!({"pattern": "nothing*"})).await;
    assert_eq!((states.len(), shown.contains("no host")), (0, true));
}
