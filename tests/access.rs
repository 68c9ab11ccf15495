//! The tools where little is allowed: every tool is called with `MCP_READONLY`, on a
//! read-only server, and under rules that refuse its command and its file.

use std::path::PathBuf;

use mcp_sftp_orchestrator::config::Config;
use mcp_sftp_orchestrator::guard::Access;
use mcp_sftp_orchestrator::tools::Tools;
use serde_json::{Value, json};

use crate::helper::{
    Answer, Calls, Client, Effect, Fixture, PROGRAMS, SshServer, Sshd, access, text,
};

/// Two servers, and an earlier session's failed tasks on them.
struct GuardedServers {
    /// The server of `seen`, which is read-only by now, and that of `web1`.
    sshds: [Sshd; 2],
    /// A command and an upload that failed on `seen`, and the same on `web1`.
    failed: [[Value; 2]; 2],
    /// A task that has created a file on `seen`, and the same on `web1`.
    changed: [Value; 2],
}

impl SshServer for GuardedServers {
    fn login(&self, alias: &str) -> Value {
        self.sshds[usize::from(alias != "seen")].login(alias)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sshds[0].path(name)
    }
}

/// The rule by which no key is let in.
const COPY_ID: &str = "ssh-copy-id";

/// A URL at which nobody listens.
const URL: &str = "http://127.0.0.1:1";

async fn fixture() -> Fixture<GuardedServers, ()> {
    let sshds = [0, 1].map(|_| Sshd::with_programs(&PROGRAMS, "").with_pm2());
    let mut fixture = Fixture::of(GuardedServers {
        sshds,
        failed: Default::default(),
        changed: Default::default(),
    });
    for file in [fixture.there("file"), fixture.here("file")] {
        std::fs::write(file, "content\n").unwrap();
    }
    let client = Client::spawned(fixture.data.path(), &[]).await;
    for (index, alias) in ["seen", "web1"].into_iter().enumerate() {
        client.register(fixture.server.login(alias)).await;
        let failing = format!("{}; exit 3", touch(&fixture));
        let command = client.exec(alias, &failing).await.ok();
        let mut upload = fixture.arguments("upload", "none", "pwned");
        upload["alias"] = alias.into();
        let upload = client.call("task_transfer", upload).await;
        fixture.server.failed[index] = [command, upload].map(|task| task.facts()["id"].clone());
        std::fs::remove_file(fixture.there("pwned")).unwrap();
        let write = json!({"alias": alias, "path": fixture.remote("pwned"), "content": "x"});
        let written = client.call("file_write", write).await.ok();
        fixture.server.changed[index] = written.facts()["id"].clone();
    }
    std::fs::remove_file(fixture.there("pwned")).unwrap();
    let mut seen = fixture.server.login("seen");
    seen["readonly"] = true.into();
    client.register(seen).await;
    let api = json!({"alias": "api", "url": URL});
    client.call("api_add", api).await.ok();
    assert!(client.leave().await.success());
    fixture
}

/// The command that no refused call may run, on either server.
fn touch<C>(fixture: &Fixture<GuardedServers, C>) -> String {
    format!("touch {}", fixture.remote("pwned"))
}

fn is_untouched<C>(fixture: &Fixture<GuardedServers, C>) -> bool {
    !fixture.there("pwned").exists()
}

/// The calls about one of the aliases.
fn calls_about<C>(fixture: &Fixture<GuardedServers, C>, alias: &str) -> Calls {
    let mut login = fixture.server.login(alias);
    login["readonly"] = false.into();
    Calls {
        alias: alias.to_owned(),
        login,
        command: touch(fixture),
        upload: [fixture.local("file"), fixture.remote("pwned")],
        remote: fixture.remote("file"),
        downloads: text(fixture.files.path()),
        failed: fixture.server.failed[usize::from(alias != "seen")].clone(),
        changed: fixture.server.changed[usize::from(alias != "seen")].clone(),
        url: URL.to_owned(),
    }
}

/// The files of the configuration, to the byte.
fn configured<C>(fixture: &Fixture<GuardedServers, C>) -> [Option<Vec<u8>>; 4] {
    let names = ["servers.json", "apis.json", "policies.json", "known_hosts"];
    names.map(|name| std::fs::read(fixture.stored(name)).ok())
}

/// Makes the calls of every tool, listed or not, and hands each answer on with what the call does.
async fn walk(
    client: &Client,
    calls: &Calls,
    is_made: impl Fn(Effect) -> bool,
    mut check: impl FnMut(Effect, Answer),
) {
    for tool in Tools::new().list_all() {
        for (effect, arguments) in calls.of(&tool.name) {
            if is_made(effect) {
                check(effect, client.call(tool.name.clone(), arguments).await);
            }
        }
    }
}

fn assert_read_only(answer: Answer, subject: &str) {
    let error = answer.error("READ_ONLY");
    assert_eq!(error["details"]["subject"], subject, "{error}");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("MCP_READONLY"), "{error}");
}

/// A tool is declared to change something exactly where one of its calls does more than look, its listed
/// annotations are those of its access class, and one that takes a command runs it.
#[tokio::test]
async fn each_tool_says_whether_it_changes_anything() {
    let fixture = fixture().await.connected(|_| {}).await;
    let calls = calls_about(&fixture, "web1");
    for tool in fixture.client.tools().await {
        let effects: Vec<_> = calls
            .of(&tool.name)
            .into_iter()
            .map(|(does, _)| does)
            .collect();
        let changes = effects.iter().any(|does| *does != Effect::Looks);
        let class = access(&tool.name);
        let reads = matches!(class, Access::ReadsHere | Access::ReadsServer);
        assert_eq!(reads, !changes, "{}", tool.name);
        let hints = tool.annotations.expect("every tool has hints");
        assert_eq!(hints.read_only_hint, Some(!changes), "{}", tool.name);
        assert_eq!(hints, class.annotations(), "{}", tool.name);
        let parameters = tool.input_schema["properties"].as_object().unwrap();
        let runs = ["cmd", "commands"]
            .iter()
            .any(|name| parameters.contains_key(*name));
        assert!(
            !runs || effects.iter().all(|does| *does == Effect::Runs),
            "{}",
            tool.name
        );
    }
}

