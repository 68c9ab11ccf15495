//! Agents that ask a person before they sign.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::helper::{
    Agent, Answer, Client, Folder, Sshd, binary_of, directory, eventually, program, text, user,
};

/// sshd, an agent whose key is to be confirmed, and the folders of both and of the client.
struct Desk {
    sshd: Sshd,
    agent: Agent,
    home: Folder,
    data: Folder,
}

impl Desk {
    /// Each question is written down, and answered once there is a file of that name: `yes` or `no`.
    fn set() -> Self {
        let (sshd, home, data) = (Sshd::start(), directory(), directory());
        let folder = home.path().display();
        let script = format!(
            "echo asked >>{folder}/asked\nwhile :; do\n[ -e {folder}/yes ] && exit 0\n\
             [ -e {folder}/no ] && exit 1\nsleep 0.1\ndone\n"
        );
        program(home.path(), "confirm", &script);
        let confirm = text(&home.path().join("confirm"));
        let variables = [
            ("SSH_ASKPASS", confirm.as_str()),
            ("SSH_ASKPASS_REQUIRE", "force"),
            ("DISPLAY", ":0"),
        ];
        let agent = Agent::start_with(home.path(), &variables);
        agent.add_as(&sshd.directory.path().join("user"), &["-q", "-c"]);
        Self {
            sshd,
            agent,
            home,
            data,
        }
    }

    async fn client(&self) -> Client {
        let mut command = binary_of(self.home.path(), self.data.path());
        command
            .env("SSH_AUTH_SOCK", &self.agent.socket)
            .arg("--sync-timeout=3");
        let client = Client::over(command).await;
        let server = json!({
            "alias": "web1", "host": "127.0.0.1", "port": self.sshd.port, "user": user(),
            "agent": true,
        });
        client.register(server).await;
        client
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn asked(&self) -> usize {
        let asked = std::fs::read_to_string(self.file("asked")).unwrap_or_default();
        asked.lines().count()
    }
}

#[tokio::test]
async fn a_signature_that_takes_a_person_is_asked_for_once() {
    let desk = Desk::set();
    let client = desk.client().await;
    let commands = (0..4).map(|_| handed(client.exec("web1", "true")));
    let ids: Vec<Value> = futures_util::future::join_all(commands).await;
    // A person takes longer than a server may.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert_eq!(desk.asked(), 1, "one signature for all");
    std::fs::write(desk.file("yes"), "").unwrap();
    for id in &ids {
        client.wait(id).await.ok();
    }
    // Files go over lanes of their own elsewhere.
    let folder = desk.file("many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..40 {
        std::fs::write(folder.join(number.to_string()), "x").unwrap();
    }
    let arguments = json!({
        "alias": "web1", "direction": "upload", "local": text(&folder),
        "remote": desk.sshd.home("there"), "background": true,
    });
    let moved = client.call("task_transfer", arguments).await.ok();
    let commands = (0..12).map(|_| client.exec("web1", "sleep 0.2"));
    futures_util::future::join_all(commands).await;
    client.wait(&moved.facts()["id"]).await.ok();
    assert_eq!((desk.asked(), desk.sshd.accepted()), (1, 1));
}

/// The task of a call that is handed off, and says what is waited for.
async fn handed(call: impl Future<Output = Answer>) -> Value {
    let answer = call.await.ok();
    let words = "the SSH agent has been asked to sign with";
    assert!(answer.text().contains(words), "{}", answer.text());
    answer.facts()["id"].clone()
}

#[tokio::test]
async fn a_signature_that_is_refused_is_said_and_not_asked_for_again() {
    let desk = Desk::set();
    let client = desk.client().await;
    let arguments = json!({"alias": "web1", "cmd": "true", "background": true});
    let id = client.call("task_exec", arguments).await.ok().facts()["id"].clone();
    eventually("it is asked", || desk.asked() == 1).await;
    std::fs::write(desk.file("no"), "").unwrap();
    let error = client.wait(&id).await.error("AUTH_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.contains("the SSH agent did not sign"), "{reason}");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test]
async fn adding_a_server_says_that_its_login_waits_for_a_person() {
    let desk = Desk::set();
    let client = desk.client().await;
    let server = json!({
        "alias": "web1", "host": "127.0.0.1", "port": desk.sshd.port, "user": user(),
        "agent": true,
    });
    let added = client.call("server_add", server).await.ok();
    let first = added.text().lines().next().unwrap();
    for words in [
        "not logged in yet",
        "the SSH agent has been asked to sign with",
    ] {
        assert!(first.contains(words), "{first}");
    }
    std::fs::write(desk.file("yes"), "").unwrap();
    client.exec("web1", "true").await.ok();
    assert_eq!(desk.asked(), 1, "the command waits for the same login");
}
