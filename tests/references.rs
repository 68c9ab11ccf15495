//! Secrets that lie elsewhere: which of them a call may refer to.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::helper::{
    Client, EmbeddedHost, Fixture, PASSWORD, SshServer, binary_of, read_json, write,
};

/// A server whose password is in files: in the user's home directory, and outside of it in the server's.
type Home = Fixture<EmbeddedHost, ()>;

async fn fixture() -> Home {
    let fixture = Fixture::of(EmbeddedHost::start().await);
    for file in [fixture.here("secrets/web1"), fixture.there("web1")] {
        write(file, format!("{PASSWORD}\n"));
    }
    fixture
}

/// Starts a client for the user of the home directory.
async fn client(fixture: &Home, settings: &[(&str, &str)]) -> Client {
    let mut command = binary_of(fixture.files.path(), fixture.data.path());
    command.envs(settings.iter().copied());
    command
        .env("WEB1_PASSWORD", PASSWORD)
        .current_dir(fixture.there(""));
    Client::over(command).await
}

fn login(fixture: &Home, field: &str, reference: &str) -> Value {
    let mut login = fixture.server.login("web1");
    login[field] = match field {
        "loginResponses" => json!({"Code": reference}),
        _ => reference.into(),
    };
    login
}

fn api(field: &str, reference: &str) -> Value {
    let mut api = json!({"alias": "api", "url": "http://127.0.0.1:1/", "auth_method": "both",
        "api_key": "Zq-key", "auth_header_name": "X", "htpasswd_user": "u", "htpasswd_pass": "Zq-pass"});
    api[field] = reference.into();
    api
}

/// A reference to a command that makes the file `ran` on the server when it is run.
fn command(fixture: &Home) -> String {
    format!("cmd:touch '{}'; echo {PASSWORD}", fixture.remote("ran"))
}

#[tokio::test]
async fn only_a_person_refers_to_commands_and_to_files_that_are_not_theirs() {
    let fixture = fixture().await;
    let outside = fixture.server.home.path();
    symlink(outside, fixture.here("link")).unwrap();
    symlink("/proc/self/environ", fixture.here("variables")).unwrap();
    let (ran, command) = (fixture.there("ran"), command(&fixture));
    let name = outside.file_name().unwrap().to_str().unwrap();
    let client = client(&fixture, &[("MCP_SECRET_KEY", "correct horse")]).await;
    let refused = [
        command,
        "cmd:".to_owned(),
        format!("file:{}/web1", outside.display()),
        format!("file:~/../{name}/web1"),
        format!(
            "file:{}/secrets/../../{name}/web1",
            fixture.files.path().display()
        ),
        "file:~/link/web1".to_owned(),
        "file:~/link/none".to_owned(),
        "file:~/variables".to_owned(),
        "file:/etc/passwd".to_owned(),
        "file:/dev/stdin".to_owned(),
        "file:".to_owned(),
        "file:web1".to_owned(),
        format!("file:{}/secret.key", fixture.data.path().display()),
        "env:MCP_SECRET_KEY".to_owned(),
        "sealed:v1:00000000:AAAA".to_owned(),
    ];
    for reference in &refused {
        for field in ["password", "passphrase", "totpSecret", "loginResponses"] {
            let add = client
                .call("server_add", login(&fixture, field, reference))
                .await;
            let error = add.error("INVALID_ARGUMENT");
            let details = &error["details"];
            assert_eq!(details["parameter"], field, "{error}");
            let hint = details["hint"].as_str().unwrap();
            for part in ["servers.json", "MCP_ALLOW_CMD_SECRETS=1"] {
                assert!(hint.contains(part), "{error}");
            }
            assert!(!error.to_string().contains("touch"), "{error}");
        }
        for field in ["api_key", "htpasswd_pass"] {
            let add = client.call("api_add", api(field, reference)).await;
            let error = add.error("INVALID_ARGUMENT");
            assert_eq!(error["details"]["parameter"], field, "{error}");
            assert!(
                error["details"]["hint"]
                    .as_str()
                    .unwrap()
                    .contains("apis.json")
            );
        }
    }
    for tool in ["server_list", "api_list"] {
        assert_eq!(*client.call(tool, json!({})).await.ok().facts(), json!({}));
    }
    assert!(!ran.exists());
}

