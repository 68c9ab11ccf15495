//! The key that secrets are encrypted with: its places, and its loss.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::helper::search::{Search, files_below};
use crate::helper::{
    Answer, BINARY, EmbeddedHost, Fixture, Keyring, PASSWORD, RawProcess, SshServer, Sshd, USER,
    directory, read_json, text,
};

/// A server, and processes that log in to it with a password.
type Sealed = Fixture<EmbeddedHost, ()>;

async fn fixture() -> Sealed {
    Fixture::of(EmbeddedHost::start().await)
}

/// Registers the server as `alias`, with a password or a reference to one.
async fn add(server: &mut RawProcess, fixture: &Sealed, alias: &str, password: &str) -> Answer {
    let mut login = fixture.server.login(alias);
    login["password"] = password.into();
    server.tool("server_add", login).await.ok()
}

/// Writes files as the original did, with a server that is there.
fn write_clear(fixture: &Sealed) {
    let port = fixture.server.address().port();
    let servers = json!({
        "web1": {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "colour": "red"},
        "web2": {"host": "192.0.2.7", "user": "deploy", "keyPath": "/k", "passphrase": "Zq-clear-phrase"},
        "web3": {"host": "192.0.2.8", "user": "deploy", "password": "env:WEB3"},
    });
    let apis = json!({"shop": {
        "url": "https://user:Zq-clear-url@192.0.2.7/", "auth_method": "both", "api_key": "Zq-clear-key",
        "auth_header_name": "X-Key", "htpasswd_user": "u", "htpasswd_pass": "Zq-clear-pass", "owner": "me",
    }});
    std::fs::write(fixture.stored("servers.json"), servers.to_string()).unwrap();
    std::fs::write(fixture.stored("apis.json"), apis.to_string()).unwrap();
}

fn assert_not_stored(secrets: &[(&str, &str)], fixture: &Sealed) {
    let found = Search::of(secrets).found_in_files(fixture.data.path());
    assert_eq!(found, [""; 0]);
}

const CLEAR: [(&str, &str); 5] = [
    ("password", PASSWORD),
    ("passphrase", "Zq-clear-phrase"),
    ("url", "Zq-clear-url"),
    ("key", "Zq-clear-key"),
    ("pass", "Zq-clear-pass"),
];

async fn logs_in(server: &mut RawProcess, alias: &str) {
    let run = json!({"alias": alias, "cmd": "echo in"});
    let answer = server.tool("task_exec", run).await.ok();
    assert_eq!(answer.facts()["output"], "in", "{}", answer.text());
}

