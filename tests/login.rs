//! Logging in, against OpenSSH's sshd; what it asks only with PAM, the embedded server asks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::helper::{
    Agent, Client, Dialogue, EmbeddedServer, Fixture, Folder, PASSWORD, Question, Sshd, Turn,
    binary_of, certify, directory, keygen, keygen_rsa, login, public, text, user,
};

const PHRASE: &str = "open sesame";

/// Another file with the same key, in the form that `arguments` say.
fn rewritten(key: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = key.with_file_name(name);
    std::fs::copy(key, &path).unwrap();
    let status = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-a", "1", "-f"])
        .arg(&path)
        .args(arguments)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    path
}

/// The arguments that register sshd with a key and what opens it.
fn keyed(sshd: &Sshd, key: &Path, passphrase: Option<&str>) -> Value {
    let mut server = sshd.login_with("web1", key);
    if let Some(passphrase) = passphrase {
        server["passphrase"] = json!(passphrase);
    }
    server
}

async fn logs_in(client: &Client, server: Value, what: &str) {
    client.register(server).await;
    let ran = client.exec("web1", "true").await;
    assert!(!ran.is_error(), "{what}: {}", ran.text());
}

/// The error of a login that fails.
async fn refusal(client: &Client, server: Value) -> Value {
    client.register(server).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    error["details"].clone()
}

fn says(details: &Value, words: &str) -> bool {
    details["reason"].as_str().unwrap().contains(words)
}

/// A path that is no small regular file delays nobody, and nothing of it is kept in memory.
#[tokio::test]
async fn a_key_that_is_no_small_file_is_not_read() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let path = |name: &str| sshd.directory.path().join(name);
    let made = Command::new("mkfifo").arg(path("pipe")).status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("device")).unwrap();
    std::os::unix::fs::symlink("pipe", path("link")).unwrap();
    std::fs::write(path("large"), "x".repeat(64 * 1024 + 1)).unwrap();
    for (name, reason) in [
        ("pipe", "it is not a regular file"),
        ("link", "it is not a regular file"),
        ("socket", "it is not a regular file"),
        ("device", "it is not a regular file"),
        (".", "it is not a regular file"),
        ("large", "it has more than 65536 bytes"),
    ] {
        let details = refusal(&client, sshd.login_with("web1", &path(name))).await;
        assert!(says(&details, reason), "{name}: {details}");
        // A certificate like that is passed over.
        let key = path(&format!("key-of-{name}"));
        std::fs::copy(path("user"), &key).unwrap();
        let certificate = path(&format!("key-of-{name}-cert.pub"));
        std::os::unix::fs::symlink(path(name), certificate).unwrap();
        logs_in(&client, sshd.login_with("web1", &key), name).await;
    }
    // The same holds for secrets that lie in files.
    for (name, reason) in [
        ("pipe", "regular"),
        ("device", "regular"),
        ("large", "65536"),
    ] {
        let file = data.path().join("servers.json");
        let mut server = sshd.login("web1");
        server["passphrase"] = format!("file:{}", path(name).display()).into();
        std::fs::write(file, json!({ "web1": server }).to_string()).unwrap();
        // Those that are open are of the server before.
        let error = client.exec("web1", "true").await;
        let error = error.error("SECRET_UNAVAILABLE");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Keys of these kinds, each rewritten by `-m` and tried with a passphrase and without.
async fn every_kind_logs_in(format: &str, kinds: &[(&str, &str)], begins: [&str; 2]) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    for (kind, bits) in kinds {
        let name = format!("{kind}{bits}");
        let key = sshd.directory.path().join(&name);
        match *kind {
            "rsa" => keygen_rsa(&key),
            _ => keygen(&key, &["-t", kind, "-b", bits]),
        }
        sshd.allow(&key);
        for (phrase, begin) in [None, Some(PHRASE)].into_iter().zip(begins) {
            let (name, new) = (format!("{name}_as"), phrase.unwrap_or_default());
            let file = rewritten(&key, &name, &["-m", format, "-N", new]);
            let written = std::fs::read_to_string(&file).unwrap();
            let (begin, header) = begin.split_once(' ').unwrap_or((begin, ""));
            assert!(written.contains(begin) && written.contains(header));
            let what = format!("{kind} {bits} as {format}, passphrase {phrase:?}");
            logs_in(&client, keyed(&sshd, &file, phrase), &what).await;
        }
    }
}

