//! Read-only servers, whatever they are called: by place and by host key, which no alias gets around.

use std::path::Path;

use mcp_sftp_orchestrator::config::SshFiles;
use serde_json::{Value, json};

use crate::helper::{
    Answer, Calls, Client, Effect, Folder, Proxy, Sshd, closed_port, directory, fingerprint,
    keygen, read_json,
};

/// A server that a person has made read-only as `seen`, and the data directory that says so.
struct Scene {
    sshd: Sshd,
    data: Folder,
    client: Client,
}

impl Scene {
    async fn set() -> Self {
        Self::with(Sshd::start()).await
    }

    async fn with(sshd: Sshd) -> Self {
        let data = directory();
        let client = Client::in_process(data.path(), |_| {}).await;
        let mut seen = sshd.login("seen");
        seen["readonly"] = true.into();
        client.register(seen).await;
        Self { sshd, data, client }
    }

    fn pwned(&self) -> String {
        self.sshd.home("pwned")
    }

    /// Whatever runs a command or writes a file there is refused.
    async fn assert_refused(&self, alias: &str) {
        let calls = Calls {
            alias: alias.to_owned(),
            login: self.sshd.login(alias),
            command: format!("touch {}", self.pwned()),
            upload: [self.sshd.home("config"), self.pwned()],
            remote: self.sshd.home("config"),
            downloads: self.sshd.home(""),
            failed: Default::default(),
            url: String::new(),
        };
        let mut refused = 0;
        for tool in self.client.tools().await {
            for (effect, arguments) in calls.of(&tool.name) {
                let changes = matches!(effect, Effect::Runs | Effect::Writes);
                // What goes to the background is refused once it begins, and nothing has failed yet.
                if changes && arguments.get("background").is_none() && tool.name != "task_retry" {
                    let answer = self.client.call(tool.name.clone(), arguments).await;
                    assert_read_only(answer, "seen");
                    refused += 1;
                }
            }
        }
        assert!(refused > 5, "{refused}");
        assert!(!Path::new(&self.pwned()).exists());
    }

    /// Looking stays.
    async fn assert_seen(&self, alias: &str) {
        let one = json!({"alias": alias});
        self.client.call("get_system_resources", one).await.ok();
        let local = self.sshd.home("got");
        let download = json!({"alias": alias, "direction": "download", "local": local, "remote": self.sshd.home("config")});
        self.client.call("task_transfer", download).await.ok();
    }

    fn servers(&self) -> Vec<u8> {
        std::fs::read(self.data.path().join("servers.json")).unwrap()
    }

    /// Has a person write a server into the file.
    fn write(&self, alias: &str, login: &Value) {
        let path = self.data.path().join("servers.json");
        let mut servers = read_json(&path);
        let mut server = login.clone();
        server.as_object_mut().unwrap().remove("alias");
        servers[alias] = server;
        std::fs::write(path, servers.to_string()).unwrap();
    }
}

fn assert_read_only(answer: Answer, name: &str) {
    let error = answer.error("READ_ONLY");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("`{name}`")), "{error}");
    let subject = error["details"]["subject"].as_str().unwrap();
    assert!(subject.contains(&format!("server `{name}`")), "{error}");
}

fn with(mut login: Value, fields: &[(&str, Value)]) -> Value {
    for (field, value) in fields {
        login[*field] = value.clone();
    }
    login
}

