//! Hosts and keys as people write them: read by `server_add`, or refused there with the form to use.

use std::path::Path;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::helper::{
    Agent, Answer, Client, Folder, Sshd, binary_of, directory, keygen, public, read_json, text,
    user,
};

/// The arguments that register and log in to sshd by another spelling.
fn spelt(sshd: &Sshd, changes: Value) -> Value {
    let mut server = sshd.login("web1");
    server["verify"] = json!(true);
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    server.as_object_mut().unwrap().extend(changes);
    server
}

fn logged_in(answer: &Answer, what: &Value) {
    let login = &answer.facts()["login"];
    assert_eq!(login["state"], "ok", "{what}: {}", answer.text());
}

async fn refused(client: &Client, server: Value, parameter: &str, words: &str) {
    let error = client.call("server_add", server.clone()).await;
    let error = error.error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], parameter, "{server}");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.contains(words), "{server}: {reason}");
}

#[tokio::test]
async fn a_host_with_user_and_port_is_read_as_people_write_it() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let (user, port) = (user(), sshd.port);
    for changes in [
        json!({"host": format!("{user}@127.0.0.1:{port}"), "user": "", "port": null}),
        json!({"host": format!("{user}@127.0.0.1"), "user": format!(" {user} ")}),
        json!({"host": format!("ssh://{user}@127.0.0.1:{port}/"), "user": user}),
        json!({"host": format!(" 127.0.0.1:{port} "), "port": null}),
        json!({"host": "\"127.0.0.1\"", "user": format!("{user}@127.0.0.1")}),
    ] {
        let added = client.register(spelt(&sshd, changes.clone())).await;
        logged_in(&added, &changes);
        let server = &added.facts()["server"];
        let place = json!([server["host"], server["user"], server["port"]]);
        assert_eq!(place, json!(["127.0.0.1", user, port]), "{changes}");
    }
}

#[tokio::test]
async fn an_ipv6_address_is_read_with_brackets_zone_and_port() {
    let (sshd, data) = (Sshd::start(), directory());
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        eprintln!("not run: this machine has no IPv6 loopback");
        return;
    };
    let (port, behind) = (listener.local_addr().unwrap().port(), sshd.port);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    let client = Client::in_process(data.path(), |_| {}).await;
    for (host, kept) in [
        (format!("[::1]:{port}"), "::1"),
        (format!("{}@[::1]:{port}", user()), "::1"),
        (format!("[::1%1]:{port}"), "::1%1"),
    ] {
        let changes = json!({"host": host, "port": null});
        let added = client.register(spelt(&sshd, changes.clone())).await;
        logged_in(&added, &changes);
        assert_eq!(added.facts()["server"]["host"], kept);
    }
}

#[tokio::test]
async fn what_is_no_host_is_refused_with_the_form_to_use() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let form = "user@host:port";
    for (host, words) in [
        ("https://web1.example.org", form),
        ("web1.example.org/srv/www", form),
        ("web1.example.org:/srv/www", form),
        ("C:\\Users\\me", form),
        ("ssh -p 2222 root@web1", form),
        ("web1,web2", form),
        ("1:2:3", "[IPv6]:port"),
        ("web1:ssh", "no port of 1 to 65535"),
        ("ssh://root:Zq8secret@web1", "as `password`"),
    ] {
        let server = spelt(&sshd, json!({"host": host}));
        refused(&client, server.clone(), "host", words).await;
        let answer = client.call("server_add", server).await;
        assert!(!format!("{answer:?}").contains("Zq8secret"), "{answer:?}");
    }
    let other = spelt(&sshd, json!({"host": "somebody@127.0.0.1"}));
    refused(&client, other, "user", "give it once").await;
    let other = spelt(&sshd, json!({"host": "127.0.0.1:1"}));
    refused(&client, other, "port", "give it once").await;
    let trail = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    assert!(
        trail.contains("***@web1") && !trail.contains("Zq8secret"),
        "{trail}"
    );
    let told = spelt(&sshd, json!({"sshConfigHost": "root@web1"}));
    refused(&client, told, "sshConfigHost", "give the user as `user`").await;
    assert!(!data.path().join("servers.json").exists());
}

#[tokio::test]
async fn a_key_is_found_however_its_path_is_written() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let folder = home.path().join(".ssh");
    std::fs::create_dir(&folder).unwrap();
    for name in ["user", "user.pub"] {
        std::fs::copy(sshd.home(name), folder.join(name)).unwrap();
    }
    let client = Client::over(binary_of(home.path(), data.path())).await;
    let whole = text(&folder.join("user"));
    for (path, kept) in [
        ("'~/.ssh/user'".to_owned(), "~/.ssh/user"),
        (" $HOME/.ssh/user ".to_owned(), "$HOME/.ssh/user"),
        (format!("\"{whole}\""), &whole),
        (format!("file://{whole}"), &whole),
        ("~/.ssh/user.pub".to_owned(), "~/.ssh/user"),
    ] {
        let changes = json!({"keyPath": path});
        let added = client.register(spelt(&sshd, changes.clone())).await;
        logged_in(&added, &changes);
        assert_eq!(added.facts()["server"]["keyPath"], kept);
        let is_told = added
            .text()
            .contains("the private one beside it, `~/.ssh/user`");
        assert_eq!(is_told, path.contains(".pub"), "{}", added.text());
    }
}