#[tokio::test]
async fn every_kind_of_key_logs_in_as_openssh_writes_it() {
    let kinds = [
        ("ed25519", "256"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
        ("rsa", "2048"),
    ];
    every_kind_logs_in("RFC4716", &kinds, ["OPENSSH", "OPENSSH"]).await;
}

#[tokio::test]
async fn every_kind_of_key_logs_in_as_pem() {
    let kinds = [("ecdsa", "256"), ("ecdsa", "521"), ("rsa", "2048")];
    let begins = ["-----BEGIN", "Proc-Type: 4,ENCRYPTED"];
    every_kind_logs_in("PEM", &kinds, begins).await;
}

#[tokio::test]
async fn every_kind_of_key_logs_in_as_pkcs8() {
    let kinds = [("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048")];
    let begins = ["BEGIN PRIVATE", "BEGIN ENCRYPTED"];
    every_kind_logs_in("PKCS8", &kinds, begins).await;
}

fn openssl(arguments: &[&str]) -> bool {
    let output = Command::new("openssl").args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn pem_logs_in_whatever_openssl_has_encrypted_it_with() {
    if !openssl(&["version"]) {
        eprintln!("not run with keys that OpenSSL writes: it is not there");
        return;
    }
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let path = |name| sshd.directory.path().join(name);
    let [rsa, ecdsa] = ["rsa", "ecdsa"].map(path);
    keygen_rsa(&rsa);
    keygen(&ecdsa, &["-t", "ecdsa"]);
    let [rsa, ecdsa] = [rsa, ecdsa].map(|key| {
        sshd.allow(&key);
        rewritten(
            &key,
            &format!("{}_pem", text(&key)),
            &["-m", "PEM", "-N", ""],
        )
    });
    let pass = format!("pass:{PHRASE}");
    for (kind, key, cipher, named) in [
        ("rsa", &rsa, "-aes128", "AES-128-CBC"),
        ("rsa", &rsa, "-aes192", "AES-192-CBC"),
        ("rsa", &rsa, "-aes256", "AES-256-CBC"),
        ("rsa", &rsa, "-des3", "DES-EDE3-CBC"),
        ("ec", &ecdsa, "-aes256", "AES-256-CBC"),
        ("ec", &ecdsa, "-des3", "DES-EDE3-CBC"),
    ] {
        let file = key.with_file_name(format!("{kind}{cipher}"));
        let (from, to) = (text(key), text(&file));
        let arguments = [kind, "-in", &from, "-out", &to, cipher, "-passout", &pass];
        // Older ones write this form alone and do not know the option.
        let written = openssl(&[&arguments[..], &["-traditional"]].concat()) || openssl(&arguments);
        assert!(written, "{kind} {cipher}");
        let header = format!("DEK-Info: {named},");
        assert!(std::fs::read_to_string(&file).unwrap().contains(&header));
        let what = format!("{kind} {cipher}");
        logs_in(&client, keyed(&sshd, &file, Some(PHRASE)), &what).await;
        let details = refusal(&client, keyed(&sshd, &file, Some("sesame"))).await;
        assert!(
            says(&details, "is not opened by the passphrase"),
            "{details}"
        );
        let details = refusal(&client, keyed(&sshd, &file, None)).await;
        assert!(says(&details, "is protected by a passphrase"), "{details}");
    }
    // A scheme that is no longer used is not the passphrase's fault.
    let file = rsa.with_file_name("pbes1");
    let (from, to) = (text(&rsa), text(&file));
    let old = ["-v1", "PBE-SHA1-3DES", "-passout", &pass];
    let written = openssl(&[&["pkcs8", "-topk8", "-in", &from, "-out", &to], &old[..]].concat());
    assert!(written);
    let details = refusal(&client, keyed(&sshd, &file, Some(PHRASE))).await;
    assert!(says(&details, "a format that is understood"), "{details}");
    assert!(says(&details, "ssh-keygen -p"), "{details}");
}

#[tokio::test]
async fn a_passphrase_may_be_needless_but_not_wrong_or_missing() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let key = sshd.authorize("ecdsa", &["-t", "ecdsa"]);
    for format in ["RFC4716", "PEM", "PKCS8"] {
        let open = rewritten(&key, &format!("{format}_open"), &["-m", format, "-N", ""]);
        logs_in(&client, keyed(&sshd, &open, Some(PHRASE)), format).await;
        let locked = format!("{format}_locked");
        let locked = rewritten(&key, &locked, &["-m", format, "-N", PHRASE]);
        for (phrase, words) in [
            (
                Some("sesame"),
                "is not opened by the passphrase that was given",
            ),
            (
                None,
                "is protected by a passphrase; give it as `passphrase`",
            ),
        ] {
            let details = refusal(&client, keyed(&sshd, &locked, phrase)).await;
            let reason = details["reason"].as_str().unwrap();
            assert!(reason.contains(words), "{format}: {reason}");
            assert!(reason.contains(&text(&locked)), "{format}: {reason}");
            assert_eq!(details["tried"], json!([]), "{format}");
        }
    }
}

#[tokio::test]
async fn a_key_path_may_begin_in_the_home_directory() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let key = sshd.directory.path().join("user");
    std::fs::create_dir(home.path().join("keys")).unwrap();
    std::fs::copy(&key, home.path().join("keys/mine")).unwrap();
    let client = Client::over(binary_of(home.path(), data.path())).await;
    let server = sshd.login_with("web1", Path::new("~/keys/mine"));
    logs_in(&client, server, "~/keys/mine").await;
}