#[tokio::test]
async fn no_other_alias_leads_to_the_same_place() {
    let scene = Scene::set().await;
    let before = scene.servers();
    let login = scene.sshd.login("other");
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "::1",
        "[::1]",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        " 127.0.0.1 ",
    ] {
        for more in [
            vec![],
            vec![("user", json!("somebody")), ("readonly", json!(false))],
        ] {
            let other = with(with(login.clone(), &[("host", json!(host))]), &more);
            assert_read_only(scene.client.call("server_add", other).await, "seen");
        }
    }
    // Nor is the server itself made writable, moved, or removed and added again.
    for fields in [
        &[][..],
        &[("readonly", json!(false))][..],
        &[("host", json!("192.0.2.7")), ("readonly", json!(true))][..],
        &[("jump", json!("seen"))][..],
    ] {
        let seen = with(scene.sshd.login("seen"), fields);
        scene
            .client
            .call("server_add", seen)
            .await
            .error("READ_ONLY");
    }
    let remove = json!({"alias": "seen"});
    scene
        .client
        .call("server_remove", remove)
        .await
        .error("READ_ONLY");
    assert_eq!(scene.servers(), before);
    // Another port is another server, and another alias may be read-only too.
    let elsewhere = with(
        login.clone(),
        &[("port", json!(closed_port())), ("alias", json!("far"))],
    );
    scene.client.register(elsewhere).await;
    scene
        .client
        .register(with(login, &[("readonly", json!(true))]))
        .await;
    assert_eq!(scene.sshd.accepted(), 0);
}

#[tokio::test]
async fn an_alias_that_a_person_has_written_is_read_only_by_its_place() {
    let scene = Scene::set().await;
    scene.write(
        "other",
        &with(scene.sshd.login("other"), &[("host", json!("localhost"))]),
    );
    scene.assert_refused("other").await;
    assert_eq!(scene.sshd.accepted(), 0);
    assert_eq!(
        scene.client.call("task_queue", json!({})).await.facts()["tasks"],
        json!([])
    );
    scene.assert_seen("other").await;
    // It restricts nothing that it goes.
    scene
        .client
        .call("server_remove", json!({"alias": "other"}))
        .await
        .ok();
    // Once a person has let it, it may be changed.
    let path = scene.data.path().join("servers.json");
    let open = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"readonly\":true", "\"readonly\":false");
    std::fs::write(
        &path,
        open.replace("\"readonly\": true", "\"readonly\": false"),
    )
    .unwrap();
    scene.client.register(scene.sshd.login("other")).await;
    scene
        .client
        .exec("other", &format!("touch {}", scene.pwned()))
        .await
        .ok();
}

#[tokio::test]
async fn the_host_key_tells_where_the_place_does_not() {
    for was_seen in [false, true] {
        let scene = Scene::set().await;
        if was_seen {
            scene.assert_seen("seen").await;
        }
        let proxy = Proxy::start(scene.sshd.port, usize::MAX).await;
        let other = with(scene.sshd.login("other"), &[("port", json!(proxy.port))]);
        scene.client.register(other.clone()).await;
        scene.assert_refused("other").await;
        scene.assert_seen("other").await;
        let touch = format!("touch {}", scene.pwned());
        let run = json!({"alias": "other", "cmd": touch, "background": true});
        let task = scene.client.call("task_exec", run).await;
        let ended = if task.is_error() {
            task
        } else {
            scene.client.wait(&task.facts()["id"]).await
        };
        assert_read_only(ended, "seen");
        // By now its key is on record, so that another alias of that place is refused at once.
        let again = with(
            other,
            &[("alias", json!("again")), ("user", json!("somebody"))],
        );
        if was_seen {
            assert_read_only(scene.client.call("server_add", again).await, "seen");
        }
        assert!(!Path::new(&scene.pwned()).exists());
    }
}

#[tokio::test]
async fn another_key_of_the_same_server_does_not_help() {
    let sshd = Sshd::prepared(|path| {
        keygen(&path.join("second"), &["-t", "ecdsa"]);
        format!("HostKey {}/second", path.display())
    });
    for pin in ["second", "host"] {
        let scene = Scene::with(Sshd::prepared(|path| {
            for name in ["second", "second.pub"] {
                std::fs::copy(sshd.directory.path().join(name), path.join(name)).unwrap();
            }
            format!("HostKey {}/second", path.display())
        }))
        .await;
        scene.assert_seen("seen").await;
        let proxy = Proxy::start(scene.sshd.port, usize::MAX).await;
        let pin = fingerprint(&scene.sshd.directory.path().join(pin));
        let other = with(
            scene.sshd.login("other"),
            &[
                ("port", json!(proxy.port)),
                ("hostKeyFingerprint", json!(pin)),
            ],
        );
        let added = scene.client.call("server_add", other).await;
        if added.is_error() {
            // The pin itself says which server it is.
            assert_read_only(added, "seen");
            continue;
        }
        scene.assert_refused("other").await;
    }
}

