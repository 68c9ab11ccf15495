//! Passwords that are words: they are masked where they belong, and nowhere else.

use serde_json::json;

use crate::helper::{Client, Fixture, Folder, Sshd, closed_port, directory};

/// A box and another server, and a client in a process of its own: words that are secrets are known to all
/// of a process.
struct BoxAndOther {
    client: Client,
    vagrant: Sshd,
    other: Sshd,
    data: Folder,
}

impl BoxAndOther {
    async fn start() -> Self {
        let data = directory();
        let fleet = Self {
            client: Client::spawned(data.path(), &[]).await,
            vagrant: Sshd::start(),
            other: Sshd::start(),
            data,
        };
        fleet.client.register(fleet.other.login("other")).await;
        fleet
    }

    /// Registers the box with a password, and gives what is said of that.
    async fn add(&self, alias: &str, password: &str) -> String {
        let mut login = self.vagrant.login(alias);
        login["password"] = password.into();
        self.client.register(login).await.text().to_owned()
    }

    async fn output(&self, alias: &str, cmd: &str) -> String {
        let ran = self.client.exec(alias, cmd).await.ok();
        ran.facts()["output"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_common_word_is_masked_on_its_own_server_alone() {
    let fleet = BoxAndOther::start().await;
    let said = fleet.add("vagrant-box", "vagrant").await;
    assert!(said.contains("`vagrant-box` added"), "{said}");
    assert!(
        said.contains("Note: the password is a common word"),
        "{said}"
    );
    assert_eq!(fleet.output("other", "echo vagrant up").await, "vagrant up");
    assert_eq!(
        fleet.output("vagrant-box", "echo vagrant up").await,
        "******* up"
    );
    let encoded = fleet
        .output("vagrant-box", "printf %s vagrant | base64")
        .await;
    assert_eq!(encoded, "*".repeat(10) + "==");
    let steps = json!({"alias": "vagrant-box", "commands": ["echo vagrant", "echo up >&2"]});
    let steps = fleet.client.call("task_exec_sequence", steps).await.ok();
    assert_eq!(steps.facts()["results"][0]["output"], "*******");

    let shown = |tool: &'static str| fleet.client.call(tool, json!({}));
    for tool in [
        "server_list",
        "pool_stats",
        "system_diagnostics",
        "task_queue",
    ] {
        let shown = shown(tool).await.ok();
        assert!(
            shown.text().contains("vagrant-box"),
            "{tool}: {}",
            shown.text()
        );
        assert!(
            !shown.text().contains("***-box"),
            "{tool}: {}",
            shown.text()
        );
    }
    let history = shown("task_history").await.ok();
    assert!(
        history.text().contains("echo vagrant up"),
        "{}",
        history.text()
    );
    assert!(history.text().contains("echo *** up"), "{}", history.text());
    let audit = std::fs::read_to_string(fleet.data.path().join("audit.jsonl")).unwrap();
    assert_eq!(audit.matches("echo vagrant up").count(), 1, "{audit}");
    assert!(audit.contains("\"alias\":\"vagrant-box\""), "{audit}");
    drop(fleet.other);
    // An error about a server is not the server's output: its name stays a name.
    drop(fleet.vagrant);
    let failed = fleet.client.exec("vagrant-box", "echo vagrant").await;
    let error = failed.error("CONNECTION_FAILED");
    assert!(error.to_string().contains("`vagrant-box`"), "{error}");
    let queue = fleet
        .client
        .call("task_queue", json!({"status": "failed"}))
        .await
        .ok();
    assert!(queue.text().contains("`vagrant-box`"), "{}", queue.text());
    assert!(queue.text().contains("echo ***"), "{}", queue.text());
}

/// A name that is shown everywhere is no secret, and the answer says so.
#[tokio::test]
async fn a_name_is_not_masked() {
    let fleet = BoxAndOther::start().await;
    for (named, more) in [
        ("Zq-name-of-a-box", json!({"alias": "Zq-name-of-a-box"})),
        (
            "Zq-name-of-a-user",
            json!({"alias": "x", "user": "Zq-name-of-a-user"}),
        ),
        (
            "Zq-name-of-a-host",
            json!({"alias": "x", "host": "Zq-name-of-a-host"}),
        ),
    ] {
        let said = fleet.add("box", named).await;
        assert!(!said.contains("Note"), "{said}");
        assert_eq!(
            fleet.output("other", &format!("echo {named}")).await,
            "*".repeat(named.len())
        );
        let mut other =
            json!({"host": "127.0.0.1", "port": closed_port(), "user": "u", "password": named});
        other
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let said = fleet.client.register(other).await;
        let said = said.text();
        assert!(
            said.contains("is also an alias, a user or a host"),
            "{said}"
        );
        assert!(said.contains(more["alias"].as_str().unwrap()), "{said}");
        let listed = fleet.client.call("server_list", json!({})).await.ok();
        assert!(listed.text().contains(named), "{}", listed.text());
        for alias in ["box", "other"] {
            assert_eq!(fleet.output(alias, &format!("echo {named}")).await, named);
        }
        let gone = json!({"alias": more["alias"]});
        fleet.client.call("server_remove", gone).await.ok();
        // It is a secret again.
        let masked = fleet.output("other", &format!("echo {named}")).await;
        assert_eq!(masked, "*".repeat(named.len()));
    }
    // In the usual box all three are the same.
    let vagrant = json!({"alias": "vagrant", "host": "127.0.0.1", "port": closed_port(), "user": "vagrant", "password": "vagrant"});
    fleet.client.register(vagrant).await;
    fleet.add("box", "vagrant").await;
    assert_eq!(
        fleet.output("box", "echo /home/vagrant").await,
        "/home/vagrant"
    );
}

#[tokio::test]
async fn what_cannot_be_masked_is_said_and_all_else_is_masked_everywhere() {
    let fleet = BoxAndOther::start().await;
    let said = fleet.add("box", "x7f2q").await;
    assert!(
        said.contains("the password has fewer than 6 characters"),
        "{said}"
    );
    for rare in ["Zq-rare-1", "correct horse battery staple", "zxqwvjkp"] {
        let said = fleet.add("box", rare).await;
        assert!(!said.contains("Note"), "{said}");
        for alias in ["box", "other"] {
            let masked = fleet.output(alias, &format!("echo '{rare}'")).await;
            assert_eq!(masked, "*".repeat(rare.len()), "{alias}");
        }
    }
}

#[tokio::test]
async fn an_api_s_user_and_host_are_names_and_its_credentials_are_not() {
    let fixture = Fixture::embedded().await;
    let api = json!({"alias": "Zq-api", "url": "http://Zq-credential-1@127.0.0.1:1/", "htpasswd_user": "Zq-htpasswd-user"});
    fixture.client.call("api_add", api).await.ok();
    let shown = fixture
        .exec("echo Zq-credential-1 Zq-htpasswd-user")
        .await
        .ok();
    assert_eq!(shown.facts()["output"], "*************** Zq-htpasswd-user");
}
