//! Old servers: what they offer is named, and used only where their entry allows it.

use serde_json::{Value, json};

use crate::helper::{Agent, AsyncSsh, Client, Sshd, binary_of, directory, keygen_rsa, text, user};

const OLD_HOST_KEY: &str = "HostKeyAlgorithms ssh-rsa";
const OLD_SIGNATURES: &str = "PubkeyAcceptedAlgorithms ssh-rsa";

/// sshd with these lines, an RSA host key, and an RSA key that may log in.
fn old_sshd(lines: &[&str]) -> Sshd {
    let sshd = Sshd::prepared(|folder| {
        let host = folder.join("rsa_host");
        keygen_rsa(&host);
        // OpenSSH 9 accepts only keys of that size by itself.
        format!("HostKey {}\n{}", text(&host), lines.join("\n"))
    });
    let key = sshd.directory.path().join("rsa");
    keygen_rsa(&key);
    sshd.allow(&key);
    sshd
}

fn with_rsa(sshd: &Sshd, is_old_allowed: bool) -> Value {
    let mut server = sshd.login_with("web1", &sshd.directory.path().join("rsa"));
    // The old key exchanges take a busy machine long.
    server["connectTimeout"] = json!(100);
    if is_old_allowed {
        server["legacyAlgorithms"] = json!(true);
    }
    server
}

#[tokio::test]
async fn an_old_server_is_reached_once_its_entry_allows_that() {
    for (lines, named) in [
        (
            ["KexAlgorithms diffie-hellman-group14-sha1"].as_slice(),
            "no key exchange in common; the server offers diffie-hellman-group14-sha1, which legacyAlgorithms: true allows",
        ),
        (
            &["KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1"],
            "diffie-hellman-group1-sha1, diffie-hellman-group-exchange-sha1, which",
        ),
        (
            &["Ciphers aes128-cbc,aes256-cbc"],
            "no cipher in common; the server offers aes128-cbc, aes256-cbc, which",
        ),
        (
            &["Ciphers aes128-ctr", "MACs hmac-sha1"],
            "no MAC in common; the server offers hmac-sha1, which",
        ),
        (
            &[OLD_HOST_KEY],
            "no host key algorithm in common; the server offers ssh-rsa, which",
        ),
        (
            &[
                "KexAlgorithms diffie-hellman-group14-sha1",
                "Ciphers aes128-cbc",
                "MACs hmac-sha1",
                OLD_HOST_KEY,
                OLD_SIGNATURES,
            ],
            "legacyAlgorithms: true",
        ),
    ] {
        let (sshd, data) = (old_sshd(lines), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(with_rsa(&sshd, false)).await;
        let error = client.exec("web1", "true").await.error("CONNECTION_FAILED");
        let reason = error["details"]["reason"].as_str().unwrap();
        assert!(reason.contains(named), "{reason}");
        let hint = error["details"]["hint"].as_str().unwrap();
        assert!(hint.contains("legacyAlgorithms: true"), "{hint}");
        client.register(with_rsa(&sshd, true)).await;
        let ran = client.exec("web1", "echo old").await;
        assert!(!ran.is_error(), "{lines:?}: {}", ran.text());
        // Long output goes through the same cipher.
        let ran = client.exec("web1", "seq 1 20000 | tail -n 1").await.ok();
        assert!(ran.text().contains("20000"), "{}", ran.text());
    }
}

#[tokio::test]
async fn signatures_with_sha1_are_made_only_where_that_is_allowed() {
    let (sshd, home, data) = (old_sshd(&[OLD_SIGNATURES]), directory(), directory());
    let agent = Agent::start(home.path());
    agent.add(&sshd.directory.path().join("rsa"));
    let mut command = binary_of(home.path(), data.path());
    command.env("SSH_AUTH_SOCK", &agent.socket);
    let client = Client::over(command).await;
    let by_agent = json!({
        "alias": "web1", "host": "127.0.0.1", "port": sshd.port, "user": user(), "agent": true,
    });
    for mut server in [with_rsa(&sshd, false), by_agent] {
        client.register(server.clone()).await;
        let error = client.exec("web1", "true").await.error("AUTH_FAILED");
        assert_eq!(error["details"]["tried"], json!(["publickey"]));
        server["legacyAlgorithms"] = json!(true);
        client.register(server).await;
        client.exec("web1", "true").await.ok();
    }
}

/// A server that announces which signatures it takes, and takes those of the key that it is given.
const ANNOUNCING: &str = r#"
import asyncio, asyncssh, sys
async def main():
    host, authorized, algorithm = sys.argv[1:]
    server = await asyncssh.create_server(asyncssh.SSHServer, "127.0.0.1", 0,
        server_host_keys=[host], authorized_client_keys=authorized, signature_algs=[algorithm])
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()
asyncio.run(main())
"#;

#[tokio::test]
async fn a_server_that_announces_signatures_with_sha1_alone_gets_none_by_default() {
    let data = directory();
    let key = data.path().join("rsa");
    keygen_rsa(&key);
    let authorized = text(&key.with_extension("pub"));
    let Some(server) = AsyncSsh::start(ANNOUNCING, &[&authorized, "ssh-rsa"]) else {
        return;
    };
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut entry = json!({
        "alias": "web1", "host": "127.0.0.1", "port": server.port, "user": "u",
        "keyPath": text(&key),
    });
    client.register(entry.clone()).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    let details = &error["details"];
    let words =
        "it takes RSA keys with SHA-1 signatures alone, which legacyAlgorithms: true allows";
    assert!(
        details["reason"].as_str().unwrap().contains(words),
        "{details}"
    );
    assert_eq!(details["tried"], json!([]), "nothing is signed");
    let hint = details["hint"].as_str().unwrap();
    assert!(hint.contains("legacyAlgorithms: true"), "{hint}");
    entry["legacyAlgorithms"] = json!(true);
    client.register(entry).await;
    // It runs nothing, and lets in.
    let ran = client.exec("web1", "true").await;
    assert!(!ran.text().contains("AUTH_FAILED"), "{}", ran.text());
}

#[tokio::test]
async fn a_current_server_gets_the_safe_algorithms_even_if_old_ones_are_allowed() {
    let (sshd, data) = (old_sshd(&["LogLevel DEBUG1"]), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(with_rsa(&sshd, true)).await;
    client.exec("web1", "true").await.ok();
    assert!(sshd.logged("kex: algorithm: ") > 0, "sshd tells");
    for old in [
        "kex: algorithm: diffie-hellman",
        "kex: host key algorithm: ssh-rsa",
        "cipher: aes128-cbc",
        "MAC: hmac-sha1",
    ] {
        assert_eq!(sshd.logged(old), 0, "{old}");
    }
}

#[tokio::test]
async fn the_curves_that_openssh_offers_are_taken() {
    for curve in [
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
    ] {
        let sshd = Sshd::start_with(&format!("KexAlgorithms {curve}"));
        let data = directory();
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        client.exec("web1", "true").await.ok();
    }
}
