//! What each tool may do where little is allowed: every tool that the server lists is called with
//! `MCP_READONLY`, on a read-only server, and under rules that refuse its command and its file.

use std::path::Path;

use mcp_sftp_orchestrator::config::Config;
use mcp_sftp_orchestrator::guard::Access;
use serde_json::{Value, json};

use crate::helper::{
    Answer, Calls, Client, Effect, Folder, PROGRAMS, Pm2Daemon, Sshd, access, closed_port,
    directory, text,
};

/// Two servers, a data directory, and an earlier session's failed tasks.
struct Scene {
    /// The server of `seen`, which is read-only by now, and that of `web1`.
    servers: [Sshd; 2],
    data: Folder,
    files: Folder,
    /// A command and an upload that failed on `seen`, and the same on `web1`.
    failed: [[Value; 2]; 2],
    url: String,
    _pm2: [Pm2Daemon; 2],
}

const ALIASES: [&str; 2] = ["seen", "web1"];

impl Scene {
    async fn set() -> Self {
        let servers = ALIASES.map(|_| Sshd::with_programs(&PROGRAMS, ""));
        let mut scene = Self {
            _pm2: [0, 1].map(|index| Pm2Daemon::start(servers[index].directory.path())),
            servers,
            data: directory(),
            files: directory(),
            failed: Default::default(),
            url: format!("http://127.0.0.1:{}", closed_port()),
        };
        std::fs::write(scene.servers[0].home("file"), "content\n").unwrap();
        std::fs::write(scene.local("file"), "content\n").unwrap();
        let client = Client::spawned(scene.data.path(), &[]).await;
        for (index, alias) in ALIASES.into_iter().enumerate() {
            client.register(scene.servers[index].login(alias)).await;
            let failing =
                json!({"alias": alias, "cmd": format!("touch {}; exit 3", scene.pwned())});
            let command = client.call("task_exec", failing).await.ok();
            let upload = json!({"alias": alias, "direction": "upload", "local": scene.local("none"), "remote": scene.pwned()});
            let upload = client.call("task_transfer", upload).await;
            scene.failed[index] = [command, upload].map(|task| task.facts()["id"].clone());
        }
        std::fs::remove_file(scene.pwned()).unwrap();
        let mut seen = scene.servers[0].login("seen");
        seen["readonly"] = true.into();
        client.register(seen).await;
        let api = json!({"alias": "api", "url": scene.url});
        client.call("api_add", api).await.ok();
        assert!(client.leave().await.success());
        scene
    }

    /// What no refused call may bring about, on either server.
    fn pwned(&self) -> String {
        self.servers[0].home("pwned")
    }

    fn is_untouched(&self) -> bool {
        !Path::new(&self.pwned()).exists()
    }

    fn local(&self, name: &str) -> String {
        text(&self.files.path().join(name))
    }

    async fn client(&self, change: impl FnOnce(&mut Config)) -> Client {
        Client::in_process(self.data.path(), change).await
    }

    /// The calls about one of the aliases.
    fn calls(&self, alias: &str) -> Calls {
        let index = usize::from(alias != "seen");
        let mut login = self.servers[index].login(alias);
        login["readonly"] = false.into();
        Calls {
            alias: alias.to_owned(),
            login,
            command: format!("touch {}", self.pwned()),
            upload: [self.local("file"), self.pwned()],
            remote: self.servers[0].home("file"),
            downloads: text(self.files.path()),
            failed: self.failed[index].clone(),
            url: self.url.clone(),
        }
    }

    /// What is configured, to the byte.
    fn configured(&self) -> Vec<Option<Vec<u8>>> {
        let names = ["servers.json", "apis.json", "policies.json", "known_hosts"];
        let read = |name| std::fs::read(self.data.path().join(name)).ok();
        names.into_iter().map(read).collect()
    }
}