/// The binary, with an agent's socket in its environment.
async fn client_of(socket: &Path, home: &Folder, data: &Folder) -> Client {
    let mut command = binary_of(home.path(), data.path());
    command.env("SSH_AUTH_SOCK", socket);
    Client::over(command).await
}

/// The arguments that register sshd with no way to log in.
fn unkeyed(sshd: &Sshd) -> Value {
    json!({"alias": "web1", "host": "127.0.0.1", "port": sshd.port, "user": user()})
}

#[tokio::test]
async fn the_agent_s_keys_are_tried_where_they_are_wanted_or_nothing_else_is_there() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let agent = Agent::start(home.path());
    let client = client_of(&agent.socket, &home, &data).await;
    let details = refusal(&client, unkeyed(&sshd)).await;
    assert!(
        says(&details, "the SSH agent has no key for it"),
        "{details}"
    );
    agent.add(&sshd.directory.path().join("user"));
    // With RSA the agent has to be told of the newer hashes.
    let rsa = home.path().join("rsa");
    keygen_rsa(&rsa);
    sshd.allow(&rsa);
    let stranger = home.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    logs_in(&client, unkeyed(&sshd), "nothing else is there").await;
    let mut server = unkeyed(&sshd);
    server["agent"] = json!(true);
    logs_in(&client, server.clone(), "it is wanted").await;
    server["keyPath"] = json!(text(&stranger));
    logs_in(&client, server.clone(), "after a key that is refused").await;
    server["agent"] = Value::Null;
    let details = refusal(&client, server).await;
    assert_eq!(details["tried"], json!(["publickey"]));
    let _ = Command::new("ssh-add")
        .args(["-q", "-D"])
        .env("SSH_AUTH_SOCK", &agent.socket)
        .output();
    agent.add(&rsa);
    let mut server = unkeyed(&sshd);
    server["agent"] = json!(true);
    server["hostKeyPolicy"] = json!("strict");
    logs_in(&client, server, "an RSA key").await;
}

#[tokio::test]
async fn the_key_that_was_accepted_last_is_offered_first() {
    let sshd = Sshd::start_with("LogLevel VERBOSE");
    let (home, data) = (directory(), directory());
    let agent = Agent::start(home.path());
    for name in ["first", "second"] {
        let stranger = home.path().join(name);
        keygen(&stranger, &["-t", "ed25519"]);
        agent.add(&stranger);
    }
    agent.add(&sshd.directory.path().join("user"));
    let client = client_of(&agent.socket, &home, &data).await;
    logs_in(&client, unkeyed(&sshd), "with the third key").await;
    let refused = || sshd.logged("Failed publickey");
    assert_eq!(refused(), 2);
    sshd.cut();
    client.exec("web1", "true").await.ok();
    assert_eq!((sshd.logged("Accepted publickey"), refused()), (2, 2));
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_said() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let mut server = unkeyed(&sshd);
    let client = Client::over(binary_of(home.path(), data.path())).await;
    let error = client.call("server_add", server.clone()).await;
    let error = error.error("INVALID_ARGUMENT");
    assert!(
        error.to_string().contains("there is no SSH agent"),
        "{error}"
    );
    server["agent"] = json!(true);
    let details = refusal(&client, server.clone()).await;
    assert!(says(&details, "SSH_AUTH_SOCK is not set"), "{details}");
    assert!(
        says(&details, "there is nothing to log in with"),
        "{details}"
    );
    assert_eq!(details["tried"], json!([]));
    client.leave().await;
    let gone = home.path().join("gone");
    let client = client_of(&gone, &home, &data).await;
    let details = refusal(&client, server).await;
    let words = format!("the SSH agent at `{}` does not answer", text(&gone));
    assert!(says(&details, &words), "{details}");
}

