//! Passwords that are right and have expired.

use serde_json::{Value, json};

use crate::helper::{
    AsyncSsh, Client, Dialogue, Fixture, PASSWORD, Question, Turn, directory, login,
};

/// A server that wants a right password changed. OpenSSH's never does that before somebody is in.
const SERVER: &str = r#"
import asyncio, asyncssh, sys
class Server(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True
    def validate_password(self, user, password):
        if password == "throwaway":
            raise asyncssh.PasswordChangeRequired("Your password expired on Monday.")
        return False
async def main():
    key, cipher, mac, kex = sys.argv[1:]
    server = await asyncssh.create_server(Server, "127.0.0.1", 0, server_host_keys=[key],
        encryption_algs=[cipher], mac_algs=[mac], kex_algs=[kex])
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()
asyncio.run(main())
"#;

const GCM: [&str; 3] = [
    "aes128-gcm@openssh.com",
    "hmac-sha2-256",
    "curve25519-sha256",
];

/// The error of a login with that password.
async fn refusal(client: &Client, port: u16, password: &str) -> Value {
    let mut server = login("web1", port);
    server["password"] = json!(password);
    client.register(server).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    error["details"].clone()
}

#[tokio::test]
async fn an_expired_password_is_said_at_once_in_the_server_s_words() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let ctr = "aes256-ctr";
    for algorithms in [
        GCM,
        [
            "aes256-gcm@openssh.com",
            "hmac-sha2-256",
            "curve25519-sha256",
        ],
        [ctr, "hmac-sha2-256", "curve25519-sha256"],
        [ctr, "hmac-sha2-512", "diffie-hellman-group14-sha256"],
        [
            "aes128-ctr",
            "hmac-sha2-512-etm@openssh.com",
            "curve25519-sha256@libssh.org",
        ],
        [
            "aes192-ctr",
            "hmac-sha2-256-etm@openssh.com",
            "curve25519-sha256",
        ],
    ] {
        let Some(server) = AsyncSsh::start(SERVER, &algorithms) else {
            return;
        };
        let details = refusal(&client, server.port, PASSWORD).await;
        let words =
            "the password has expired and is to be changed: `Your password expired on Monday.`";
        assert_eq!(details["reason"], words, "{algorithms:?}");
        assert_eq!(details["tried"], json!(["password"]));
        let hint = details["hint"].as_str().unwrap();
        assert!(hint.contains("set a new password"), "{hint}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_an_expired_one() {
    let Some(server) = AsyncSsh::start(SERVER, &GCM) else {
        return;
    };
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let details = refusal(&client, server.port, "something-else").await;
    let reason = details["reason"].as_str().unwrap();
    assert!(reason.starts_with("it refused password"), "{reason}");
}

#[tokio::test]
async fn a_dialogue_that_asks_for_a_new_password_gets_none() {
    let fixture = Fixture::embedded().await;
    let ask = |prompt| Question {
        prompt,
        echo: false,
        is_right: |answer| answer == PASSWORD,
    };
    let port = fixture.server.address().port();
    for prompt in [
        "New password: ",
        "Retype new UNIX password: ",
        "Enter new password:",
    ] {
        fixture.server.ask(Dialogue {
            turn: Turn::Alone,
            questions: vec![ask("Current password: "), ask(prompt)],
        });
        let details = refusal(&fixture.client, port, PASSWORD).await;
        let reason = details["reason"].as_str().unwrap();
        let words = format!(
            "the password has expired and is to be changed: `{}`",
            prompt.trim()
        );
        assert_eq!(reason, words);
        fixture
            .client
            .call("server_remove", json!({"alias": "web1"}))
            .await
            .ok();
    }
}