/// Makes the calls of every tool that the server lists, and hands each answer on with what the call does.
async fn walk(
    client: &Client,
    calls: &Calls,
    is_made: impl Fn(Effect) -> bool,
    mut check: impl FnMut(Effect, Answer),
) {
    let tools = client.tools().await;
    assert!(tools.len() > 30, "{}", tools.len());
    for tool in tools {
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
    let scene = Scene::set().await;
    let (client, calls) = (scene.client(|_| {}).await, scene.calls("web1"));
    for tool in client.tools().await {
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
    let scene = Scene::set().await;
    let before = scene.configured();
    let client = scene.client(|config| config.read_only = true).await;
    let mut refused = 0;
    let calls = scene.calls("web1");
    walk(
        &client,
        &calls,
        |_| true,
        |effect, answer| match effect {
            Effect::Looks | Effect::Stops => drop(answer.ok()),
            _ => {
                assert_read_only(answer, "everything");
                refused += 1;
            }
        },
    )
    .await;
    assert!(refused > 15, "{refused}");
    assert_eq!(scene.configured(), before);
    assert!(scene.is_untouched());
    let new = json!({"alias": "web9", "host": "h", "user": "u", "password": "x"});
    client.call("server_add", new).await.error("READ_ONLY");
}

/// On a read-only server nothing is run, written, moved or removed; looking stays, and its neighbour is free.
#[tokio::test]
async fn a_read_only_server_is_looked_at_and_left_as_it_is() {
    let scene = Scene::set().await;
    let client = scene.client(|_| {}).await;
    let calls = scene.calls("seen");
    let mut refused = 0;
    // What is configured for all servers is not this one's.
    let is_made = |effect| effect != Effect::Configures;
    walk(&client, &calls, is_made, |effect, answer| match effect {
        Effect::Looks | Effect::Stops => drop(answer.ok()),
        _ => {
            assert_read_only(answer, "server `seen`");
            refused += 1;
        }
    })
    .await;
    assert!(refused > 10, "{refused}");
    assert!(scene.is_untouched());
    for arguments in scene.calls("web1").that(Effect::Runs, "task_exec_sequence") {
        client.call("task_exec_sequence", arguments).await.ok();
    }
    assert!(!scene.is_untouched());

    // Only a person lets it be changed, in the file.
    let path = scene.data.path().join("servers.json");
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

/// Whatever runs the caller's command or writes the caller's file asks the policy; what looks does not.
#[tokio::test]
async fn each_tool_that_runs_or_writes_heeds_the_policy() {
    let scene = Scene::set().await;
    let touch = format!("touch {}", scene.pwned());
    let file = format!("* >{}", scene.pwned());
    let rules = json!({"blocklist": [touch, file]});
    std::fs::write(scene.data.path().join("policies.json"), rules.to_string()).unwrap();
    let client = scene.client(|_| {}).await;
    // What the failed upload lacked is there by now.
    std::fs::write(scene.local("none"), "content\n").unwrap();
    let calls = scene.calls("web1");
    let mut refused = 0;
    let is_made = |effect| !matches!(effect, Effect::Configures | Effect::Registers);
    walk(&client, &calls, is_made, |effect, answer| {
        let rule = match effect {
            Effect::Runs => &touch,
            Effect::Writes => &file,
            _ => return drop(answer.ok()),
        };
        let error = answer.error("POLICY_BLOCKED");
        assert_eq!(&error["details"]["rule"], rule, "{error}");
        refused += 1;
    })
    .await;
    assert!(refused > 8, "{refused}");
    assert!(scene.is_untouched());
}

/// A retry is judged by the rules of its own time.
#[tokio::test]
async fn a_retry_heeds_what_holds_by_then() {
    let scene = Scene::set().await;
    let inside = scene.files.path().join("in");
    std::fs::create_dir(&inside).unwrap();
    let client = scene
        .client(|config| config.allowed_roots = vec![inside])
        .await;
    let [command, upload] = scene.failed[1].clone().map(|id| json!({"id": id}));
    client
        .call("task_retry", upload)
        .await
        .error("PATH_NOT_ALLOWED");
    let rule = json!({"pattern": format!("touch {}", scene.pwned())});
    client.call("policy_blocklist_add", rule).await.ok();
    client
        .call("task_retry", command)
        .await
        .error("POLICY_BLOCKED");
    assert!(scene.is_untouched());
}
