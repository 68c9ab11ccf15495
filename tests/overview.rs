//! One screen of a server, against sshd; services that are not on this machine are stood in for by commands that
//! print what the real ones do.

use std::process::Command;

use serde_json::{Value, json};

use crate::helper::search::Search;
use crate::helper::{Client, FileServers, Folder, Sshd, assert_has, directory};

/// The overview of `web1`: facts and text.
async fn overview(client: &Client, arguments: Value) -> (Value, String) {
    let shown = client.call("server_overview", arguments).await.ok();
    (shown.facts().clone(), shown.text().to_owned())
}

async fn client_of(sshd: &Sshd) -> (Client, Folder) {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (client, data)
}

fn output_of(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The listener on a port.
fn listener(facts: &Value, port: u16) -> &Value {
    let mut listeners = facts["listeners"].as_array().unwrap().iter();
    let found = listeners.find(|listener| listener["port"] == port);
    found.unwrap_or_else(|| panic!("port {port} is not among {}", facts["listeners"]))
}

#[tokio::test]
async fn an_overview_shows_the_server_as_it_is() {
    let sshd = Sshd::start();
    let (client, _data) = client_of(&sshd).await;
    let (facts, text) = overview(&client, json!({"alias": "web1"})).await;
    assert_eq!(facts["hostname"], output_of("uname", "-n"));
    assert_eq!(facts["kernel"], output_of("uname", "-srm"));
    assert!(facts["memory"]["total"].is_string() && facts["disk"]["use_percent"].is_string());
    assert_has(
        listener(&facts, sshd.port),
        &json!({"protocol": "tcp", "addresses": ["127.0.0.1"], "process": "sshd"}),
    );
    let row = format!("{}/tcp on 127.0.0.1  sshd", sshd.port);
    assert!(text.contains(&row), "{text}");
}

#[tokio::test]
async fn a_recent_overview_is_shown_again_unless_a_fresh_one_is_asked_for() {
    let sshd = Sshd::start();
    let (client, _data) = client_of(&sshd).await;
    let asked = async || {
        let history = client.call("task_history", json!({})).await.ok();
        history.facts()["entries"].as_array().unwrap().len()
    };
    let one = json!({"alias": "web1"});
    let (first, _) = overview(&client, one.clone()).await;
    assert_eq!(first.get("age_seconds"), None);
    let (again, text) = overview(&client, one.clone()).await;
    assert!(
        again["age_seconds"].is_u64() && text.contains("`fresh` asks again"),
        "{text}"
    );
    assert_eq!(asked().await, 1);
    let (fresh, _) = overview(&client, json!({"alias": "web1", "fresh": true})).await;
    assert_eq!((fresh.get("age_seconds"), asked().await), (None, 2));
    // Under the same alias there is another server now.
    let mut moved = sshd.login("web1");
    moved["host"] = "localhost".into();
    client.call("server_remove", one.clone()).await.ok();
    client.register(moved).await;
    let (moved, _) = overview(&client, one).await;
    assert_eq!((moved.get("age_seconds"), asked().await), (None, 3));
}

const SS: &str = r#"echo 'Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess'
echo 'tcp LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:(("docker-proxy",pid=999999,fd=4))'
echo "tcp LISTEN 0 511 127.0.0.1:3000 0.0.0.0:* users:((\"node\",pid=$$,fd=4))""#;
const DOCKER: &str = r"case $1 in
ps) printf '0a1b\tshop\t0.0.0.0:8080->80/tcp, [::]:8080->80/tcp\t%s\n' 'a=b,traefik.http.routers.shop.rule=Host(`shop.example.org`) || Host(`www.example.org`),traefik.http.middlewares.auth.basicauth.users=admin:$apr1$tra3fikhash'
    printf '2c3d\tdb\t5432/tcp\t%s\n' 'password=of-the-database' ;;
esac";
const SYSTEMCTL: &str = r#"case "$*" in
*--state=failed*) echo '● backup.service loaded failed failed Nightly backup' ;;
*) exit 1 ;;
esac"#;
const WHO: &str = "echo 'ada      pts/0        2026-11-26 15:40 (192.0.2.7)'";

#[tokio::test]
async fn what_listens_has_its_container_and_names_and_no_secret_of_a_label() {
    let programs = [
        ("ss", SS),
        ("docker", DOCKER),
        ("systemctl", SYSTEMCTL),
        ("who", WHO),
    ];
    let sshd = Sshd::with_programs(&programs, "");
    let (client, data) = client_of(&sshd).await;
    let (facts, text) = overview(&client, json!({"alias": "web1"})).await;
    assert_has(
        listener(&facts, 8080),
        &json!({"process": "docker-proxy", "container": "shop", "names": ["shop.example.org", "www.example.org"]}),
    );
    assert_eq!(listener(&facts, 3000)["process"], "node");
    assert_eq!(facts["failed_units"], json!(["backup.service"]));
    assert_eq!(
        facts["users"],
        json!([{"name": "ada", "sessions": 1, "from": ["192.0.2.7"]}])
    );
    assert!(
        text.contains("failed: backup.service") && text.contains("container shop"),
        "{text}"
    );
    let secrets = [("hash", "tra3fikhash"), ("password", "of-the-database")];
    let found = Search::of(&secrets).found_in_files(data.path());
    assert!(found.is_empty(), "{found:?}");
    for (_, secret) in secrets {
        assert!(!facts.to_string().contains(secret), "{facts}");
    }
}

#[tokio::test]
async fn busybox_has_an_overview_too() {
    let servers = FileServers::of(&["busybox"]).await;
    let one = json!({"alias": "busybox"});
    let (facts, text) = overview(&servers.client, one).await;
    assert_eq!(facts["hostname"], output_of("uname", "-n"));
    assert_eq!(facts["kernel"], output_of("uname", "-srm"));
    assert!(text.contains("/tcp on 127.0.0.1"), "{text}");
}
