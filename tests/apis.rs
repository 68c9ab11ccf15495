//! The catalogue of APIs, and the ways on which they are asked, against HTTP servers on loopback.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::helper::{Client, Http, Sshd, assert_has, binary, closed_port, directory};

const KEY: &str = "key-that-nobody-sees";

async fn add(client: &Client, url: &str, more: Value) {
    let mut arguments = json!({"alias": "main_api", "url": url});
    let fields = arguments.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    client.call("api_add", arguments).await.ok();
}

async fn check(client: &Client, server: Option<&str>) -> Value {
    let mut arguments = json!({"alias": "main_api"});
    if let Some(server) = server {
        arguments["server_alias"] = server.into();
    }
    let answer = client.call("api_check", arguments).await.ok();
    answer.facts().clone()
}

fn with_key() -> Value {
    json!({
        "health_check_endpoint": "/200/health", "auth_method": "api_key", "api_key": KEY,
        "auth_header_name": "X-API-Key", "auth_scheme": "",
    })
}

#[tokio::test]
async fn the_catalogue_keeps_secrets_to_itself() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let both = json!({
        "auth_method": "both", "api_key": KEY, "auth_header_name": "X-API-Key",
        "htpasswd_user": "ops", "htpasswd_pass": "pass-that-nobody-sees", "notes": "of the shop",
    });
    add(&client, "https://api.example.com", both).await;
    let listed = client.call("api_list", json!({})).await.ok();
    let api = &listed.facts()["main_api"];
    assert_has(
        api,
        &json!({"api_key": "***", "htpasswd_pass": "***", "htpasswd_user": "ops"}),
    );
    assert_has(
        api,
        &json!({"notes": "of the shop", "auth_scheme": "Bearer"}),
    );
    assert!(!listed.text().contains("nobody-sees"), "{}", listed.text());

    // Replacing it leaves nothing of the old secrets behind.
    let replaced = json!({"alias": "main_api", "url": "https://user:nobody-sees@h/", "api_key": "nobody-sees"});
    let replaced = client.call("api_add", replaced).await.ok();
    assert!(replaced.text().contains("not sent"), "{}", replaced.text());
    assert!(!format!("{replaced:?}").contains("nobody-sees"));
    let file = std::fs::read_to_string(data.path().join("apis.json")).unwrap();
    assert!(!file.contains("that-nobody-sees"), "{file}");

    let gone = json!({"alias": "main_api"});
    client.call("api_remove", gone.clone()).await.ok();
    let error = client
        .call("api_check", gone.clone())
        .await
        .error("UNKNOWN_ALIAS");
    assert!(error.to_string().contains("API `main_api`"));
    client.call("api_remove", gone).await.error("UNKNOWN_ALIAS");
}

#[tokio::test]
async fn what_can_never_be_asked_is_not_taken() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    for (change, parameter) in [
        (json!({"url": "ftp://h"}), "url"),
        (json!({"url": "not a url"}), "url"),
        (json!({"alias": ""}), "alias"),
        (json!({"auth_method": "api_key"}), "api_key"),
        (
            json!({"auth_method": "htpasswd", "htpasswd_user": "u"}),
            "htpasswd_pass",
        ),
        (
            json!({"auth_method": "api_key", "api_key": "a\nb"}),
            "api_key",
        ),
        (
            json!({"auth_method": "api_key", "api_key": "a", "auth_header_name": "a b"}),
            "auth_header_name",
        ),
        (json!({"auth_method": "magic"}), "auth_method"),
        (json!({"health_check_method": "get"}), "health_check_method"),
    ] {
        let mut arguments = json!({"alias": "a", "url": "https://h"});
        arguments
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let error = client
            .call("api_add", arguments)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
    }
    assert!(!data.path().join("apis.json").exists());
}