/// The binary as Codex starts it, in a login session with this runtime directory.
fn stripped(runtime: &Path, home: &Path, data: &Path) -> tokio::process::Command {
    let mut command = binary_of(home, data);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("USER", user())
        .env("LANG", "C.UTF-8")
        .env("MCP_KEYRING", "false")
        .env("XDG_RUNTIME_DIR", runtime);
    command
}

#[tokio::test]
async fn an_agent_is_found_where_the_client_does_not_pass_it_on() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    for (place, unset) in [
        ("runtime/keyring/ssh", None),
        ("runtime/gcr/ssh", Some("")),
        ("runtime/ssh-agent.socket", Some("$SSH_AUTH_SOCK")),
        ("runtime/openssh_agent", Some("${SSH_AUTH_SOCK}")),
        (".1password/agent.sock", Some("${env:SSH_AUTH_SOCK}")),
    ] {
        let socket = home.path().join(place);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let agent = Agent::start_at(socket, &[]);
        agent.add(&sshd.directory.path().join("user"));
        let mut command = stripped(&home.path().join("runtime"), home.path(), data.path());
        command.envs(unset.map(|value| ("SSH_AUTH_SOCK", value)));
        let client = Client::over(command).await;
        logs_in(&client, unkeyed(&sshd), place).await;
        client.leave().await;
        std::fs::remove_file(&agent.socket).unwrap();
    }
}

/// Some systems start one for every session, and a dead one leaves its socket behind.
#[tokio::test]
async fn of_several_agents_that_are_found_the_one_with_keys_is_asked() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let place = |name: &str| {
        let socket = home.path().join(name);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        socket
    };
    let _hung = std::os::unix::net::UnixListener::bind(place("keyring/ssh")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(place("gcr/ssh")).unwrap());
    let _empty = Agent::start_at(place("ssh-agent.socket"), &[]);
    let used = Agent::start_at(place("openssh_agent"), &[]);
    used.add(&sshd.directory.path().join("user"));
    let client = Client::over(stripped(home.path(), home.path(), data.path())).await;
    logs_in(&client, unkeyed(&sshd), "the last one").await;
    client.leave().await;

    // One that is named goes before them, even if it is not there.
    let gone = home.path().join("gone");
    let mut command = stripped(home.path(), home.path(), data.path());
    command.env("SSH_AUTH_SOCK", &gone);
    let client = Client::over(command).await;
    let details = refusal(&client, unkeyed(&sshd)).await;
    let words = format!("the SSH agent at `{}` does not answer", text(&gone));
    assert!(says(&details, &words), "{details}");
    assert!(says(&details, "SSH_AUTH_SOCK names it"), "{details}");
}