#[tokio::test]
async fn what_is_no_private_key_is_refused_with_what_to_give() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let alone = home.path().join("alone.pub");
    std::fs::copy(sshd.home("user.pub"), &alone).unwrap();
    let agent = Agent::start(home.path());
    agent.add(Path::new(&sshd.home("user")));
    let mut command = binary_of(home.path(), data.path());
    command.env("SSH_AUTH_SOCK", &agent.socket);
    let client = Client::over(command).await;
    let key = std::fs::read_to_string(sshd.home("user")).unwrap();
    for (path, words) in [
        (text(&alone), "agent: true in place of keyPath"),
        (public(Path::new(&sshd.home("user"))), "is a key itself"),
        (key, "is a key itself"),
        ("C:\\Users\\me\\.ssh\\id".to_owned(), "a path of Windows"),
        ("~somebody/.ssh/id".to_owned(), "begin it with ~/"),
        ("$KEY".to_owned(), "begin it with ~/"),
    ] {
        let server = spelt(&sshd, json!({"keyPath": path}));
        refused(&client, server, "keyPath", words).await;
    }
    let trail = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    let is_told = |words| trail.contains(words);
    assert!(is_told("$KEY") && !is_told("PRIVATE KEY"), "{trail}");
    // The advice in the error helps.
    let changes = json!({"keyPath": null, "agent": true});
    let added = client.register(spelt(&sshd, changes.clone())).await;
    logged_in(&added, &changes);
}

#[tokio::test]
async fn a_key_that_is_not_there_yet_is_noted_and_the_server_kept() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let path = sshd.home("later");
    let added = client
        .register(sshd.login_with("web1", Path::new(&path)))
        .await;
    let note = format!("there is no key file at `{path}`");
    assert!(added.text().contains(&note), "{}", added.text());
    std::fs::copy(sshd.home("user"), &path).unwrap();
    client.exec("web1", "true").await.ok();
}

#[tokio::test]
async fn an_entry_that_was_written_by_hand_is_read_alike() {
    let (sshd, data) = (Sshd::start(), directory());
    let key = sshd.home("user");
    let good = json!({
        "host": format!("{}@127.0.0.1:{}", user(), sshd.port), "user": "",
        "keyPath": format!(" '{key}' "),
    });
    let public = json!({
        "host": "127.0.0.1", "port": sshd.port, "user": user(), "keyPath": format!("{key}.pub"),
    });
    let bad = json!({"host": "web1/srv", "user": "u", "password": "p"});
    let worse = json!({"host": "root:Zq8secret@web1", "user": "", "password": "p"});
    let servers = json!({"good": good, "public": public, "bad": bad, "worse": worse});
    let file = data.path().join("servers.json");
    std::fs::write(&file, servers.to_string()).unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.exec("good", "true").await.ok();
    assert_eq!(read_json(&file)["good"], good, "it is left as it is");
    let error = client.exec("bad", "true").await.error("CONNECTION_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    for words in ["correct it with server_add", "user@host:port"] {
        assert!(reason.contains(words), "{reason}");
    }
    let error = client
        .exec("worse", "true")
        .await
        .error("CONNECTION_FAILED");
    assert!(!error.to_string().contains("Zq8secret"), "{error}");
    let error = client.exec("public", "true").await.error("AUTH_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.contains("give the private one"), "{reason}");
}

/// A client whose user has this SSH configuration.
async fn client_with(config: &str, data: &Folder) -> Client {
    let path = data.path().join("ssh-config");
    std::fs::write(&path, config).unwrap();
    Client::in_process(data.path(), |settings| {
        settings.ssh_files.user_config = path;
    })
    .await
}

#[tokio::test]
async fn settings_of_the_ssh_configuration_that_would_have_helped_are_named() {
    let (sshd, data) = (Sshd::start(), directory());
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let ran = data.path().join("ran");
    let config = format!(
        "Match exec \"touch {}\"\nCertificateFile /none\nHost *\nIdentityAgent none\nIdentityFile {}\n",
        ran.display(),
        sshd.home("user")
    );
    let client = client_with(&config, &data).await;
    let server = sshd.login_with("web1", &stranger);
    client.register(server).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    let words = "IdentityAgent and IdentityFile of ~/.ssh/config are not used for it: \
                 server_add with sshConfigHost: `127.0.0.1`";
    assert!(reason.contains(words), "{reason}");
    assert!(!ran.exists(), "no command of a file that is not followed");
    let changes = json!({"keyPath": null, "sshConfigHost": "127.0.0.1"});
    let added = client.register(spelt(&sshd, changes.clone())).await;
    logged_in(&added, &changes);
    // Without a key in the configuration there is nothing to say.
    let (plain, data) = (Sshd::start(), directory());
    let client = client_with("Host other\nIdentityFile /k\n", &data).await;
    client.register(plain.login_with("web1", &stranger)).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    assert!(!error.to_string().contains("sshConfigHost"), "{error}");
}
