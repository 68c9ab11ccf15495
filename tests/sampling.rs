//! Servers that are asked for their figures with no person at hand, and those that are left alone.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{
    Agent, Client, Folder, Sshd, binary_of, directory, eventually, keygen, program, read_json,
    text, user,
};

/// A host of an SSH configuration that is this sshd.
fn host(name: &str, sshd: &Sshd, settings: &str) -> String {
    format!(
        "Host {name}\nHostName 127.0.0.1\nPort {}\nUser {}\n{settings}\n",
        sshd.port,
        user()
    )
}

/// The servers that were sampled.
fn sampled(data: &Path) -> BTreeSet<String> {
    let samples = read_json(&data.join("samples.json"));
    samples.as_object().unwrap().keys().cloned().collect()
}

/// Has a program of its own sample the servers, until it has.
async fn sample(home: &Path, data: &Path) -> Client {
    std::fs::write(data.join(".env"), "MCP_SAMPLE_INTERVAL=60\n").unwrap();
    let sampling = Client::over(binary_of(home, data)).await;
    let samples = data.join("samples.json");
    eventually("samples are kept", || samples.exists()).await;
    sampling
}

/// An agent whose holder confirms each use of this key, which takes a moment.
fn confirming_agent(folder: &Path, key: &Path) -> Agent {
    let asked = folder.join("asked");
    let script = format!("echo >> '{}'; sleep 1", text(&asked));
    program(folder, "askpass", &script);
    let askpass = text(&folder.join("askpass"));
    let variables = [
        ("SSH_ASKPASS", askpass.as_str()),
        ("SSH_ASKPASS_REQUIRE", "force"),
        ("DISPLAY", ":0"),
    ];
    let agent = Agent::start_at(folder.join("confirming"), &variables);
    agent.add_as(key, &["-q", "-c"]);
    agent
}

async fn add_from_ssh_config(client: &Client, aliases: &[&str]) {
    for alias in aliases {
        let server = json!({"alias": alias, "host": "", "user": "", "sshConfigHost": alias});
        client.register(server).await;
    }
}

/// The number of servers whose last login took nobody.
fn noted(data: &Path) -> usize {
    std::fs::read_dir(data.join("logins")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_server_of_the_ssh_configuration_is_sampled_where_its_login_asks_nobody() {
    let (sshd, home, data): (Sshd, Folder, Folder) = (Sshd::start(), directory(), directory());
    let folder = home.path().join(".ssh");
    std::fs::create_dir_all(&folder).unwrap();
    let key = Path::new(&sshd.home("user")).to_owned();
    let agent = Agent::start(&folder);
    agent.add(&key);
    let confirming = confirming_agent(&folder, &key);
    let [stranger, locked] = ["stranger", "locked"].map(|name| folder.join(name));
    keygen(&stranger, &["-t", "ed25519"]);
    keygen(&locked, &["-t", "ed25519", "-N", "a passphrase"]);
    sshd.allow(&locked);
    let by_file = |file: &Path| format!("IdentityAgent none\nIdentityFile {}", text(file));
    let by_agent = |agent: &Agent| {
        let socket = text(&agent.socket);
        format!("IdentityFile none\nIdentityAgent {socket}")
    };
    let proxy = format!(
        "ProxyCommand ssh -F /dev/null -q -i {} -p {} -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -W %h:%p {}@127.0.0.1\n{}",
        text(&key),
        sshd.port,
        user(),
        by_file(&key),
    );
    let behind = format!("ProxyJump file\n{}", by_file(&key));
    let hosts = [
        ("file", by_file(&key)),
        ("agent", by_agent(&agent)),
        ("behind", behind),
        ("proxy", proxy),
        ("confirmed", by_agent(&confirming)),
        ("refused", by_file(&stranger)),
        ("locked", by_file(&locked)),
        ("unseen", by_file(&key)),
    ];
    let names = hosts.each_ref().map(|(name, _)| *name);
    let config = hosts.map(|(name, settings)| host(name, &sshd, &settings));
    std::fs::write(folder.join("config"), config.concat()).unwrap();

    let first = Client::over(binary_of(home.path(), data.path())).await;
    add_from_ssh_config(&first, &names).await;
    for alias in ["file", "agent", "behind", "proxy", "confirmed"] {
        first.exec(alias, "true").await.ok();
    }
    for alias in ["refused", "locked"] {
        first.exec(alias, "true").await.error("AUTH_FAILED");
    }
    // Those of `file`, `agent`, `behind` with its jump host, and `proxy`.
    eventually("the logins are noted", || noted(data.path()) == 5).await;
    first.kill().await;
    eventually("sshd has noted both refusals", || {
        sshd.logged("preauth") == 2
    })
    .await;
    let asked = || std::fs::read_to_string(folder.join("asked")).unwrap();
    let before = (asked(), sshd.logged("preauth"));

    let sampling = sample(home.path(), data.path()).await;
    let expected = ["file", "agent", "behind"].map(str::to_owned);
    assert_eq!(sampled(data.path()), expected.into());
    let samples = read_json(&data.path().join("samples.json"));
    for alias in &["file", "agent", "behind"] {
        assert!(samples[alias]["samples"][0]["memory"].is_u64(), "{samples}");
    }
    let after = (asked(), sshd.logged("preauth"));
    assert_eq!(after, before, "nobody was asked, and nothing was refused");
    drop(sampling);
}

#[tokio::test]
async fn a_login_that_was_refused_is_not_tried_again() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let client = Client::over(binary_of(home.path(), data.path())).await;
    client.register(sshd.login("web1")).await;
    client.register(sshd.login("web2")).await;
    client.exec("web1", "true").await.ok();
    client.exec("web2", "true").await.ok();
    eventually("both are known", || noted(data.path()) == 2).await;
    client
        .call("server_remove", json!({"alias": "web2"}))
        .await
        .ok();
    eventually("one that is removed is forgotten", || {
        noted(data.path()) == 1
    })
    .await;
    client.kill().await;

    std::fs::write(sshd.home("authorized_keys"), "").unwrap();
    let sampling = sample(home.path(), data.path()).await;
    let samples: Value = read_json(&data.path().join("samples.json"));
    let problem = samples["web1"]["problem"].as_str().unwrap();
    assert!(problem.contains("refused"), "{samples}");
    eventually("it is forgotten", || noted(data.path()) == 0).await;
    drop(sampling);
}