#[tokio::test]
async fn a_way_through_another_server_leads_to_the_same_one() {
    let (scene, gate) = (Scene::set().await, Sshd::start());
    scene.client.register(gate.login("gate")).await;
    let through = with(scene.sshd.login("through"), &[("jump", json!("gate"))]);
    scene.client.register(through).await;
    scene.assert_refused("through").await;
    // The gate itself is free.
    scene
        .client
        .exec("gate", &format!("touch {}", gate.home("free")))
        .await
        .ok();
    assert!(Path::new(&gate.home("free")).exists());
    // The server's own address behind itself is itself.
    let behind = with(scene.sshd.login("behind"), &[("jump", json!("seen"))]);
    assert_read_only(
        scene.client.call("server_add", behind.clone()).await,
        "seen",
    );
    scene.write("behind", &behind);
    scene.assert_refused("behind").await;
}

#[tokio::test]
async fn what_a_read_only_server_is_reached_through_stays_where_it_is() {
    let (sshd, data, gate) = (Sshd::start(), directory(), Sshd::start());
    let client = Client::in_process(data.path(), |_| {}).await;
    let other_gate = with(gate.login("gate2"), &[("port", json!(closed_port()))]);
    client.register(gate.login("gate")).await;
    client.register(other_gate).await;
    let seen = with(
        sshd.login("seen"),
        &[("jump", json!("gate")), ("readonly", json!(true))],
    );
    client.register(seen).await;
    for change in [
        ("port", json!(closed_port())),
        ("host", json!("192.0.2.7")),
        ("jump", json!("gate2")),
    ] {
        let moved = with(gate.login("gate"), &[change]);
        assert_read_only(client.call("server_add", moved).await, "seen");
    }
    let remove = json!({"alias": "gate"});
    assert_read_only(client.call("server_remove", remove).await, "seen");
    // How it is logged in to may change.
    let login = with(
        gate.login("gate"),
        &[("agent", json!(false)), ("host", json!("localhost"))],
    );
    client.register(login).await;
    // The same address behind another server is another one, and behind the same it is not.
    let twin = with(sshd.login("twin"), &[("jump", json!("gate2"))]);
    client.register(twin).await;
    let same = with(sshd.login("same"), &[("jump", json!("gate"))]);
    assert_read_only(client.call("server_add", same).await, "seen");
}

#[tokio::test]
async fn hosts_of_the_ssh_configuration_are_the_places_that_it_tells() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let config = folder.path().join("config");
    let key = sshd.home("user");
    let text = format!(
        "Host one two-hop\n  HostName localhost.\n  Port {}\n  User {}\n  IdentityFile {key}\n\
         Host two-hop\n  ProxyJump one\nHost free\n  HostName 192.0.2.7\nHost -odd\n  HostName 192.0.2.8\n\
         Host \"b\u{202e}ad\"\n  HostName 192.0.2.9\n",
        sshd.port,
        crate::helper::user(),
    );
    std::fs::write(&config, text).unwrap();
    let files = SshFiles {
        user_config: config,
        ..SshFiles::default()
    };
    let client = Client::in_process(data.path(), |settings| settings.ssh_files = files).await;
    client
        .register(with(sshd.login("seen"), &[("readonly", json!(true))]))
        .await;
    let told = json!({"alias": "other", "host": "", "user": "", "sshConfigHost": "one"});
    assert_read_only(client.call("server_add", told.clone()).await, "seen");
    let imported = client
        .call("server_import", json!({"add": true}))
        .await
        .ok();
    let hosts = imported.facts()["hosts"].as_array().unwrap().clone();
    let of = |name: &str| hosts.iter().find(|host| host["name"] == name).unwrap();
    assert_eq!(of("free")["state"], "added");
    for (name, reason) in [
        ("one", "`seen`"),
        ("-odd", "ASCII letters"),
        // As it may be read.
        ("bad", "ASCII letters"),
    ] {
        assert_eq!(of(name)["state"], "broken", "{name}");
        assert!(
            of(name)["way"].as_str().unwrap().contains(reason),
            "{}",
            of(name)
        );
    }
    // One that a person has written is found out before anything is sent.
    let path = data.path().join("servers.json");
    let mut servers = read_json(&path);
    servers["other"] = json!({"host": "", "user": "", "sshConfigHost": "one"});
    std::fs::write(&path, servers.to_string()).unwrap();
    let pwned = sshd.home("pwned");
    let run = json!({"alias": "other", "cmd": format!("touch {pwned}")});
    assert_read_only(client.call("task_exec", run).await, "seen");
    assert_eq!((Path::new(&pwned).exists(), sshd.accepted()), (false, 0));
}