/// With `MCP_READONLY` every call that changes something is refused, and all others work.
#[tokio::test]
async fn where_nothing_may_be_changed_every_tool_that_does_is_refused() {
    let fixture = fixture().await;
    let before = configured(&fixture);
    let fixture = fixture.connected(|config| config.read_only = true).await;
    let client = &fixture.client;
    let mut refused = 0;
    let calls = calls_about(&fixture, "web1");
    walk(
        client,
        &calls,
        |_| true,
        |effect, answer| match effect {
            Effect::Looks | Effect::Stops => drop(answer.ok()),
            Effect::Closes => drop(answer.error("INVALID_ARGUMENT")),
            _ => {
                assert_read_only(answer, "everything");
                refused += 1;
            }
        },
    )
    .await;
    assert!(refused > 15, "{refused}");
    assert_eq!(configured(&fixture), before);
    assert!(is_untouched(&fixture));
    let new = json!({"alias": "web9", "host": "h", "user": "u", "password": "x"});
    client.call("server_add", new).await.error("READ_ONLY");
}

/// On a read-only server nothing is run, written, moved or removed; looking stays, and its neighbour is free.
#[tokio::test]
async fn a_read_only_server_is_looked_at_and_left_as_it_is() {
    let fixture = fixture().await.connected(|_| {}).await;
    let client = &fixture.client;
    let calls = calls_about(&fixture, "seen");
    let mut refused = 0;
    // The configuration for all servers is not this one's.
    let is_made = |effect| effect != Effect::Configures;
    walk(client, &calls, is_made, |effect, answer| match effect {
        Effect::Looks | Effect::Stops => drop(answer.ok()),
        Effect::Closes | Effect::Types => drop(answer.error("INVALID_ARGUMENT")),
        _ => {
            assert_read_only(answer, "server `seen`");
            refused += 1;
        }
    })
    .await;
    assert!(refused > 10, "{refused}");
    assert!(is_untouched(&fixture));
    for arguments in calls_about(&fixture, "web1").that(Effect::Runs, "task_exec_sequence") {
        client.call("task_exec_sequence", arguments).await.ok();
    }
    assert!(!is_untouched(&fixture));

    // Only a person lets it be changed, in the file.
    let path = fixture.stored("servers.json");
    let servers = std::fs::read_to_string(&path).unwrap();
    let unclear = servers.replace("\"readonly\": true", "\"readonly\": \"yes\"");
    std::fs::write(&path, &unclear).unwrap();
    for tool in ["server_add", "server_remove", "task_exec"] {
        for (_, arguments) in calls.of(tool) {
            client.call(tool, arguments).await.error("STORAGE_ERROR");
        }
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), unclear);
    std::fs::write(
        &path,
        servers.replace("\"readonly\": true", "\"readonly\": false"),
    )
    .unwrap();
    let run = json!({"alias": "seen", "cmd": "true"});
    client.call("task_exec", run).await.ok();
}

/// A tool that runs the caller's command or writes the caller's file asks the policy; one that looks does not.
#[tokio::test]
async fn each_tool_that_runs_or_writes_heeds_the_policy() {
    let fixture = fixture().await;
    let touch = touch(&fixture);
    let file = format!("* >{}", fixture.remote("pwned"));
    let rules = json!({"blocklist": [touch, file, COPY_ID]});
    std::fs::write(fixture.stored("policies.json"), rules.to_string()).unwrap();
    let fixture = fixture.connected(|_| {}).await;
    let client = &fixture.client;
    // The file that the failed upload lacked is there by now.
    std::fs::write(fixture.here("none"), "content\n").unwrap();
    let calls = calls_about(&fixture, "web1");
    let mut refused = 0;
    let is_made = |effect| !matches!(effect, Effect::Configures | Effect::Registers);
    walk(client, &calls, is_made, |effect, answer| {
        let rule = match effect {
            Effect::Runs => touch.as_str(),
            Effect::Authorizes => COPY_ID,
            Effect::Writes => &file,
            Effect::Closes | Effect::Types => return drop(answer.error("INVALID_ARGUMENT")),
            _ => return drop(answer.ok()),
        };
        let error = answer.error("POLICY_BLOCKED");
        assert_eq!(&error["details"]["rule"], rule, "{error}");
        refused += 1;
    })
    .await;
    assert!(refused > 8, "{refused}");
    assert!(is_untouched(&fixture));
}

/// A retry is judged by the rules of its own time.
#[tokio::test]
async fn a_retry_heeds_what_holds_by_then() {
    let fixture = fixture().await;
    let inside = fixture.here("in");
    std::fs::create_dir(&inside).unwrap();
    let change = |config: &mut Config| config.allowed_roots = vec![inside];
    let fixture = fixture.connected(change).await;
    let client = &fixture.client;
    let [command, upload] = fixture.server.failed[1].clone().map(|id| json!({"id": id}));
    client
        .call("task_retry", upload)
        .await
        .error("PATH_NOT_ALLOWED");
    let rule = json!({"pattern": touch(&fixture)});
    client.call("policy_blocklist_add", rule).await.ok();
    client
        .call("task_retry", command)
        .await
        .error("POLICY_BLOCKED");
    assert!(is_untouched(&fixture));
}