#[tokio::test]
async fn from_this_machine() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let http = Http::start(None).await;
    let url = format!("http://127.0.0.1:{}", http.port);
    add(&client, &url, with_key()).await;
    let health = check(&client, None).await;
    assert_has(
        &health,
        &json!({"status": "UP", "http_code": 200, "via": "direct"}),
    );
    assert!(health["response_time_ms"].is_u64() && health.get("reason").is_none());
    let head = &http.heads()[0];
    assert!(head.starts_with("GET /200/health HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("x-api-key: {KEY}\r\n")), "{head}");

    let post = json!({
        "health_check_endpoint": "503", "health_check_method": "POST",
        "auth_method": "htpasswd", "htpasswd_user": "user", "htpasswd_pass": "pass",
    });
    add(&client, &url, post).await;
    let health = check(&client, None).await;
    assert_has(&health, &json!({"status": "DOWN", "http_code": 503}));
    assert_eq!(health["reason"], "503 Service Unavailable");
    let head = &http.heads()[1];
    assert!(
        head.starts_with("POST /503 ") && head.contains("Basic dXNlcjpwYXNz"),
        "{head}"
    );
    assert!(!head.contains("api-key"), "{head}");

    add(&client, &format!("{url}/301"), json!({})).await;
    let health = check(&client, None).await;
    assert_has(&health, &json!({"status": "DOWN", "http_code": 301}));
    assert_eq!(http.heads().len(), 3, "the redirect was not followed");

    add(
        &client,
        &format!("http://127.0.0.1:{}", closed_port()),
        json!({}),
    )
    .await;
    let health = check(&client, None).await;
    assert_has(&health, &json!({"status": "DOWN", "http_code": null}));
    assert_eq!(health["reason"], "ECONNREFUSED");
}

#[tokio::test]
async fn from_a_server_s_network() {
    let (data, sshd) = (directory(), Sshd::start());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("prod_vps")).await;
    let http = Http::start(None).await;
    let url = format!("http://127.0.0.1:{}", http.port);
    add(&client, &url, with_key()).await;
    let health = check(&client, Some("prod_vps")).await;
    assert_has(&health, &json!({"status": "UP", "via": "tunnel"}));
    let head = &http.heads()[0];
    assert!(head.starts_with("GET /200/health HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(KEY) && head.contains(&format!("host: 127.0.0.1:{}\r\n", http.port)));

    let ask =
        |url: String| client.call("check_api_health", json!({"alias": "prod_vps", "url": url}));
    let health = ask(format!("{url}/404?x=1")).await.ok();
    health.has(&json!({"status": "DOWN", "http_code": 404}));
    assert!(http.heads()[1].starts_with("GET /404?x=1 HTTP/1.1\r\n"));
    let health = ask(format!("http://127.0.0.1:{}", closed_port()))
        .await
        .ok();
    health.has(&json!({"status": "DOWN", "http_code": null}));
    assert!(
        health.facts()["reason"]
            .as_str()
            .unwrap()
            .contains("cannot connect")
    );
    // It was asked for nothing but the forwarding, on one connection.
    assert_eq!(sshd.accepted(), 1);
    assert_eq!(
        client.call("queue_stats", json!({})).await.ok().facts()["stats"]["total"],
        0
    );

    let unknown = json!({"alias": "main_api", "server_alias": "nobody"});
    let error = client
        .call("api_check", unknown)
        .await
        .error("UNKNOWN_ALIAS");
    assert_eq!(error["details"]["alias"], "nobody");
    let closed = json!({"alias": "gone", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": "p"});
    client.register(closed).await;
    let closed = json!({"alias": "main_api", "server_alias": "gone"});
    client
        .call("api_check", closed)
        .await
        .error("CONNECTION_FAILED");
}

#[tokio::test]
async fn several_servers_are_asked_in_one_call() {
    let (data, sshd) = (directory(), Sshd::start());
    let client = Client::in_process(data.path(), |_| {}).await;
    let http = Http::start(None).await;
    for alias in ["web1", "web2"] {
        client.register(sshd.login(alias)).await;
    }
    let gone = json!({"alias": "web3", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": "p"});
    client.register(gone).await;

    let url = format!("http://127.0.0.1:{}/200", http.port);
    add(&client, &url, json!({})).await;
    let asked = json!({"alias": "main_api", "server_alias": "web*"});
    let told = client.call("api_check", asked).await.ok();
    let facts = told.facts();
    for alias in ["web1", "web2"] {
        let up = json!({"status": "UP", "http_code": 200, "via": "tunnel"});
        assert_has(&facts["servers"][alias], &up);
    }
    let reason = facts["failed"]["web3"].as_str().unwrap();
    assert!(reason.contains("ECONNREFUSED"), "{reason}");
    let lines: Vec<_> = told.text().lines().collect();
    assert!(lines[0].starts_with("web3  not asked: "), "{lines:?}");
    assert_eq!(lines[1], "UP from 2 of 3 servers: web1, web2");

    let url = format!("http://127.0.0.1:{}/503", http.port);
    let asked = json!({"alias": "web2*", "url": url});
    let told = client.call("check_api_health", asked).await.ok();
    let down = json!({"status": "DOWN", "http_code": 503});
    assert_has(&told.facts()["servers"]["web2"], &down);
    let unknown = json!({"alias": "web1,nobody", "url": url});
    let error = client.call("check_api_health", unknown).await;
    error.error("UNKNOWN_ALIAS");
}

#[tokio::test]
async fn silence_is_down() {
    let (data, sshd) = (directory(), Sshd::start());
    let client = Client::in_process(data.path(), |config| {
        config.sync_timeout = std::time::Duration::from_secs(2);
    })
    .await;
    client.register(sshd.login("prod_vps")).await;
    let http = Http::start(None).await;
    add(
        &client,
        &format!("http://127.0.0.1:{}/silent", http.port),
        json!({}),
    )
    .await;
    for server in [None, Some("prod_vps")] {
        let health = check(&client, server).await;
        assert_has(&health, &json!({"status": "DOWN", "http_code": null}));
        assert!(
            health["reason"]
                .as_str()
                .unwrap()
                .starts_with("no answer within "),
            "{health}"
        );
    }
}

#[tokio::test]
async fn where_forwarding_is_forbidden_curl_asks() {
    let data = directory();
    let curl =
        "echo \"$@\" >\"$HOME/arguments\"\ntee \"$HOME/input\" | PATH=/usr/bin:/bin curl \"$@\"";
    let sshd = Sshd::with_programs(&[("curl", curl)], "AllowTcpForwarding no");
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("prod_vps")).await;
    let http = Http::start(None).await;
    let url = format!("http://127.0.0.1:{}", http.port);
    add(&client, &url, with_key()).await;
    let health = check(&client, Some("prod_vps")).await;
    assert_has(&health, &json!({"status": "UP", "via": "curl"}));
    assert!(http.heads()[0].contains(KEY));
    let arguments = std::fs::read_to_string(sshd.home("arguments")).unwrap();
    assert!(!arguments.contains(KEY), "{arguments}");
    let input = std::fs::read_to_string(sshd.home("input")).unwrap();
    assert!(input.contains(KEY), "{input}");

    let post = json!({"health_check_endpoint": "500", "health_check_method": "POST"});
    add(&client, &url, post).await;
    let health = check(&client, Some("prod_vps")).await;
    assert_has(&health, &json!({"status": "DOWN", "http_code": 500}));
    let head = &http.heads()[1];
    assert!(
        head.starts_with("POST /500 ") && !head.contains("form"),
        "{head}"
    );

    add(
        &client,
        &format!("http://127.0.0.1:{}", closed_port()),
        json!({}),
    )
    .await;
    let health = check(&client, Some("prod_vps")).await;
    assert_has(&health, &json!({"status": "DOWN", "http_code": null}));
    assert!(
        health["reason"].as_str().unwrap().starts_with("curl: (7)"),
        "{health}"
    );

    // Any key is sent, both from here and from a server.
    for (key, line) in [
        ("schlüssel", "x-api-key: schlüssel\r\n"),
        ("", "x-api-key:"),
    ] {
        let mut odd = with_key();
        odd["api_key"] = key.into();
        add(&client, &url, odd).await;
        for server in [None, Some("prod_vps")] {
            assert_eq!(check(&client, server).await["status"], "UP");
            let heads = http.heads();
            assert!(heads.last().unwrap().contains(line), "{heads:?}");
        }
    }

    std::fs::write(sshd.home("bin/curl"), "").unwrap();
    let ask = json!({"alias": "prod_vps", "url": url});
    let error = client
        .call("check_api_health", ask)
        .await
        .error("MONITORING_ERROR");
    assert!(error.to_string().contains("curl"), "{error}");
}

#[tokio::test]
async fn tls_ends_in_this_process() {
    let (data, sshd) = (directory(), Sshd::start());
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let http = Http::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let trusted = data.path().join("trusted.pem");
    std::fs::write(&trusted, cert.pem()).unwrap();
    let empty = directory();
    let spawn = |trusted: Option<&std::path::Path>| {
        let mut command = binary();
        command.arg(format!("--data-dir={}", data.path().display()));
        if let Some(trusted) = trusted {
            command
                .env("SSL_CERT_FILE", trusted)
                .env("SSL_CERT_DIR", empty.path());
        }
        Client::over(command)
    };
    let client = spawn(Some(&trusted)).await;
    client.register(sshd.login("prod_vps")).await;
    add(
        &client,
        &format!("https://localhost:{}", http.port),
        with_key(),
    )
    .await;
    for server in [None, Some("prod_vps")] {
        let health = check(&client, server).await;
        assert_has(&health, &json!({"status": "UP", "http_code": 200}));
    }
    let other = format!("https://127.0.0.1:{}", http.port);
    add(&client, &other, with_key()).await;
    for server in [None, Some("prod_vps")] {
        let health = check(&client, server).await;
        let reason = health["reason"].as_str().unwrap();
        assert!(
            reason.contains("certificate"),
            "the name is another: {health}"
        );
    }
    client.leave().await;
    let client = spawn(None).await;
    add(
        &client,
        &format!("https://localhost:{}", http.port),
        with_key(),
    )
    .await;
    for server in [None, Some("prod_vps")] {
        let health = check(&client, server).await;
        let reason = health["reason"].as_str().unwrap();
        assert!(
            reason.contains("certificate"),
            "nobody vouches for it: {health}"
        );
    }
    assert_eq!(
        http.heads().len(),
        2,
        "nothing was sent to who could not prove itself"
    );
}