#[tokio::test]
async fn a_file_that_is_emptied_makes_nothing_writable() {
    for change in [None, Some(""), Some("\n"), Some("{\"seen\"")] {
        let scene = Scene::set().await;
        let path = scene.data.path().join("servers.json");
        match change {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        let listed = scene.client.call("server_list", json!({})).await.ok();
        assert_eq!(listed.facts(), &json!({}));
        // A file that has something in it is kept, and that is said.
        let said = listed.0.content.last().unwrap().as_text().unwrap();
        assert_eq!(
            said.text.contains("was set aside"),
            change.is_some(),
            "{}",
            said.text
        );
        for _ in 0..2 {
            for alias in ["seen", "other"] {
                let add = scene.sshd.login(alias);
                scene
                    .client
                    .call("server_add", add)
                    .await
                    .error("READ_ONLY");
            }
            let elsewhere = with(scene.sshd.login("far"), &[("port", json!(closed_port()))]);
            scene.client.register(elsewhere).await;
        }
        // Once a person has written it again, that holds.
        scene.write("seen", &scene.sshd.login("seen"));
        scene.client.register(scene.sshd.login("other")).await;
    }
}

#[tokio::test]
async fn the_key_that_tells_it_is_not_exchanged() {
    let mut scene = Scene::set().await;
    let trust = |key: String| json!({"alias": "seen", "fingerprint": key});
    // The first one may be accepted, and again.
    for _ in 0..2 {
        let key = scene.sshd.fingerprint();
        scene.client.call("server_trust", trust(key)).await.ok();
    }
    scene.sshd.change_host_key(&["-t", "ed25519"]);
    let key = scene.sshd.fingerprint();
    scene
        .client
        .call("server_trust", trust(key))
        .await
        .error("READ_ONLY");
    let shown = scene
        .client
        .call("server_trust", json!({"alias": "seen"}))
        .await
        .ok();
    assert_eq!(shown.facts()["trusted"], Value::Null);
    // Nor by another server whose keys are on record under the same name.
    let gate = Sshd::start();
    scene.client.register(gate.login("gate")).await;
    let twin = with(scene.sshd.login("twin"), &[("jump", json!("gate"))]);
    scene.write("twin", &twin);
    let trust = json!({"alias": "twin", "fingerprint": scene.sshd.fingerprint()});
    assert_read_only(scene.client.call("server_trust", trust).await, "seen");
}

#[tokio::test]
async fn the_same_address_behind_another_server_is_another_one_once_its_key_says_so() {
    let (scene, gate) = (Scene::set().await, Sshd::start());
    scene.assert_seen("seen").await;
    let port = closed_port();
    scene
        .client
        .register(with(gate.login("gate"), &[("port", json!(port))]))
        .await;
    let key = gate.fingerprint();
    let twin = with(
        scene.sshd.login("twin"),
        &[("jump", json!("gate")), ("hostKeyFingerprint", json!(key))],
    );
    scene.client.register(twin).await;
}
