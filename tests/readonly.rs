//! Read-only servers, whatever they are called: by place and by host key, which no alias gets around.

use std::path::Path;

use mcp_sftp_orchestrator::config::{Config, SshFiles};
use serde_json::{Value, json};

use crate::helper::{
    Answer, Calls, Effect, Fixture, Proxy, Sshd, closed_port, fingerprint, keygen, user,
};

/// A server that a person has made read-only as `seen`.
async fn fixture(sshd: Sshd) -> Fixture {
    let fixture = Fixture::of(sshd).connected(|_| {}).await;
    let seen = with(fixture.server.login("seen"), &[("readonly", json!(true))]);
    fixture.client.register(seen).await;
    fixture
}

/// Every tool that runs a command or writes a file on the server is refused.
async fn assert_refused(fixture: &Fixture, alias: &str) {
    let pwned = fixture.remote("pwned");
    let calls = Calls {
        alias: alias.to_owned(),
        login: fixture.server.login(alias),
        command: format!("touch {pwned}"),
        upload: [fixture.remote("config"), pwned.clone()],
        remote: fixture.remote("config"),
        downloads: fixture.remote(""),
        failed: Default::default(),
        changed: Value::Null,
        url: String::new(),
    };
    let mut refused = 0;
    for tool in fixture.client.tools().await {
        for (effect, arguments) in calls.of(&tool.name) {
            let changes = matches!(
                effect,
                Effect::Runs | Effect::Writes | Effect::Connects | Effect::Authorizes
            );
            // A call in the background is refused once it begins, and nothing has failed or changed yet.
            let is_of_task = matches!(tool.name.as_ref(), "task_retry" | "task_input" | "undo");
            if changes && arguments.get("background").is_none() && !is_of_task {
                let answer = fixture.client.call(tool.name.clone(), arguments).await;
                assert_read_only(answer, "seen");
                refused += 1;
            }
        }
    }
    assert!(refused > 5, "{refused}");
    assert!(!Path::new(&pwned).exists());
}

/// Looking stays.
async fn assert_seen(fixture: &Fixture, alias: &str) {
    let one = json!({"alias": alias});
    fixture.client.call("get_system_resources", one).await.ok();
    let mut download = fixture.arguments("download", "got", "config");
    download["alias"] = alias.into();
    fixture.client.call("task_transfer", download).await.ok();
}

/// Has a person write a server into the file.
fn write(fixture: &Fixture, alias: &str, login: &Value) {
    let mut server = login.clone();
    server.as_object_mut().unwrap().remove("alias");
    fixture.edit("servers.json", |servers| servers[alias] = server);
}

fn assert_read_only(answer: Answer, name: &str) {
    let error = answer.error("READ_ONLY");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("`{name}`")), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("server `{name}`")), "{error}");
}

fn with(mut login: Value, fields: &[(&str, Value)]) -> Value {
    for (field, value) in fields {
        login[*field] = value.clone();
    }
    login
}

#[tokio::test]
async fn no_other_alias_leads_to_the_same_place() {
    let fixture = fixture(Sshd::start()).await;
    let before = std::fs::read(fixture.stored("servers.json")).unwrap();
    let login = fixture.server.login("other");
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
            assert_read_only(fixture.client.call("server_add", other).await, "seen");
        }
    }
    // Nor is the server itself made writable, moved, or removed and added again.
    for fields in [
        &[][..],
        &[("readonly", json!(false))][..],
        &[("host", json!("192.0.2.7")), ("readonly", json!(true))][..],
        &[("jump", json!("seen"))][..],
    ] {
        let seen = with(fixture.server.login("seen"), fields);
        fixture
            .client
            .call("server_add", seen)
            .await
            .error("READ_ONLY");
    }
    let remove = json!({"alias": "seen"});
    fixture
        .client
        .call("server_remove", remove)
        .await
        .error("READ_ONLY");
    assert_eq!(
        std::fs::read(fixture.stored("servers.json")).unwrap(),
        before
    );
    // Another port is another server, and another alias may be read-only too.
    let elsewhere = with(
        login.clone(),
        &[("port", json!(closed_port())), ("alias", json!("far"))],
    );
    fixture.client.register(elsewhere).await;
    let twin = with(login, &[("readonly", json!(true))]);
    let twin = fixture.client.register(twin).await;
    let told = "under its other aliases as well: `seen`";
    assert!(twin.text().contains(told), "{}", twin.text());
    assert_eq!(fixture.server.accepted(), 0);
}