#[tokio::test]
async fn an_agent_that_another_user_may_have_put_there_is_passed_over() {
    let (sshd, home, data) = (Sshd::start(), directory(), directory());
    let runtime = home.path().join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    let agent = Agent::start_at(runtime.join("openssh_agent"), &[]);
    agent.add(&sshd.directory.path().join("user"));
    let client = Client::over(stripped(&runtime, home.path(), data.path())).await;
    logs_in(&client, unkeyed(&sshd), "it is the user's own").await;
    let mut server = unkeyed(&sshd);
    server["agent"] = json!(true);
    let refused = async |why: &str| {
        let error = client.call("server_add", unkeyed(&sshd)).await;
        let error = error.error("INVALID_ARGUMENT").to_string();
        let details = refusal(&client, server.clone()).await;
        for part in [
            "SSH_AUTH_SOCK is not set: the client that started this program did not pass it on",
            runtime.to_str().unwrap(),
            "mcp-sftp-orchestrator install --client CLIENT",
        ] {
            assert!(error.contains(part), "{why}: {error}");
            assert!(says(&details, part), "{why}: {details}");
        }
    };
    let open = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&runtime, mode).unwrap();
    };
    open(0o777);
    refused("the directory is everybody's").await;
    open(0o700);
    // Only the superuser may give a file away.
    if std::os::unix::fs::chown(&agent.socket, Some(65534), None).is_ok() {
        refused("the socket is another user's").await;
        std::os::unix::fs::chown(&agent.socket, Some(0), None).unwrap();
    }
    logs_in(&client, unkeyed(&sshd), "it is the user's own again").await;
}

/// An sshd that trusts the authority beside it, and the files of that and of a key of each kind.
fn trusting() -> (Sshd, PathBuf, [PathBuf; 2]) {
    let sshd = Sshd::prepared(|folder| {
        keygen(&folder.join("authority"), &["-t", "ed25519"]);
        let trusted = folder.join("authority.pub").display().to_string();
        format!("TrustedUserCAKeys {trusted}")
    });
    let path = |name| sshd.directory.path().join(name);
    let (authority, ed25519, rsa) = (path("authority"), path("ed25519"), path("rsa"));
    keygen(&ed25519, &["-t", "ed25519"]);
    keygen_rsa(&rsa);
    (sshd, authority, [ed25519, rsa])
}

#[tokio::test]
async fn a_certificate_beside_the_key_logs_in() {
    let (sshd, authority, keys) = trusting();
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    for key in keys {
        let server = sshd.login_with("web1", &key);
        let details = refusal(&client, server.clone()).await;
        assert_eq!(details["tried"], json!(["publickey"]));
        let of_user = user();
        for wrong in [
            ["-n", "nobody-else", "-V", "-1h:+1h"],
            ["-n", &of_user, "-V", "-2h:-1h"],
        ] {
            certify(&authority, &key, &wrong);
            refusal(&client, server.clone()).await;
        }
        certify(&authority, &key, &["-n", &of_user]);
        logs_in(&client, server, &text(&key)).await;
    }
    let key = sshd.directory.path().join("user");
    std::fs::write(sshd.directory.path().join("user-cert.pub"), "nonsense").unwrap();
    logs_in(&client, sshd.login("web1"), "the key by itself").await;
    std::fs::remove_file(sshd.directory.path().join("authorized_keys")).unwrap();
    let mut again = sshd.login_with("web1", &key);
    again["hostKeyPolicy"] = json!("strict");
    let details = refusal(&client, again).await;
    assert!(
        says(&details, "user-cert.pub` is not a certificate"),
        "{details}"
    );
}

#[tokio::test]
async fn a_certificate_in_the_agent_logs_in() {
    let (sshd, authority, keys) = trusting();
    let (home, data) = (directory(), directory());
    for key in keys {
        let home = home.path().join(key.file_name().unwrap());
        std::fs::create_dir(&home).unwrap();
        let agent = Agent::start(&home);
        certify(&authority, &key, &["-n", &user()]);
        agent.add(&key);
        let mut command = binary_of(&home, data.path());
        command.env("SSH_AUTH_SOCK", &agent.socket);
        let client = Client::over(command).await;
        logs_in(&client, unkeyed(&sshd), &text(&key)).await;
        client.leave().await;
    }
}

const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// RFC 6238, for the secret above.
fn code(step: u64) -> String {
    let keyed = Hmac::<Sha1>::new_from_slice(b"12345678901234567890").unwrap();
    let digest = keyed.chain_update(step.to_be_bytes()).finalize();
    let digest = digest.into_bytes();
    let at = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[at..at + 4].try_into().unwrap());
    format!("{:06}", (number & 0x7FFF_FFFF) % 1_000_000)
}

fn is_code(answer: &str) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let step = now.as_secs() / 30;
    // It may have been made a moment earlier.
    [step - 1, step].map(code).iter().any(|code| code == answer)
}

const ASK_PASSWORD: Question = Question {
    prompt: "Password: ",
    echo: false,
    is_right: |answer| answer == PASSWORD,
};