#[tokio::test]
async fn what_is_the_user_s_own_may_be_referred_to() {
    let fixture = fixture().await;
    let client = client(&fixture, &[]).await;
    let absolute = format!("file:{}/secrets/web1", fixture.files.path().display());
    for reference in ["file:~/secrets/web1", &absolute, "env:WEB1_PASSWORD"] {
        client
            .register(login(&fixture, "password", reference))
            .await;
        client.exec("web1", "true").await.ok();
        let add = client.call("api_add", api("api_key", reference));
        add.await.ok();
    }
}

#[tokio::test]
async fn a_person_may_allow_all() {
    let fixture = fixture().await;
    let client = client(&fixture, &[("MCP_ALLOW_CMD_SECRETS", "1")]).await;
    let (ran, command) = (fixture.there("ran"), command(&fixture));
    let file = format!("file:{}", fixture.remote("web1"));
    for reference in [&file, &command] {
        client
            .register(login(&fixture, "password", reference))
            .await;
        client.exec("web1", "true").await.ok();
        let add = client.call("api_add", api("api_key", reference));
        add.await.ok();
    }
    assert!(ran.exists());
}

/// A reference that a person wrote works, and stays where the same server is set again; it goes nowhere else.
#[tokio::test]
async fn what_stands_in_the_file_stays() {
    let fixture = fixture().await;
    let (ran, command) = (fixture.there("ran"), command(&fixture));
    let mut entry = login(&fixture, "password", &command);
    entry.as_object_mut().unwrap().remove("alias");
    let servers = json!({ "web1": entry });
    std::fs::write(fixture.stored("servers.json"), servers.to_string()).unwrap();
    let client = client(&fixture, &[]).await;
    client.exec("web1", "true").await.ok();
    assert!(ran.exists());
    let mut again = login(&fixture, "password", &command);
    again["agent"] = false.into();
    client.register(again.clone()).await;
    client.exec("web1", "true").await.ok();
    for (field, other) in [
        ("host", json!("localhost")),
        ("port", json!(1)),
        ("user", json!("other")),
    ] {
        let mut elsewhere = again.clone();
        elsewhere[field] = other;
        let add = client.call("server_add", elsewhere).await;
        add.error("INVALID_ARGUMENT");
    }
    let kept = read_json(&fixture.stored("servers.json"));
    assert_eq!(kept["web1"]["password"], command);
    assert_eq!(kept["web1"]["agent"], false);
}

/// The user and password of an address are no reference, whatever they look like.
#[tokio::test]
async fn an_address_refers_to_nothing() {
    let fixture = fixture().await;
    let client = client(&fixture, &[]).await;
    for user in ["cmd", "file", "env"] {
        for url in [
            format!("http://{user}:touch ran@127.0.0.1:1/"),
            format!("http://127.0.0.1:1/?{user}:touch ran&token=x"),
        ] {
            let add = json!({"alias": "api", "url": url, "health_check_endpoint": format!("{user}:x?key=y")});
            client.call("api_add", add).await.ok();
            let checked = client.call("api_check", json!({"alias": "api"})).await.ok();
            assert_eq!(checked.facts()["status"], "DOWN", "{}", checked.text());
        }
    }
    assert!(!fixture.there("ran").exists());
}