#[tokio::test]
async fn an_alias_that_a_person_has_written_is_read_only_by_its_place() {
    let fixture = fixture(Sshd::start()).await;
    write(
        &fixture,
        "other",
        &with(
            fixture.server.login("other"),
            &[("host", json!("localhost"))],
        ),
    );
    assert_refused(&fixture, "other").await;
    assert_eq!(fixture.server.accepted(), 0);
    assert_eq!(
        fixture.client.call("task_queue", json!({})).await.facts()["tasks"],
        json!([])
    );
    assert_seen(&fixture, "other").await;
    // It restricts nothing that it goes.
    fixture
        .client
        .call("server_remove", json!({"alias": "other"}))
        .await
        .ok();
    // Once a person has let it, it may be changed.
    fixture.edit("servers.json", |servers| {
        servers["seen"]["readonly"] = false.into();
    });
    fixture.client.register(fixture.server.login("other")).await;
    fixture
        .client
        .exec("other", &format!("touch {}", fixture.remote("pwned")))
        .await
        .ok();
}

#[tokio::test]
async fn the_host_key_tells_where_the_place_does_not() {
    for was_seen in [false, true] {
        let fixture = fixture(Sshd::start()).await;
        if was_seen {
            assert_seen(&fixture, "seen").await;
        }
        let proxy = Proxy::start(fixture.server.port, usize::MAX).await;
        let other = with(
            fixture.server.login("other"),
            &[("port", json!(proxy.port))],
        );
        fixture.client.register(other.clone()).await;
        assert_refused(&fixture, "other").await;
        assert_seen(&fixture, "other").await;
        let touch = format!("touch {}", fixture.remote("pwned"));
        let run = json!({"alias": "other", "cmd": touch, "background": true, "detach": false});
        let task = fixture.client.call("task_exec", run).await;
        let ended = if task.is_error() {
            task
        } else {
            fixture.client.wait(&task.facts()["id"]).await
        };
        assert_read_only(ended, "seen");
        // By now its key is on record, so that another alias of that place is refused at once.
        let again = with(
            other,
            &[("alias", json!("again")), ("user", json!("somebody"))],
        );
        if was_seen {
            assert_read_only(fixture.client.call("server_add", again).await, "seen");
        }
        assert!(!fixture.there("pwned").exists());
    }
}

#[tokio::test]
async fn another_key_of_the_same_server_does_not_help() {
    let sshd = Sshd::prepared(|path| {
        keygen(&path.join("second"), &["-t", "ecdsa"]);
        format!("HostKey {}/second", path.display())
    });
    for pin in ["second", "host"] {
        let fixture = fixture(Sshd::prepared(|path| {
            for name in ["second", "second.pub"] {
                std::fs::copy(sshd.directory.path().join(name), path.join(name)).unwrap();
            }
            format!("HostKey {}/second", path.display())
        }))
        .await;
        assert_seen(&fixture, "seen").await;
        let proxy = Proxy::start(fixture.server.port, usize::MAX).await;
        let pin = fingerprint(&fixture.server.directory.path().join(pin));
        let other = with(
            fixture.server.login("other"),
            &[
                ("port", json!(proxy.port)),
                ("hostKeyFingerprint", json!(pin)),
            ],
        );
        let added = fixture.client.call("server_add", other).await;
        if added.is_error() {
            // The pin itself says which server it is.
            assert_read_only(added, "seen");
            continue;
        }
        assert_refused(&fixture, "other").await;
    }
}

#[tokio::test]
async fn a_way_through_another_server_leads_to_the_same_one() {
    let (fixture, gate) = (fixture(Sshd::start()).await, Sshd::start());
    fixture.client.register(gate.login("gate")).await;
    let through = with(fixture.server.login("through"), &[("jump", json!("gate"))]);
    fixture.client.register(through).await;
    assert_refused(&fixture, "through").await;
    // The gate itself is free.
    fixture
        .client
        .exec("gate", &format!("touch {}", gate.home("free")))
        .await
        .ok();
    assert!(Path::new(&gate.home("free")).exists());
    // The server's own address behind itself is itself.
    let behind = with(fixture.server.login("behind"), &[("jump", json!("seen"))]);
    assert_read_only(
        fixture.client.call("server_add", behind.clone()).await,
        "seen",
    );
    write(&fixture, "behind", &behind);
    assert_refused(&fixture, "behind").await;
}