const ASK_CODE: Question = Question {
    prompt: "Verification code: ",
    echo: false,
    is_right: is_code,
};

/// An embedded server's arguments, with what there is to log in with in the place of the password.
fn with(port: u16, ways: &Value) -> Value {
    let mut server = login("web1", port);
    server["password"] = Value::Null;
    for (name, value) in ways.as_object().unwrap() {
        server[name] = value.clone();
    }
    server
}

#[tokio::test]
async fn a_key_and_then_a_code_log_in() {
    let (home, data) = (directory(), directory());
    let key = data.path().join("key");
    keygen(&key, &["-t", "ed25519"]);
    let authorized = PublicKey::from_openssh(&public(&key)).unwrap();
    let server = EmbeddedServer::start(home.path(), Some(authorized)).await;
    let server = server.unwrap();
    server.ask(Dialogue {
        turn: Turn::Second,
        questions: vec![ASK_CODE],
    });
    let client = Client::in_process(data.path(), |_| {}).await;
    let port = server.address().port();
    let ways = json!({"keyPath": text(&key), "totpSecret": TOTP_SECRET});
    logs_in(&client, with(port, &ways), "with both").await;
    let details = refusal(&client, with(port, &json!({"keyPath": text(&key)}))).await;
    assert_eq!(details["tried"], json!(["publickey"]));
    let words = "it accepted publickey and wants more; it offers keyboard-interactive";
    assert_eq!(details["reason"], words);
    let ways = json!({"totpSecret": TOTP_SECRET});
    let details = refusal(&client, with(port, &ways)).await;
    assert_eq!(details["tried"], json!(["keyboard-interactive"]));
    assert!(says(&details, "it offers publickey, password"), "{details}");
}

#[tokio::test]
async fn a_code_and_then_a_password_log_in() {
    let fixture = Fixture::embedded().await;
    fixture.server.ask(Dialogue {
        turn: Turn::First,
        questions: vec![ASK_CODE],
    });
    let port = fixture.server.address().port();
    let ways = json!({"password": PASSWORD, "totpSecret": TOTP_SECRET});
    // The password is refused unseen before its turn.
    logs_in(&fixture.client, with(port, &ways), "with both").await;
    let details = refusal(
        &fixture.client,
        with(port, &json!({"totpSecret": TOTP_SECRET})),
    )
    .await;
    assert!(
        says(&details, "it accepted keyboard-interactive and wants more"),
        "{details}"
    );
}

#[tokio::test]
async fn a_password_and_then_a_code_log_in() {
    let fixture = Fixture::embedded().await;
    fixture.server.ask(Dialogue {
        turn: Turn::Second,
        questions: vec![ASK_CODE],
    });
    let port = fixture.server.address().port();
    let address = format!("otpauth://totp/demo?secret={TOTP_SECRET}");
    for secret in [TOTP_SECRET, &address] {
        let ways = json!({"password": PASSWORD, "totpSecret": secret});
        logs_in(&fixture.client, with(port, &ways), secret).await;
    }
    let ways = json!({"password": PASSWORD});
    let details = refusal(&fixture.client, with(port, &ways)).await;
    assert_eq!(
        details["tried"],
        json!(["password", "keyboard-interactive"])
    );
    assert!(says(&details, "it accepted password"), "{details}");
    let words = "it asks `Verification code:`, and nothing is configured for that";
    assert!(says(&details, words), "{details}");
    let ways = json!({"password": PASSWORD, "totpSecret": "GEZDGNBVGY3TQOJR"});
    let details = refusal(&fixture.client, with(port, &ways)).await;
    assert!(
        says(
            &details,
            "it accepted password but refused keyboard-interactive"
        ),
        "{details}"
    );
}