/// The user's own SSH configuration has commands in it, and a call names the host that they are run for.
#[tokio::test]
async fn a_name_of_a_host_is_no_command() {
    let fixture = fixture().await;
    let ran = fixture.there("ran");
    let ssh = fixture.here(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    let tried = fixture.there("tried");
    let configuration = format!(
        "Match exec \"touch {0}; true %n %r\"\n  ProxyCommand touch {0}; false %h %n %r\n",
        tried.display()
    );
    std::fs::write(ssh.join("config"), configuration).unwrap();
    let client = client(&fixture, &[]).await;
    let command = format!("touch {}", ran.display());
    for injected in [
        format!("x;{command}"),
        format!("$({command})"),
        format!("`{command}`"),
        format!("x\n{command}"),
        "-oProxyCommand=id".to_owned(),
        "x$IFS-oProxyCommand=id".to_owned(),
    ] {
        for (host, user) in [(injected.as_str(), "u"), ("web1", injected.as_str())] {
            let add = json!({"alias": "web1", "host": "", "user": user, "sshConfigHost": host});
            let add = client.call("server_add", add).await;
            assert!(add.is_error(), "{}", add.text());
            let servers = json!({"web1": {"host": "", "user": user, "sshConfigHost": host}});
            std::fs::write(fixture.stored("servers.json"), servers.to_string()).unwrap();
            client.exec("web1", "true").await.error("SSH_CONFIG_ERROR");
        }
    }
    assert!(!ran.exists() && !tried.exists());
    let add = json!({"alias": "web2", "host": "", "user": "u", "sshConfigHost": "web2"});
    client.call("server_add", add).await.ok();
    assert!(tried.exists());
}

#[tokio::test]
async fn a_secret_of_any_length_is_not_taken() {
    let fixture = fixture().await;
    let client = client(&fixture, &[]).await;
    let long = "a".repeat(64 * 1024 + 1);
    for field in ["password", "passphrase"] {
        let add = client
            .call("server_add", login(&fixture, field, &long))
            .await;
        let error = add.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], field);
        assert!(error.to_string().len() < 1000);
    }
    for field in ["api_key", "htpasswd_pass"] {
        let add = client.call("api_add", api(field, &long)).await;
        assert_eq!(add.error("INVALID_ARGUMENT")["details"]["parameter"], field);
    }
    for (field, value) in [
        ("url", format!("http://h/?token={long}")),
        ("url", format!("http://{long}@h/")),
        ("health_check_endpoint", format!("/?token={long}")),
        ("htpasswd_user", long.clone()),
    ] {
        let add = client.call("api_add", api(field, &value)).await;
        assert_eq!(add.error("INVALID_ARGUMENT")["details"]["parameter"], field);
    }
    let ask = json!({"alias": "web1", "url": format!("http://h/?token={long}")});
    let asked = client.call("check_api_health", ask).await;
    asked.error("INVALID_ARGUMENT");
    let answers = json!({"alias": "web1", "cmd": "true", "responses": {"Password": long}});
    let answers = client.call("task_exec_interactive", answers).await;
    answers.error("INVALID_ARGUMENT");
}

/// A download can put a symbolic link in the place of a file that a call has referred to before.
#[tokio::test]
async fn a_link_that_came_later_leads_to_no_secret_of_this_program() {
    let fixture = fixture().await;
    let key = ("MCP_SECRET_KEY", "correct horse battery");
    let client = client(&fixture, &[key]).await;
    client
        .register(login(&fixture, "password", "file:~/secrets/web1"))
        .await;
    client.exec("web1", "true").await.ok();
    let file = fixture.here("secrets/web1");
    let own = fixture.stored("servers.json");
    let by_directory = fixture.here("data");
    symlink(fixture.data.path(), &by_directory).unwrap();
    for leads_to in [
        own,
        by_directory.join("servers.json"),
        "/proc/self/environ".into(),
    ] {
        std::fs::remove_file(&file).unwrap();
        symlink(&leads_to, &file).unwrap();
        // Another server, so that no connection is there already.
        fixture.edit("servers.json", |servers| {
            servers["web2"] = servers["web1"].clone();
        });
        let refused = client.exec("web2", "true").await;
        let error = refused.error("SECRET_UNAVAILABLE").to_string();
        assert!(error.contains("that no secret is read from"), "{error}");
        assert!(!error.contains("correct horse"), "{error}");
    }
}

/// A person may write any path, and nothing that lies there holds a call up.
#[tokio::test]
async fn what_is_no_secret_s_file_is_said() {
    let fixture = fixture().await;
    let path = |name: &str| fixture.there(name);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), mode).unwrap();
    std::fs::create_dir(path("directory")).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("pipe", path("link")).unwrap();
    std::fs::write(path("empty"), "\n").unwrap();
    std::fs::write(path("binary"), b"Zq\xff\xfe").unwrap();
    let huge = std::fs::File::create(path("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let cases = [
        ("pipe", "not a regular file"),
        ("directory", "not a regular file"),
        ("link", "not a regular file"),
        ("loop", "symbolic link"),
        ("none", "No such file"),
        ("empty", "it is empty"),
        ("binary", "not UTF-8"),
        ("huge", "more than 65536 bytes"),
    ];
    let mut servers = json!({});
    for (name, _) in cases {
        let reference = format!("file:{}", path(name).display());
        let mut entry = login(&fixture, "password", &reference);
        entry.as_object_mut().unwrap().remove("alias");
        servers[name] = entry;
    }
    // Notepad of Windows begins a file like this.
    let text = format!("\u{feff}{servers}");
    std::fs::write(fixture.stored("servers.json"), text).unwrap();
    let client = client(&fixture, &[]).await;
    for (name, reason) in cases {
        let error = client.exec(name, "true").await;
        let error = error.error("SECRET_UNAVAILABLE").to_string();
        assert!(error.contains(reason), "{name}: {error}");
        assert!(!error.contains("Zq"), "{error}");
    }
}