#[tokio::test]
async fn what_a_read_only_server_is_reached_through_stays_where_it_is() {
    let gate = Sshd::start();
    let fixture = Fixture::of(Sshd::start()).connected(|_| {}).await;
    let (client, sshd) = (&fixture.client, &fixture.server);
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
    // Its login may change.
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
    let fixture = Fixture::of(Sshd::start());
    let config = fixture.here("config");
    let key = fixture.remote("user");
    let text = format!(
        "Host one two-hop\n  HostName localhost.\n  Port {}\n  User {}\n  IdentityFile {key}\n\
         Host two-hop\n  ProxyJump one\nHost free\n  HostName 192.0.2.7\nHost -odd\n  HostName 192.0.2.8\n\
         Host \"b\u{202e}ad\"\n  HostName 192.0.2.9\n",
        fixture.server.port,
        user(),
    );
    std::fs::write(&config, text).unwrap();
    let files = SshFiles {
        user_config: config,
        ..SshFiles::default()
    };
    let change = |config: &mut Config| config.ssh_files = files;
    let fixture = fixture.connected(change).await;
    let (client, sshd) = (&fixture.client, &fixture.server);
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
    write(&fixture, "other", &told);
    let pwned = sshd.home("pwned");
    let run = json!({"alias": "other", "cmd": format!("touch {pwned}")});
    assert_read_only(client.call("task_exec", run).await, "seen");
    assert_eq!((Path::new(&pwned).exists(), sshd.accepted()), (false, 0));
}

#[tokio::test]
async fn a_file_that_is_emptied_makes_nothing_writable() {
    for change in [None, Some(""), Some("\n"), Some("{\"seen\"")] {
        let fixture = fixture(Sshd::start()).await;
        let path = fixture.stored("servers.json");
        match change {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        let listed = fixture.client.call("server_list", json!({})).await.ok();
        assert_eq!(listed.facts().get("seen"), None);
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
                let add = fixture.server.login(alias);
                fixture
                    .client
                    .call("server_add", add)
                    .await
                    .error("READ_ONLY");
            }
            let elsewhere = with(
                fixture.server.login("far"),
                &[("port", json!(closed_port()))],
            );
            fixture.client.register(elsewhere).await;
        }
        // Once a person has written it again, that holds.
        write(&fixture, "seen", &fixture.server.login("seen"));
        fixture.client.register(fixture.server.login("other")).await;
    }
}

#[tokio::test]
async fn the_key_that_tells_it_is_not_exchanged() {
    let mut fixture = fixture(Sshd::start()).await;
    let trust = |key: String| json!({"alias": "seen", "fingerprint": key});
    // The first one may be accepted, and again.
    for _ in 0..2 {
        let key = fixture.server.fingerprint();
        fixture.client.call("server_trust", trust(key)).await.ok();
    }
    fixture.server.change_host_key(&["-t", "ed25519"]);
    let key = fixture.server.fingerprint();
    fixture
        .client
        .call("server_trust", trust(key))
        .await
        .error("READ_ONLY");
    let shown = fixture
        .client
        .call("server_trust", json!({"alias": "seen"}))
        .await
        .ok();
    assert_eq!(shown.facts()["trusted"], Value::Null);
    // Nor by another server whose keys are on record under the same name.
    let gate = Sshd::start();
    fixture.client.register(gate.login("gate")).await;
    let twin = with(fixture.server.login("twin"), &[("jump", json!("gate"))]);
    write(&fixture, "twin", &twin);
    let trust = json!({"alias": "twin", "fingerprint": fixture.server.fingerprint()});
    assert_read_only(fixture.client.call("server_trust", trust).await, "seen");
}

#[tokio::test]
async fn the_same_address_behind_another_server_is_another_one_once_its_key_says_so() {
    let (fixture, gate) = (fixture(Sshd::start()).await, Sshd::start());
    assert_seen(&fixture, "seen").await;
    let port = closed_port();
    fixture
        .client
        .register(with(gate.login("gate"), &[("port", json!(port))]))
        .await;
    let key = gate.fingerprint();
    let twin = with(
        fixture.server.login("twin"),
        &[("jump", json!("gate")), ("hostKeyFingerprint", json!(key))],
    );
    fixture.client.register(twin).await;
}