#[tokio::test]
async fn a_server_that_only_asks_is_answered() {
    let fixture = Fixture::embedded().await;
    let port = fixture.server.address().port();
    let ask = |questions: &[Question]| {
        fixture.server.ask(Dialogue {
            turn: Turn::Alone,
            questions: questions.to_vec(),
        });
    };
    let password = json!({"password": PASSWORD});
    let both = json!({"password": PASSWORD, "totpSecret": TOTP_SECRET});
    let client = &fixture.client;
    ask(&[ASK_PASSWORD]);
    logs_in(client, with(port, &password), "the password alone").await;
    ask(&[ASK_PASSWORD, ASK_CODE]);
    logs_in(client, with(port, &both), "password and code").await;
    ask(&[ASK_CODE]);
    logs_in(
        client,
        with(port, &json!({"totpSecret": TOTP_SECRET})),
        "the code alone",
    )
    .await;
    ask(&[ASK_PASSWORD]);
    let wrong = json!({"password": "hunter2-hunter2"});
    let details = refusal(client, with(port, &wrong)).await;
    assert_eq!(
        details["tried"],
        json!(["password", "keyboard-interactive"])
    );
    assert!(
        says(&details, "it offers keyboard-interactive"),
        "{details}"
    );
    assert!(!details.to_string().contains("hunter2"), "{details}");
    // A password is not typed at a prompt that shows its answer.
    ask(&[Question {
        prompt: "Favourite colour? ",
        echo: true,
        is_right: |_| true,
    }]);
    let details = refusal(client, with(port, &password)).await;
    assert!(says(&details, "it asks `Favourite colour?`"), "{details}");
}

#[tokio::test]
async fn a_refusal_says_what_was_tried_and_what_is_offered() {
    let (sshd, data) = (Sshd::start_with("LogLevel VERBOSE"), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let mut server = unkeyed(&sshd);
    server["password"] = json!("hunter2-hunter2");
    let details = refusal(&client, server.clone()).await;
    assert_eq!(details["tried"], json!(["password"]));
    assert_eq!(
        details["reason"],
        "it refused password; it offers publickey"
    );
    server["keyPath"] = json!(text(&stranger));
    let details = refusal(&client, server).await;
    assert_eq!(
        details["tried"],
        json!(["publickey"]),
        "no password where none is taken"
    );
    assert_eq!(
        details["reason"],
        "it refused publickey; it offers publickey"
    );
    assert_eq!(details["user"], user());
    assert_eq!(sshd.logged("Connection from"), 2, "none is tried again");
}

#[tokio::test]
async fn a_server_that_hangs_up_on_too_many_keys_is_not_asked_again() {
    let sshd = Sshd::start_with("MaxAuthTries 3\nLogLevel VERBOSE");
    let (home, data) = (directory(), directory());
    let agent = Agent::start(home.path());
    for number in 0..5 {
        let key = home.path().join(format!("key{number}"));
        keygen(&key, &["-t", "ed25519"]);
        agent.add(&key);
    }
    let client = client_of(&agent.socket, &home, &data).await;
    let details = refusal(&client, unkeyed(&sshd)).await;
    assert_eq!(details["tried"], json!(["publickey"]));
    assert!(
        says(&details, "the server hung up after 3 attempts"),
        "{details}"
    );
    assert_eq!(
        sshd.logged("Connection from"),
        1,
        "each one counts against us"
    );
}

#[tokio::test]
async fn one_refused_key_may_be_too_many() {
    let sshd = Sshd::start_with("MaxAuthTries 1\nLogLevel VERBOSE");
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let details = refusal(&client, sshd.login_with("web1", &stranger)).await;
    let words = "the server hung up after 1 attempt (the server said: Too many";
    assert!(says(&details, words), "{details}");
    assert_eq!(sshd.logged("Connection from"), 1);
}

#[tokio::test]
async fn two_keys_log_in_where_two_are_wanted() {
    let sshd = Sshd::start_with("AuthenticationMethods publickey,publickey");
    let data = directory();
    let second = sshd.authorize("second", &["-t", "ed25519"]);
    let first = sshd.directory.path().join("user");
    let config = data.path().join("config");
    let keys = format!("IdentityAgent none\nIdentityFile {}\n", text(&first));
    std::fs::write(&config, &keys).unwrap();
    let client = Client::in_process(data.path(), |settings| {
        settings.ssh_files.user_config.clone_from(&config);
    })
    .await;
    let mut server = unkeyed(&sshd);
    server["sshConfigHost"] = json!("web1");
    let details = refusal(&client, server.clone()).await;
    let words = "it accepted publickey and wants more; it offers publickey";
    assert_eq!(details["reason"], words);
    let keys = format!("{keys}IdentityFile {}\n", text(&second));
    std::fs::write(&config, keys).unwrap();
    logs_in(&client, server, "with both").await;
}
