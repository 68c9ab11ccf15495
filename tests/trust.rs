//! Host keys, against OpenSSH's sshd: whom it goes on talking to, and that it says nothing to others.

use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_sftp_orchestrator::config::SshFiles;
use mcp_sftp_orchestrator::host_key::HostKeyPolicy;
use serde_json::{Value, json};

use crate::helper::{
    Client, Folder, Sshd, binary_of, certify, directory, fingerprint, keygen, keygen_rsa, public,
    text,
};

/// An sshd whose log tells of each attempt to log in.
fn watched() -> Sshd {
    Sshd::start_with("LogLevel DEBUG1")
}

/// The number of logins that have begun.
fn logins(sshd: &Sshd) -> usize {
    sshd.logged("userauth-request for user")
}

/// The name under which its keys are on record.
fn endpoint(sshd: &Sshd) -> String {
    format!("[127.0.0.1]:{}", sshd.port)
}

/// A line of `known_hosts`, without the key's comment.
fn line(endpoint: &str, key: &Path) -> String {
    let public = public(key);
    let key: Vec<_> = public.split(' ').take(2).collect();
    format!("{endpoint} {}\n", key.join(" "))
}

fn host_key(sshd: &Sshd) -> PathBuf {
    sshd.directory.path().join("host")
}

/// The host keys that the program itself has recorded; empty without a file.
fn record(data: &Folder) -> String {
    std::fs::read_to_string(data.path().join("known_hosts")).unwrap_or_default()
}

/// A client for which the files of this folder are the user's and the machine's.
async fn client_with(data: &Folder, folder: &Folder, policy: HostKeyPolicy) -> Client {
    let files = ["known_hosts", "ssh_known_hosts"].map(|name| folder.path().join(name));
    Client::in_process(data.path(), |config| {
        config.host_key_policy = policy;
        config.ssh_files = SshFiles {
            known_hosts: files.to_vec(),
            ..SshFiles::default()
        };
    })
    .await
}

/// Registers a server and drops the connections that it had.
async fn anew(client: &Client, server: Value) {
    let removed = client.call("server_remove", json!({"alias": server["alias"]}));
    let _ = removed.await;
    client.register(server).await;
}

async fn refusal(client: &Client) -> Value {
    let error = client.exec("web1", "true").await;
    error.error("HOST_KEY_MISMATCH")["details"].clone()
}

fn says(details: &Value, words: &str) -> bool {
    details["reason"].as_str().unwrap().contains(words)
}