/// The message of what a command on a server fails with for want of its secret.
async fn lacks_its_secret(server: &mut RawProcess, alias: &str) -> String {
    let run = json!({"alias": alias, "cmd": "true"});
    let error = server.tool("task_exec", run).await;
    let error = error.error("SECRET_UNAVAILABLE");
    error.to_string()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Secrets that stood in clear in the files are encrypted once, and whatever else stands there is kept.
#[tokio::test]
async fn what_stood_in_clear_is_encrypted_by_whichever_process_comes_first() {
    let fixture = fixture().await;
    write_clear(&fixture);
    let (mut one, mut other) = tokio::join!(fixture.serve(&[]), fixture.serve(&[]));
    for server in [&mut one, &mut other] {
        logs_in(server, "web1").await;
    }
    for file in [
        "servers.json held the secrets of 2",
        "apis.json held the secrets of 1",
    ] {
        fixture.until_said(file).await;
    }
    let servers = read_json(&fixture.stored("servers.json"));
    let apis = read_json(&fixture.stored("apis.json"));
    assert_eq!(servers["web1"]["colour"], "red");
    assert_eq!(servers["web2"]["keyPath"], "/k");
    assert_eq!(servers["web3"]["password"], "env:WEB3");
    assert_eq!(apis["shop"]["owner"], "me");
    assert_eq!(apis["shop"]["url"], "https://192.0.2.7/");
    for sealed in [
        &servers["web1"]["password"],
        &servers["web2"]["passphrase"],
        &apis["shop"]["api_key"],
        &apis["shop"]["htpasswd_pass"],
        &apis["shop"]["url_credentials"],
    ] {
        assert!(
            sealed.as_str().unwrap().starts_with("sealed:v1:"),
            "{sealed}"
        );
    }
    assert_not_stored(&CLEAR, &fixture);
    assert_eq!(mode(&fixture.stored("secret.key")), 0o600);
    for (tool, arguments) in [
        ("server_list", json!({})),
        ("system_diagnostics", json!({"verbose": true})),
        ("api_list", json!({})),
    ] {
        let shown = one.tool(tool, arguments).await.ok();
        assert!(shown.text().contains("***") && !shown.text().contains("sealed"));
    }
    // Once is enough.
    let before = fixture.said().len();
    logs_in(&mut fixture.serve(&[]).await, "web1").await;
    assert!(!fixture.said()[before..].contains("in clear"));
}

/// Copies of the files with secrets in clear are kept with `MCP_KEEP_CLEAR_SECRETS` alone, for their owner.
#[tokio::test]
async fn the_old_files_are_kept_only_where_that_is_wanted() {
    for (setting, copies) in [("true", 2), ("false", 0)] {
        let fixture = fixture().await;
        write_clear(&fixture);
        logs_in(
            &mut fixture.serve(&[("MCP_KEEP_CLEAR_SECRETS", setting)]).await,
            "web1",
        )
        .await;
        let kept = files_below(fixture.data.path());
        let kept: Vec<_> = kept
            .iter()
            .filter(|path| text(path).contains("clear-"))
            .collect();
        assert_eq!(kept.len(), copies, "{kept:?}");
        let search = Search::of(&CLEAR);
        for path in kept {
            assert!(!search.found(&std::fs::read(path).unwrap()).is_empty());
            assert_eq!(mode(path), 0o600, "{}", path.display());
        }
    }
}

/// With `MCP_SECRET_KEY` no key lies in the data directory, and without that key no secret is read.
#[tokio::test]
async fn a_key_of_the_user_s_own_leaves_no_key_here() {
    const KEY: (&str, &str) = ("MCP_SECRET_KEY", "correct horse battery staple");
    let (fixture, sshd) = (fixture().await, Sshd::start());
    let mut server = fixture.serve(&[KEY]).await;
    add(&mut server, &fixture, "web1", PASSWORD).await;
    server.tool("server_add", sshd.login("keyed")).await.ok();
    logs_in(&mut server, "web1").await;
    assert!(!fixture.stored("secret.key").exists());
    logs_in(&mut fixture.serve(&[KEY]).await, "web1").await;

    let mut server = fixture.serve(&[("MCP_SECRET_KEY", "another one")]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(
        lack.contains("not in MCP_SECRET_KEY") && lack.contains("server_add"),
        "{lack}"
    );
    logs_in(&mut server, "keyed").await;
    // Set again, it is there again.
    add(&mut server, &fixture, "web1", PASSWORD).await;
    logs_in(&mut server, "web1").await;
}

/// Without its key a secret is said to be lost, and those of another key are still read.
#[tokio::test]
async fn a_lost_key_takes_only_what_it_had_encrypted() {
    let fixture = fixture().await;
    let mut server = fixture.serve(&[]).await;
    add(&mut server, &fixture, "web1", PASSWORD).await;
    server.child.kill().await.unwrap();
    // A secret that is encrypted from now on needs the new key alone, though the old one was in use as well.
    let own = [("MCP_SECRET_KEY", "correct horse battery staple")];
    let mut server = fixture.serve(&own).await;
    logs_in(&mut server, "web1").await;
    add(&mut server, &fixture, "web2", PASSWORD).await;
    std::fs::remove_file(fixture.stored("secret.key")).unwrap();
    let mut server = fixture.serve(&own).await;
    logs_in(&mut server, "web2").await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(
        lack.contains("set the secret again, or bring that key back"),
        "{lack}"
    );

    let mut server = fixture.serve(&[]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(lack.contains("secret.key"), "{lack}");
    fixture.until_said("server `web1`: ").await;
    let listed = server.tool("server_list", json!({})).await.ok();
    assert_eq!(listed.facts()["web1"]["password"], "***");
}

/// References are kept as they are and resolved at each login; one that leads nowhere says why.
#[tokio::test]
async fn references_are_resolved_where_they_lead() {
    let fixture = fixture().await;
    let path = fixture.here("password");
    std::fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let seen = fixture.here("environment");
    let file = format!("file:{}", path.display());
    let command = format!("cmd:env > {}; cat {}", seen.display(), path.display());
    let settings = [
        ("WEB1_PASSWORD", PASSWORD),
        ("MCP_SECRET_KEY", "nobody else's"),
        ("MCP_ALLOW_CMD_SECRETS", "1"),
    ];
    let mut server = fixture.serve(&settings).await;
    for (alias, reference, shown) in [
        ("env", "env:WEB1_PASSWORD", "env:WEB1_PASSWORD"),
        ("file", &file, &file),
        ("cmd", &command, "cmd:***"),
    ] {
        let added = add(&mut server, &fixture, alias, reference).await;
        assert_eq!(added.facts()["server"]["password"], shown);
        logs_in(&mut server, alias).await;
        let listed = server.tool("server_list", json!({})).await.ok();
        assert_eq!(listed.facts()[alias]["password"], shown);
    }
    // Kept as it is, and what it led to nowhere.
    assert_eq!(
        read_json(&fixture.stored("servers.json"))["file"]["password"],
        file
    );
    assert_not_stored(&[("password", PASSWORD)], &fixture);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("PATH=") && !seen.contains("nobody else's"),
        "{seen}"
    );

    let empty = fixture.here("empty");
    std::fs::write(&empty, "\n").unwrap();
    for (reference, named, reason) in [
        ("env:NOT_SET_HERE", "env:NOT_SET_HERE", "is not set"),
        (
            "file:/nowhere/at all",
            "file:/nowhere/at all",
            "cannot be read",
        ),
        (&format!("file:{}", empty.display()), "file:", "it is empty"),
        (
            &format!("cmd:echo {PASSWORD} >&2; exit 3"),
            "cmd:***",
            "exit status: 3",
        ),
    ] {
        add(&mut server, &fixture, "lost", reference).await;
        let lack = lacks_its_secret(&mut server, "lost").await;
        assert!(lack.contains(named) && lack.contains(reason), "{lack}");
        assert!(!lack.contains(PASSWORD), "{lack}");
    }
}

/// A keyring that answers keeps the key, and the data directory does not.
#[tokio::test]
async fn a_keyring_keeps_the_key() {
    let Some(keyring) = Keyring::start().await else {
        return;
    };
    let fixture = fixture().await;
    let settings = keyring.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut server = fixture.serve(&settings).await;
    add(&mut server, &fixture, "web1", PASSWORD).await;
    let mut other = fixture.serve(&settings).await;
    logs_in(&mut other, "web1").await;
    assert!(!fixture.stored("secret.key").exists());
    assert_not_stored(&[("password", PASSWORD)], &fixture);

    // Without the keyring there is nothing to decrypt it with, and that is said.
    let mut without = fixture
        .serve(&[
            ("MCP_KEYRING", "true"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
        ])
        .await;
    let lack = lacks_its_secret(&mut without, "web1").await;
    assert!(lack.contains("not in the keyring"), "{lack}");
}

#[tokio::test]
async fn a_keyring_is_found_where_the_client_does_not_pass_the_bus_on() {
    let Some(keyring) = Keyring::start().await else {
        return;
    };
    let fixture = fixture().await;
    let runtime = text(keyring.runtime());
    let stripped = [("MCP_KEYRING", "true"), ("XDG_RUNTIME_DIR", &runtime)];
    let mut server = fixture.serve(&stripped).await;
    add(&mut server, &fixture, "web1", PASSWORD).await;
    assert!(!fixture.stored("secret.key").exists());
    // One that has the bus from its client reads what it has encrypted.
    let settings = keyring.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut other = fixture.serve(&settings).await;
    logs_in(&mut other, "web1").await;
    add(&mut other, &fixture, "web2", PASSWORD).await;
    let mut again = fixture
        .serve(&[("DBUS_SESSION_BUS_ADDRESS", ""), stripped[0], stripped[1]])
        .await;
    logs_in(&mut again, "web2").await;
    // A user who wants no keyring has none.
    let mut without = fixture.serve(&[stripped[1]]).await;
    lacks_its_secret(&mut without, "web1").await;
}

#[tokio::test]
async fn a_keyring_that_could_not_be_reached_is_named_as_the_cause() {
    let fixture = fixture().await;
    let mut server = fixture.serve(&[]).await;
    add(&mut server, &fixture, "web1", PASSWORD).await;
    server.child.kill().await.unwrap();
    std::fs::remove_file(fixture.stored("secret.key")).unwrap();
    let mut server = fixture.serve(&[("MCP_KEYRING", "true")]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    for part in [
        "not in the keyring",
        "the keyring was not reached: DBUS_SESSION_BUS_ADDRESS is not set",
        "the client that started this program did not pass it on",
        "mcp-sftp-orchestrator install --client CLIENT",
    ] {
        assert!(lack.contains(part), "{part}: {lack}");
    }
    let mut server = fixture.serve(&[]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(!lack.contains("keyring"), "{lack}");
}

/// The library that asks the keyring has the bus from the environment alone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_bus_is_set_where_it_is_found_and_wanted() {
    let (runtime, fixture) = (directory(), fixture().await);
    let runtime = runtime.path().join("a b=ü");
    std::fs::create_dir(&runtime).unwrap();
    let _bus = std::os::unix::net::UnixListener::bind(runtime.join("bus")).unwrap();
    let escaped = text(&runtime).replace("a b=ü", "a%20b%3D%C3%BC");
    let found = format!("DBUS_SESSION_BUS_ADDRESS=unix:path={escaped}/bus");
    let runtime = text(&runtime);
    let in_it = ("XDG_RUNTIME_DIR", runtime.as_str());
    let own = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    for (settings, expected) in [
        (&[in_it, ("MCP_KEYRING", "true")][..], Some(found.as_str())),
        (&[in_it, ("MCP_KEYRING", "false")], None),
        (
            &[in_it, ("MCP_KEYRING", "true"), ("MCP_SECRET_KEY", "k")],
            None,
        ),
        (
            &[in_it, ("MCP_KEYRING", "true"), own],
            Some("DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere"),
        ),
        (&[("MCP_KEYRING", "true")], None),
    ] {
        let server = fixture.serve(settings).await;
        let process = format!("/proc/{}", server.child.id().unwrap());
        let environment = std::fs::read_to_string(format!("{process}/environ")).unwrap();
        let mut variables = environment.split('\0');
        let set = variables.find(|variable| variable.starts_with("DBUS_SESSION_BUS_ADDRESS="));
        assert_eq!(set, expected, "{settings:?}");
        let arguments = std::fs::read_to_string(format!("{process}/cmdline")).unwrap();
        let data = format!("--data-dir={}", fixture.data.path().display());
        let arguments: Vec<_> = arguments.trim_end_matches('\0').split('\0').collect();
        assert_eq!(arguments, [BINARY, &data]);
    }
}