#[tokio::test]
async fn a_new_key_is_recorded_and_any_other_is_refused_before_a_word_is_said() {
    let (mut sshd, data) = (watched(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    assert!(logins(&sshd) > 0);
    let recorded = line(&endpoint(&sshd), &host_key(&sshd));
    assert_eq!(record(&data), recorded);
    let known = sshd.fingerprint();
    // An impostor may as well offer a kind of key that is not on record.
    for kind in ["ed25519", "ecdsa"] {
        sshd.change_host_key(&["-t", kind]);
        let details = refusal(&client).await;
        assert_eq!(details["presented"], sshd.fingerprint());
        assert_eq!(details["known"], json!([known]), "{kind}");
        let known_at = format!("{}/known_hosts:1", text(data.path()));
        assert_eq!(details["knownAt"], known_at);
        assert!(says(&details, "is not the known one"), "{details}");
        assert_eq!((logins(&sshd), record(&data)), (0, recorded.clone()));
    }
}

#[tokio::test]
async fn a_strict_setting_refuses_what_is_not_known_and_a_server_may_differ() {
    let (sshd, home, data) = (watched(), directory(), directory());
    let mut command = binary_of(home.path(), data.path());
    command.env("MCP_HOST_KEY_POLICY", "strict");
    let client = Client::over(command).await;
    client.register(sshd.login("web1")).await;
    let details = refusal(&client).await;
    assert_eq!(details["presented"], sshd.fingerprint());
    assert_eq!(details["known"], json!([]));
    assert!(details.get("knownAt").is_none() && says(&details, "the policy is strict"));
    assert_eq!((logins(&sshd), record(&data)), (0, String::new()));
    let mut open = sshd.login("web1");
    open["hostKeyPolicy"] = json!("accept-new");
    client.register(open).await;
    client.exec("web1", "true").await.ok();
    assert_eq!(record(&data), line(&endpoint(&sshd), &host_key(&sshd)));
}

#[tokio::test]
async fn a_server_may_be_strict_by_itself() {
    let (sshd, data) = (watched(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut strict = sshd.login("web1");
    strict["hostKeyPolicy"] = json!("strict");
    client.register(strict).await;
    assert!(says(&refusal(&client).await, "the policy is strict"));
    assert_eq!((logins(&sshd), record(&data)), (0, String::new()));
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
}

#[tokio::test]
async fn what_others_know_counts_in_every_form_and_is_never_written() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = client_with(&data, &folder, HostKeyPolicy::Strict).await;
    let (endpoint, key) = (endpoint(&sshd), host_key(&sshd));
    let files = ["known_hosts", "ssh_known_hosts"].map(|name| folder.path().join(name));
    let [user, machine] = &files;
    let hashed = {
        let file = folder.path().join("hashed");
        std::fs::write(&file, line(&endpoint, &key)).unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-H", "-f"])
            .arg(&file)
            .output();
        assert!(made.unwrap().status.success());
        std::fs::read_to_string(&file).unwrap()
    };
    assert!(hashed.starts_with("|1|"), "{hashed}");
    for (file, text) in [
        (user, line(&endpoint, &key)),
        (machine, line(&endpoint, &key)),
        (user, hashed),
        (user, line("[127.0.0.?]:*", &key)),
        (user, line(&format!("web9,{endpoint},!db1"), &key)),
        // OpenSSH takes the key of the plain name on every port.
        (user, line("127.0.0.1", &key)),
    ] {
        std::fs::write(file, &text).unwrap();
        anew(&client, sshd.login("web1")).await;
        client.exec("web1", "true").await.ok();
        assert_eq!(std::fs::read_to_string(file).unwrap(), text);
        assert_eq!(record(&data), "");
        std::fs::remove_file(file).unwrap();
    }
    let negated = line(&format!("*,!{endpoint},!127.0.0.1"), &key);
    std::fs::write(user, negated).unwrap();
    anew(&client, sshd.login("web1")).await;
    assert!(says(&refusal(&client).await, "is not known"));
    let other = folder.path().join("other");
    keygen(&other, &["-t", "ed25519"]);
    std::fs::write(machine, format!("# first\n{}", line(&endpoint, &other))).unwrap();
    let details = refusal(&client).await;
    assert_eq!(details["known"], json!([fingerprint(&other)]));
    assert_eq!(details["knownAt"], format!("{}:2", text(machine)));
}

#[tokio::test]
async fn the_home_directory_s_known_hosts_is_the_user_s() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let folder = home.path().join(".ssh");
    std::fs::create_dir(&folder).unwrap();
    let known = line(&endpoint(&sshd), &host_key(&sshd));
    std::fs::write(folder.join("known_hosts"), &known).unwrap();
    let mut command = binary_of(home.path(), data.path());
    command.env("MCP_HOST_KEY_POLICY", "strict");
    let client = Client::over(command).await;
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["known_hosts"]);
    let kept = std::fs::read_to_string(folder.join("known_hosts")).unwrap();
    assert_eq!((kept, record(&data)), (known, String::new()));
}

#[tokio::test]
async fn a_revoked_key_is_refused_even_if_it_is_known_or_pinned_or_trusted() {
    let (sshd, data, folder) = (watched(), directory(), directory());
    let client = client_with(&data, &folder, HostKeyPolicy::AcceptNew).await;
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    let known = record(&data);
    let revoked = format!("@revoked {}", line("*", &host_key(&sshd)));
    std::fs::write(folder.path().join("known_hosts"), revoked).unwrap();
    let before = logins(&sshd);
    let mut pinned = sshd.login("web1");
    pinned["hostKeyFingerprint"] = json!(sshd.fingerprint());
    for server in [sshd.login("web1"), pinned] {
        anew(&client, server).await;
        let details = refusal(&client).await;
        assert!(says(&details, "is revoked"), "{details}");
        let revoked_at = format!("{}/known_hosts:1", text(folder.path()));
        assert_eq!(details["knownAt"], revoked_at);
    }
    let trust = json!({"alias": "web1", "fingerprint": sshd.fingerprint()});
    client.call("server_trust", trust).await.ok();
    assert!(says(&refusal(&client).await, "is revoked"));
    assert_eq!((logins(&sshd), record(&data)), (before, known));
}

/// An sshd whose host key, made thus, may have a certificate; and two authorities beside it.
fn certified(make: impl FnOnce(&Path)) -> Sshd {
    Sshd::prepared(|folder| {
        for old in ["host", "host.pub"] {
            std::fs::remove_file(folder.join(old)).unwrap();
        }
        make(&folder.join("host"));
        for authority in ["authority", "stranger"] {
            keygen(&folder.join(authority), &["-t", "ed25519"]);
        }
        let certificate = folder.join("host-cert.pub").display().to_string();
        format!("LogLevel DEBUG1\nHostCertificate {certificate}")
    })
}

#[tokio::test]
async fn a_host_certificate_is_as_good_as_its_authority_its_names_and_its_dates() {
    let (mut sshd, data, folder) = (
        certified(|host| keygen(host, &["-t", "ed25519"])),
        directory(),
        directory(),
    );
    let client = client_with(&data, &folder, HostKeyPolicy::AcceptNew).await;
    client.register(sshd.login("web1")).await;
    let path = |name| sshd.directory.path().join(name);
    let (host, authority, stranger) = (path("host"), path("authority"), path("stranger"));
    let on_record = format!("@cert-authority {}", line("[127.0.0.*]:*", &authority));
    std::fs::write(folder.path().join("known_hosts"), on_record).unwrap();
    // First the plain key, for there is no certificate yet.
    let mut cases = vec![(None, false)];
    let named: &[&str] = &["-h", "-n", "db1,127.0.0.1"];
    for (authority, arguments, is_good) in [
        (&stranger, named, false),
        (&authority, &["-h", "-n", "db1,127.0.0.2"], false),
        (
            &authority,
            &["-h", "-n", "127.0.0.1", "-V", "-2h:-1h"],
            false,
        ),
        (
            &authority,
            &["-h", "-n", "127.0.0.1", "-V", "+1h:+2h"],
            false,
        ),
        (&authority, named, true),
        (&authority, &["-h", "-n", "127.0.*", "-V", "-1h:+1h"], true),
        (&authority, &["-h"], true),
    ] {
        cases.push((Some((authority, arguments)), is_good));
    }
    for (certificate, is_good) in cases {
        if let Some((authority, arguments)) = certificate {
            sshd.kill();
            certify(authority, &host, arguments);
            sshd.restart();
        }
        if is_good {
            client.exec("web1", "true").await.ok();
        } else {
            let details = refusal(&client).await;
            assert!(says(&details, "no authority"), "{certificate:?}: {details}");
            assert_eq!(details["presented"], sshd.fingerprint());
            assert_eq!(details["known"], json!([fingerprint(&authority)]));
            assert_eq!(logins(&sshd), 0, "{certificate:?}");
        }
        assert_eq!(record(&data), "", "{certificate:?}");
    }
}

#[tokio::test]
async fn an_rsa_host_key_s_certificate_is_understood_and_its_authority_may_be_revoked() {
    let (mut sshd, data, folder) = (certified(keygen_rsa), directory(), directory());
    let path = |name| sshd.directory.path().join(name);
    let (host, authority) = (path("host"), path("authority"));
    certify(&authority, &host, &["-h", "-n", "127.0.0.1"]);
    sshd.kill();
    sshd.restart();
    let client = client_with(&data, &folder, HostKeyPolicy::Strict).await;
    let file = folder.path().join("known_hosts");
    let vouched = format!("@cert-authority {}", line("*", &authority));
    std::fs::write(&file, &vouched).unwrap();
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    let revoked = format!("{vouched}@revoked {}", line("*", &authority));
    std::fs::write(&file, revoked).unwrap();
    anew(&client, sshd.login("web1")).await;
    assert!(says(&refusal(&client).await, "is revoked"));
}

/// An sshd with a second host key, `host_rsa`.
fn with_two_keys() -> Sshd {
    Sshd::prepared(|folder| {
        let second = folder.join("host_rsa");
        keygen_rsa(&second);
        format!("LogLevel DEBUG1\nHostKey {}", second.display())
    })
}

#[tokio::test]
async fn a_pin_takes_one_key_alone_and_that_may_be_the_server_s_second() {
    let (sshd, data) = (with_two_keys(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let pinned = |pin: String| {
        let mut server = sshd.login("web1");
        server["hostKeyFingerprint"] = json!(pin);
        server
    };
    client.register(pinned(fingerprint(&stranger))).await;
    let details = refusal(&client).await;
    assert!(says(&details, "hostKeyFingerprint"), "{details}");
    assert_eq!(details["presented"], sshd.fingerprint());
    assert_eq!(details["known"], json!([fingerprint(&stranger)]));
    assert_eq!(details["knownAt"], "hostKeyFingerprint of `web1`");
    assert_eq!((logins(&sshd), record(&data)), (0, String::new()));
    client.register(pinned(sshd.fingerprint())).await;
    client.exec("web1", "true").await.ok();
    let second = fingerprint(&sshd.directory.path().join("host_rsa"));
    client.register(pinned(second)).await;
    client.exec("web1", "true").await.ok();
}

#[tokio::test]
async fn the_kind_of_key_on_record_is_asked_for_first() {
    let (sshd, data, folder) = (with_two_keys(), directory(), directory());
    let second = sshd.directory.path().join("host_rsa");
    let known = line(&endpoint(&sshd), &second);
    std::fs::write(folder.path().join("known_hosts"), known).unwrap();
    let client = client_with(&data, &folder, HostKeyPolicy::AcceptNew).await;
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    assert_eq!(record(&data), "", "the one that is not known was not taken");
}

#[tokio::test]
async fn server_trust_shows_keys_and_takes_exactly_the_one_that_it_is_told() {
    let (mut sshd, data) = (with_two_keys(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    client.exec("web1", "true").await.ok();
    let (old, recorded) = (sshd.fingerprint(), record(&data));
    let kept = "# by hand\nweb9 ssh-ed25519 nonsense\n";
    std::fs::write(data.path().join("known_hosts"), format!("{kept}{recorded}")).unwrap();
    sshd.change_host_key(&["-t", "ed25519"]);
    let new = sshd.fingerprint();
    refusal(&client).await;

    let shown = client.call("server_trust", json!({"alias": "web1"})).await;
    let shown = shown.ok();
    let facts = shown.facts();
    let second = fingerprint(&sshd.directory.path().join("host_rsa"));
    let presented = json!([
        {"kind": "ssh-ed25519", "fingerprint": new},
        {"kind": "ssh-rsa", "fingerprint": second},
    ]);
    assert_eq!(facts["presented"], presented);
    let known_at = format!("{}/known_hosts:3", text(data.path()));
    let known = json!([{"fingerprint": old, "knownAt": known_at}]);
    assert_eq!((&facts["known"], &facts["trusted"]), (&known, &Value::Null));
    for fingerprint in [&old, &new, &second] {
        assert!(shown.text().contains(fingerprint), "{}", shown.text());
    }
    let unchanged = format!("{kept}{recorded}");
    assert_eq!(record(&data), unchanged);
    refusal(&client).await;

    for wrong in [old.as_str(), "SHA256:short", "web1"] {
        let trust = json!({"alias": "web1", "fingerprint": wrong});
        let error = client.call("server_trust", trust).await;
        let error = error.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "fingerprint");
    }
    assert_eq!((logins(&sshd), record(&data)), (0, unchanged));
    refusal(&client).await;

    let trust = json!({"alias": "web1", "fingerprint": new});
    let trusted = client.call("server_trust", trust).await.ok();
    assert_eq!(trusted.facts()["trusted"], new);
    assert_eq!(logins(&sshd), 0, "showing and trusting is no login");
    client.exec("web1", "true").await.ok();
    let now = line(&endpoint(&sshd), &host_key(&sshd));
    assert_eq!(record(&data), format!("{kept}{now}"));
}

#[tokio::test]
async fn what_is_trusted_goes_before_what_others_know() {
    let (mut sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = client_with(&data, &folder, HostKeyPolicy::Strict).await;
    let others = line(&endpoint(&sshd), &host_key(&sshd));
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, &others).unwrap();
    sshd.change_host_key(&["-t", "ed25519"]);
    client.register(sshd.login("web1")).await;
    refusal(&client).await;
    let trust = json!({"alias": "web1", "fingerprint": sshd.fingerprint()});
    client.call("server_trust", trust).await.ok();
    client.exec("web1", "true").await.ok();
    assert_eq!(std::fs::read_to_string(file).unwrap(), others);
}

#[tokio::test]
async fn a_pin_follows_server_trust() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut server = sshd.login("web1");
    server["hostKeyFingerprint"] = json!(sshd.fingerprint());
    client.register(server).await;
    client.exec("web1", "true").await.ok();
    sshd.change_host_key(&["-t", "ed25519"]);
    assert!(says(&refusal(&client).await, "hostKeyFingerprint"));
    let new = sshd.fingerprint();
    let trust = json!({"alias": "web1", "fingerprint": new});
    client.call("server_trust", trust).await.ok();
    client.exec("web1", "true").await.ok();
    let listed = client.call("server_list", json!({})).await.ok();
    assert_eq!(listed.facts()["web1"]["hostKeyFingerprint"], new);
    assert_eq!(record(&data), line(&endpoint(&sshd), &host_key(&sshd)));
}
