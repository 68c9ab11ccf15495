//! What is let happen: read-only servers, the local directories of transfers, the command policy.

use std::path::{Path, PathBuf};

use mcp_sftp_orchestrator::config::Config;
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::helper::{Answer, Client, Folder, Sshd, closed_port, directory, eventually_so, text};

/// Two servers, a data directory, and an earlier session's failed tasks.
struct Scene {
    sshd: Sshd,
    /// Another server than that of `seen`.
    neighbour: Sshd,
    data: Folder,
    local: Folder,
    /// A command and an upload that failed on `web1`, and the same on `seen`, which is read-only by now.
    failed: Vec<Value>,
}

impl Scene {
    async fn set() -> Self {
        let (sshd, data, local) = (Sshd::start(), directory(), directory());
        let mut scene = Self {
            sshd,
            neighbour: Sshd::start(),
            data,
            local,
            failed: Vec::new(),
        };
        std::fs::write(scene.sshd.home("file"), "content\n").unwrap();
        std::fs::write(scene.here("file"), "content\n").unwrap();
        let client = Client::spawned(scene.data.path(), &[]).await;
        for alias in ["web1", "seen"] {
            client.register(scene.login(alias)).await;
            let failing =
                json!({"alias": alias, "cmd": format!("touch {}; exit 3", scene.pwned())});
            let failed = client.call("task_exec", failing).await.ok();
            scene.failed.push(failed.facts()["id"].clone());
            let upload = json!({"alias": alias, "direction": "upload", "local": scene.here("none"), "remote": scene.pwned()});
            let failed = client.call("task_transfer", upload).await;
            scene.failed.push(failed.facts()["id"].clone());
        }
        std::fs::remove_file(scene.pwned()).unwrap();
        let mut seen = scene.sshd.login("seen");
        seen["readonly"] = true.into();
        client.register(seen).await;
        let api = json!({"alias": "api", "url": format!("http://127.0.0.1:{}", closed_port())});
        client.call("api_add", api).await.ok();
        assert!(client.leave().await.success());
        scene
    }

    /// What no call may bring about on the server.
    fn pwned(&self) -> String {
        self.sshd.home("pwned")
    }

    fn here(&self, name: &str) -> String {
        text(&self.local.path().join(name))
    }

    fn login(&self, alias: &str) -> Value {
        match alias {
            "seen" => self.sshd.login(alias),
            _ => self.neighbour.login(alias),
        }
    }

    async fn client(&self, change: impl FnOnce(&mut Config)) -> Client {
        Client::in_process(self.data.path(), change).await
    }

    /// What is configured, to the byte.
    fn configured(&self) -> Vec<Option<Vec<u8>>> {
        let names = ["servers.json", "apis.json", "policies.json", "known_hosts"];
        let read = |name| std::fs::read(self.data.path().join(name)).ok();
        names.into_iter().map(read).collect()
    }

    /// What a tool changes on a server, or in what is configured. Empty where it only looks.
    fn changes(&self, tool: &str, alias: &str) -> Vec<Value> {
        let touch = format!("touch {}", self.pwned());
        let mut login = self.login(alias);
        login["readonly"] = false.into();
        let upload = [("local", self.here("file")), ("remote", self.pwned())];
        let [local, remote] = upload.map(|(_, path)| path);
        let ids = match alias {
            "seen" => &self.failed[2..],
            _ => &self.failed[..2],
        };
        let nobody = format!("SHA256:{}", "A".repeat(43));
        match tool {
            "server_add" => vec![login],
            "server_remove" => vec![json!({"alias": alias})],
            "server_import" => vec![json!({"add": true})],
            "server_trust" => vec![json!({"alias": alias, "fingerprint": nobody})],
            "policy_blocklist_add" | "policy_blocklist_remove" => {
                vec![json!({"pattern": "crontab -r"})]
            }
            "task_exec" => vec![
                json!({"alias": alias, "cmd": touch}),
                json!({"alias": alias, "cmd": touch, "background": true}),
                json!({"alias": alias, "cmd": touch, "detach": true}),
            ],
            "task_exec_interactive" => vec![json!({"alias": alias, "cmd": touch})],
            "task_exec_sequence" => vec![json!({"alias": alias, "commands": [touch]})],
            "task_transfer" => vec![
                json!({"alias": alias, "direction": "upload", "local": local, "remote": remote}),
            ],
            "task_transfer_multi" => {
                let files = json!([{"local": local, "remote": remote}]);
                vec![json!({"alias": alias, "direction": "upload", "files": files})]
            }
            "task_retry" => ids.iter().map(|id| json!({"id": id})).collect(),
            "api_add" => vec![json!({"alias": "api", "url": "http://192.0.2.7"})],
            "api_remove" => vec![json!({"alias": "api"})],
            // It ends what runs and begins nothing.
            "task_cancel" => Vec::new(),
            other => panic!("{other} is not said to be read-only: what does it change?"),
        }
    }

    /// What stays where nothing may be changed.
    fn looks(&self, alias: &str) -> Vec<(&'static str, Value)> {
        let one = json!({"alias": alias});
        let download = |name: &str| json!({"alias": alias, "direction": "download", "local": self.here(name), "remote": self.sshd.home("file")});
        let files = json!([{"local": self.here("all/"), "remote": self.sshd.home("fil*")}]);
        vec![
            ("server_list", json!({})),
            ("server_import", json!({})),
            ("server_trust", one.clone()),
            ("policy_blocklist_list", json!({})),
            ("task_transfer", download(alias)),
            (
                "task_transfer_multi",
                json!({"alias": alias, "direction": "download", "files": files}),
            ),
            ("get_system_resources", one.clone()),
            ("get_services_status", one.clone()),
            (
                "tail_file",
                json!({"alias": alias, "filepath": self.sshd.home("file")}),
            ),
            ("api_check", json!({"alias": "api", "server_alias": alias})),
            (
                "check_api_health",
                json!({"alias": alias, "url": format!("http://127.0.0.1:{}", closed_port())}),
            ),
            ("task_queue", json!({})),
            ("task_status", json!({"id": self.failed[0]})),
            ("task_output", json!({"id": self.failed[0]})),
            ("task_cancel", json!({"id": self.failed[0]})),
        ]
    }
}

fn may_change(tool: &Tool) -> bool {
    tool.annotations.as_ref().unwrap().read_only_hint != Some(true)
}

#[tokio::test]
async fn where_nothing_may_be_changed_every_tool_that_does_is_refused() {
    let scene = Scene::set().await;
    let before = scene.configured();
    let client = scene.client(|config| config.read_only = true).await;
    let mut refused = 0;
    for tool in client.tools().await.into_iter().filter(may_change) {
        // The name lives as long as the test does.
        let name: &'static str = String::leak(tool.name.to_string());
        for arguments in scene.changes(name, "web1") {
            let error = client.call(name, arguments).await.error("READ_ONLY");
            assert_eq!(error["details"]["subject"], "everything", "{error}");
            assert!(
                error["details"]["hint"]
                    .as_str()
                    .unwrap()
                    .contains("MCP_READONLY")
            );
            refused += 1;
        }
    }
    assert!(refused > 15, "{refused}");
    assert_eq!(scene.configured(), before);
    for (tool, arguments) in scene.looks("web1") {
        client.call(tool, arguments).await.ok();
    }
    assert!(!Path::new(&scene.pwned()).exists());
    let new = json!({"alias": "web9", "host": "h", "user": "u", "password": "x"});
    client.call("server_add", new).await.error("READ_ONLY");
}

#[tokio::test]
async fn a_read_only_server_is_looked_at_and_left_as_it_is() {
    let scene = Scene::set().await;
    let client = scene.client(|_| {}).await;
    let everywhere = [
        "server_import",
        "server_trust",
        "policy_blocklist_add",
        "policy_blocklist_remove",
        "api_add",
        "api_remove",
    ];
    for tool in client.tools().await.into_iter().filter(may_change) {
        let name: &'static str = String::leak(tool.name.to_string());
        if everywhere.contains(&name) {
            continue;
        }
        for arguments in scene.changes(name, "seen") {
            let error = client.call(name, arguments).await.error("READ_ONLY");
            assert_eq!(error["details"]["subject"], "server `seen`", "{error}");
        }
    }
    for (tool, arguments) in scene.looks("seen") {
        client.call(tool, arguments).await.ok();
    }
    assert!(!Path::new(&scene.pwned()).exists());
    // Its neighbour is free.
    for arguments in scene.changes("task_exec_sequence", "web1") {
        client.call("task_exec_sequence", arguments).await.ok();
    }
    assert!(Path::new(&scene.pwned()).exists());

    // Only a person lets it be changed, in the file.
    let path = scene.data.path().join("servers.json");
    let servers = std::fs::read_to_string(&path).unwrap();
    let unclear = servers.replace("\"readonly\": true", "\"readonly\": \"yes\"");
    std::fs::write(&path, &unclear).unwrap();
    for tool in ["server_add", "server_remove", "task_exec"] {
        for arguments in scene.changes(tool, "seen") {
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

/// A directory that transfers stay inside, one that they have no business in, and links between them.
struct Roots {
    client: Client,
    sshd: Sshd,
    inside: PathBuf,
    outside: PathBuf,
    _folders: [Folder; 2],
}

impl Roots {
    async fn set() -> Self {
        let (sshd, data, local) = (Sshd::start(), directory(), directory());
        // The root itself may be reached by a link.
        let inside = local.path().join("by-link");
        let outside = local.path().join("out");
        for directory in ["in/sub", "in/tree", "out/d"] {
            std::fs::create_dir_all(local.path().join(directory)).unwrap();
        }
        for (link, target) in [
            ("by-link", "in"),
            ("in/link-file", "../out/file"),
            ("in/link-dir", "../out"),
            ("in/dangling", "../out/none"),
            ("in/all*", "../out"),
            ("in/one[1]", "../out/file"),
            ("in/tree/file", "../../out/file"),
            ("in/tree/d", "../../out/d"),
            ("in/tree/none", "../../out/none"),
        ] {
            std::os::unix::fs::symlink(target, local.path().join(link)).unwrap();
        }
        std::fs::write(inside.join("good"), "good\n").unwrap();
        std::fs::write(inside.join("sub/good"), "good\n").unwrap();
        std::fs::write(outside.join("file"), "private\n").unwrap();
        for name in ["file", "good", "none", "d/inner"] {
            let path = sshd.directory.path().join("from").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "sent\n").unwrap();
        }
        let root = inside.clone();
        let client =
            Client::in_process(data.path(), |config| config.allowed_roots = vec![root]).await;
        client.register(sshd.login("web1")).await;
        Self {
            client,
            sshd,
            inside,
            outside,
            _folders: [data, local],
        }
    }

    fn local(&self, name: &str) -> String {
        match name.strip_prefix("out") {
            Some(rest) => format!("{}{rest}", text(&self.outside)),
            None => format!("{}/{name}", text(&self.inside)),
        }
    }

    async fn one(&self, direction: &str, local: &str, remote: &str) -> Answer {
        let one = json!({
            "alias": "web1", "direction": direction, "local": self.local(local), "remote": self.sshd.home(remote),
        });
        self.client.call("task_transfer", one).await
    }

    async fn several(&self, direction: &str, pairs: &[(&str, &str)]) -> Answer {
        let pair = |(local, remote): &(&str, &str)| json!({"local": self.local(local), "remote": self.sshd.home(remote)});
        let files: Vec<_> = pairs.iter().map(pair).collect();
        let several = json!({"alias": "web1", "direction": direction, "files": files});
        self.client.call("task_transfer_multi", several).await
    }

    /// Nothing was read there, nothing written.
    fn assert_untouched(&self) {
        let private = std::fs::read_to_string(self.outside.join("file")).unwrap();
        assert_eq!(private, "private\n");
        for (directory, count) in [("", 2), ("d", 0)] {
            let there = std::fs::read_dir(self.outside.join(directory)).unwrap();
            assert_eq!(there.count(), count, "{directory}");
        }
        let found = std::process::Command::new("grep")
            .args(["-rl", "private"])
            .arg(self.sshd.directory.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "it was sent");
    }
}

#[tokio::test]
async fn uploads_read_nothing_outside_their_directories() {
    let scene = Roots::set().await;
    for local in [
        "out/file",
        "out",
        "../out/file",
        "sub/../../out/file",
        "link-file",
        "link-dir",
        "link-dir/file",
        "dangling",
        "all*",
        "one[1]",
    ] {
        let refused = scene.one("upload", local, "got").await;
        let error = refused.error("PATH_NOT_ALLOWED");
        assert!(
            error["details"]["hint"]
                .as_str()
                .unwrap()
                .contains("MCP_ALLOWED_ROOTS")
        );
    }
    for local in [
        "out/*",
        "../out/f*",
        "link-dir/*",
        "out/**/*",
        "all*",
        "one[1]",
    ] {
        let pairs = [("good", "got-good"), (local, "got/")];
        let refused = scene.several("upload", &pairs).await;
        refused.error("PATH_NOT_ALLOWED");
    }
    assert!(!Path::new(&scene.sshd.home("got")).exists());
    assert!(!Path::new(&scene.sshd.home("got-good")).exists());
    scene.assert_untouched();

    // A pattern goes through no link.
    let through = scene.several("upload", &[("all*/f*", "got/")]).await;
    through.error("TRANSFER_FAILED");
    scene.assert_untouched();

    // What lies inside goes, and links go as what they say.
    scene.one("upload", "good", "one").await.ok();
    scene.one("upload", "", "whole").await.ok();
    scene.several("upload", &[("*", "some/")]).await.ok();
    for place in ["one", "whole/good", "whole/sub/good", "some/good"] {
        assert_eq!(
            std::fs::read_to_string(scene.sshd.home(place)).unwrap(),
            "good\n"
        );
    }
    for link in ["whole/link-dir", "whole/link-file", "some/link-dir"] {
        assert!(Path::new(&scene.sshd.home(link)).is_symlink(), "{link}");
    }
    scene.assert_untouched();
}

#[tokio::test]
async fn downloads_write_nothing_outside_their_directories() {
    let scene = Roots::set().await;
    for local in [
        "out/new",
        "out/file",
        "../out/new",
        "link-file",
        "link-dir/new",
        "link-dir/",
        "dangling",
        "dangling/new",
        "../new",
    ] {
        let refused = scene.one("download", local, "from/good").await;
        refused.error("PATH_NOT_ALLOWED");
    }
    for local in ["out", "out/new", "link-dir", "link-dir/new", "dangling"] {
        scene
            .one("download", local, "from")
            .await
            .error("PATH_NOT_ALLOWED");
        let pairs = [("sub/", "from/good"), (local, "from/**/*")];
        scene
            .several("download", &pairs)
            .await
            .error("PATH_NOT_ALLOWED");
    }
    assert_eq!(
        std::fs::read_dir(scene.inside.join("sub")).unwrap().count(),
        1
    );
    scene.assert_untouched();

    // In a tree, what a link would lead out stays out, and the rest arrives.
    let trees: [(&[(&str, &str)], &str); 4] = [
        (&[("tree", "from")], "tree/good"),
        (&[("tree/", "from/*")], "tree/good"),
        (&[("tree/", "from/**/*")], "tree/good"),
        (
            &[("tree/", "from/file"), ("sub/new", "from/good")],
            "sub/new",
        ),
    ];
    for (pairs, arrived) in trees {
        let answer = match pairs {
            [(local, remote)] if !remote.contains('*') => {
                scene.one("download", local, remote).await
            }
            pairs => scene.several("download", pairs).await,
        };
        let answer = answer.ok();
        assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
        let failed = answer.facts()["failedFiles"].to_string();
        assert!(failed.contains("outside the directories"), "{failed}");
        assert_eq!(
            std::fs::read_to_string(scene.inside.join(arrived)).unwrap(),
            "sent\n"
        );
        std::fs::remove_file(scene.inside.join(arrived)).unwrap();
        scene.assert_untouched();
    }
    for link in ["tree/file", "tree/none", "tree/d"] {
        assert!(scene.inside.join(link).is_symlink(), "{link}");
    }
    scene.one("download", "fresh", "from").await.ok();
    assert!(scene.inside.join("fresh/d/inner").exists());
}

#[tokio::test]
async fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
    let scene = Roots::set().await;
    // A server that is not reached before the test says so.
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut late = scene.sshd.login("late");
    late["port"] = gate.local_addr().unwrap().port().into();
    scene.client.register(late).await;
    for name in ["late", "later"] {
        std::fs::create_dir(scene.inside.join(name)).unwrap();
        std::fs::write(scene.inside.join(name).join("file"), "good\n").unwrap();
    }
    let mut begun = Vec::new();
    for (direction, local, remote) in [
        ("upload", "late/file", "got-one"),
        ("upload", "later", "got-all"),
        ("upload", "later/f*", "got-some/"),
        ("download", "late/new", "from/good"),
        ("download", "later/new", "from"),
    ] {
        let files = json!([{"local": scene.local(local), "remote": scene.sshd.home(remote)}]);
        let transfer = json!({"alias": "late", "direction": direction, "files": files});
        let transfer = crate::helper::request("task_transfer_multi", transfer);
        begun.push(scene.client.peer().call_tool(transfer));
    }
    let swapped = async {
        let (first, _) = gate.accept().await.unwrap();
        eventually_so("all are let begin", async || {
            let queue = scene.client.call("task_queue", json!({})).await.ok();
            queue.facts()["tasks"].as_array().unwrap().len() == 5
        })
        .await;
        for name in ["late", "later"] {
            std::fs::remove_dir_all(scene.inside.join(name)).unwrap();
            std::os::unix::fs::symlink(&scene.outside, scene.inside.join(name)).unwrap();
        }
        let mut waiting = Some(first);
        loop {
            let mut near = match waiting.take() {
                Some(first) => first,
                None => gate.accept().await.unwrap().0,
            };
            let port = scene.sshd.port;
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    };
    let answers = tokio::select! {
        answers = futures_util::future::join_all(begun) => answers,
        () = swapped => unreachable!("the gate stays open"),
    };
    for answer in answers {
        let error = Answer(answer.unwrap()).error("TRANSFER_FAILED");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("outside the directories"),
            "{error}"
        );
    }
    for name in ["got-one", "got-all", "got-some"] {
        assert!(!Path::new(&scene.sshd.home(name)).exists(), "{name}");
    }
    scene.assert_untouched();
}

#[tokio::test]
async fn a_retry_heeds_what_holds_by_then() {
    let scene = Scene::set().await;
    let inside = scene.local.path().join("in");
    std::fs::create_dir(&inside).unwrap();
    let client = scene
        .client(|config| config.allowed_roots = vec![inside])
        .await;
    let [exec, upload] = [0, 1].map(|index| json!({"id": scene.failed[index]}));
    client
        .call("task_retry", upload)
        .await
        .error("PATH_NOT_ALLOWED");
    let rule = json!({"pattern": format!("touch {}", scene.pwned())});
    client.call("policy_blocklist_add", rule).await.ok();
    client
        .call("task_retry", exec)
        .await
        .error("POLICY_BLOCKED");
    assert!(!Path::new(&scene.pwned()).exists());
}

/// Every way to run commands. Where one shell runs them, they can be split.
fn runs(alias: &str, commands: &[&str]) -> Vec<(&'static str, Value)> {
    let cmd = commands.join("; ");
    vec![
        ("task_exec", json!({"alias": alias, "cmd": cmd})),
        (
            "task_exec",
            json!({"alias": alias, "cmd": cmd, "background": true}),
        ),
        (
            "task_exec",
            json!({"alias": alias, "cmd": cmd, "detach": true}),
        ),
        ("task_exec_interactive", json!({"alias": alias, "cmd": cmd})),
        (
            "task_exec_interactive",
            json!({"alias": alias, "cmd": cmd, "interactive": false}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "commands": commands}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "commands": [cmd], "background": true}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "continueOnError": true, "commands": ["true", {"command": cmd}]}),
        ),
    ]
}

fn assert_blocked(answer: Answer, rule: &str, part: &str) {
    let error = answer.error("POLICY_BLOCKED");
    let details = &error["details"];
    assert_eq!(
        (&details["rule"], &details["part"]),
        (&json!(rule), &json!(part)),
        "{error}"
    );
    let hint = details["hint"].as_str().unwrap();
    assert!(
        !hint.is_empty() && error["message"].as_str().unwrap().contains(part),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_policy_forbids_reaches_no_server() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    // Should it be let through, it must not get anywhere.
    let nowhere = json!({"alias": "nowhere", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": "p"});
    client.register(nowhere).await;
    client.register(sshd.login("web1")).await;
    for (tool, arguments) in runs("nowhere", &["docker ps", "rm -rf /"]) {
        assert_blocked(
            client.call(tool, arguments).await,
            "rm -r @system",
            "rm -rf /",
        );
    }
    for (tool, arguments) in runs("nowhere", &["cd /", "rm -rf *"]) {
        let error = client.call(tool, arguments).await.error("POLICY_BLOCKED");
        assert_eq!(error["details"]["rule"], "rm -r @system", "{error}");
    }
    let pwned = sshd.home("pwned");
    let touch = format!("touch {pwned}");
    client
        .call("policy_blocklist_add", json!({"pattern": touch}))
        .await
        .ok();
    let hidden = format!("sudo -n sh -c 'touch {pwned}'");
    for commands in [["true", touch.as_str()], ["true", &hidden]] {
        for (tool, arguments) in runs("web1", &commands) {
            assert_blocked(client.call(tool, arguments).await, &touch, &touch);
        }
    }
    // What one step leaves open is no part of the next.
    for open in [
        "cat <<END",
        "echo '",
        "echo \"",
        "echo $(",
        "true \\",
        "if false; then",
    ] {
        let steps =
            json!({"alias": "web1", "continueOnError": true, "commands": [open, touch, "true '"]});
        let refused = client.call("task_exec_sequence", steps).await;
        assert_blocked(refused, &touch, &touch);
    }
    assert_eq!(sshd.accepted(), 0);
    assert_eq!(
        client.call("task_queue", json!({})).await.facts()["tasks"],
        json!([])
    );
    // Its own tools' commands are not the caller's.
    std::fs::write(sshd.home("log"), "line\n").unwrap();
    let tail = json!({"alias": "web1", "filepath": sshd.home("log")});
    client.call("tail_file", tail).await.ok();
}

#[tokio::test]
async fn rules_are_listed_added_and_taken_away_for_every_process() {
    let (sshd, data) = (Sshd::start(), directory());
    let here = Client::in_process(data.path(), |_| {}).await;
    let there = Client::in_process(data.path(), |_| {}).await;
    here.register(sshd.login("web1")).await;
    let listed = here.call("policy_blocklist_list", json!({})).await.ok();
    let rules = listed.facts()["blocklist"].as_array().unwrap().clone();
    assert!(rules.contains(&json!("rm -r @system")) && rules.len() > 20);
    assert_eq!(listed.facts()["allowlist"], json!([]));

    let run = json!({"alias": "web1", "cmd": "echo one two"});
    here.call("task_exec", run.clone()).await.ok();
    let rule = json!({"pattern": "echo one"});
    let added = there.call("policy_blocklist_add", rule.clone()).await.ok();
    assert_eq!(added.facts()["changed"], true);
    let again = there.call("policy_blocklist_add", rule.clone()).await.ok();
    assert_eq!(again.facts()["changed"], false);
    assert_blocked(
        here.call("task_exec", run.clone()).await,
        "echo one",
        "echo one two",
    );
    let listed = here.call("policy_blocklist_list", json!({})).await.ok();
    let longer = listed.facts()["blocklist"].as_array().unwrap();
    assert_eq!(longer.len(), rules.len() + 1);
    there
        .call("policy_blocklist_remove", rule.clone())
        .await
        .ok();
    here.call("task_exec", run).await.ok();
    here.call("policy_blocklist_remove", rule)
        .await
        .error("INVALID_ARGUMENT");
    for pattern in ["", "  ", "-r", "echo 'a"] {
        let bad = json!({"pattern": pattern});
        let error = here
            .call("policy_blocklist_add", bad)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "pattern", "{pattern}");
    }
    let listed = there.call("policy_blocklist_list", json!({})).await.ok();
    assert_eq!(listed.facts()["blocklist"], json!(rules));
}

#[tokio::test]
async fn an_allowlist_lets_nothing_else_through() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let path = data.path().join("policies.json");
    let written = json!({"allowlist": ["uname *", "cat /etc/*"], "note": "by a person"});
    std::fs::write(&path, written.to_string()).unwrap();
    let run = async |cmd: &str| {
        let run = json!({"alias": "web1", "cmd": cmd});
        client.call("task_exec", run).await
    };
    run("uname -s").await.ok();
    run("cat /etc/hostname; uname").await.ok();
    for (cmd, part) in [
        ("id -un", "id -un"),
        ("uname; id -un", "id -un"),
        ("uname $(id)", "id"),
    ] {
        let error = run(cmd).await.error("POLICY_BLOCKED");
        assert_eq!(
            (&error["details"]["part"], &error["details"]["rule"]),
            (&json!(part), &Value::Null),
            "{error}"
        );
    }
    for (tool, arguments) in runs("web1", &["uname", "id -un"]) {
        client.call(tool, arguments).await.error("POLICY_BLOCKED");
    }
    // What is on both lists is refused; what this version does not know is kept.
    client
        .call("policy_blocklist_add", json!({"pattern": "uname -a"}))
        .await
        .ok();
    assert_blocked(run("uname -a").await, "uname -a", "uname -a");
    let kept = crate::helper::read_json(&path);
    assert_eq!(
        (&kept["note"], &kept["allowlist"]),
        (&written["note"], &written["allowlist"])
    );
    let one = json!({"alias": "web1"});
    client.call("get_system_resources", one).await.ok();
}

#[tokio::test]
async fn rules_that_are_not_understood_let_nothing_run() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let path = data.path().join("policies.json");
    for (written, named) in [
        (r#"{"blocklist": ["halt", "-r"]}"#, "the rule `-r`"),
        (r#"{"allowlist": ["echo 'a"]}"#, "the rule `echo 'a`"),
        (r#"{"blocklist": ["halt""#, "EOF"),
        (r#"{"blocklist": "halt"}"#, "expected a sequence"),
        ("[]", "policies.json"),
    ] {
        std::fs::write(&path, written).unwrap();
        for (tool, arguments) in runs("web1", &["true"]) {
            let error = client.call(tool, arguments).await.error("STORAGE_ERROR");
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains("policies.json") && message.contains(named),
                "{message}"
            );
            let hint = error["details"]["hint"].as_str().unwrap();
            assert!(
                hint.contains("correct what is wrong with the file"),
                "{hint}"
            );
        }
        // Whoever wrote it finds it as it was.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
        if !named.contains("rule") {
            let rule = json!({"pattern": "halt"});
            client
                .call("policy_blocklist_add", rule)
                .await
                .error("STORAGE_ERROR");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
        }
    }
    assert_eq!(sshd.accepted(), 0);
    std::fs::write(&path, r#"{"blocklist": []}"#).unwrap();
    for (tool, arguments) in runs("web1", &["true"]) {
        client.call(tool, arguments).await.ok();
    }
}

/// All texts of an answer.
fn texts(answer: &Answer) -> String {
    let blocks = answer.0.content.iter().filter_map(|block| block.as_text());
    blocks
        .map(|block| block.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn rules_that_are_emptied_or_taken_away_hold_on() {
    let (sshd, data) = (Sshd::start(), directory());
    let path = data.path().join("policies.json");
    let written =
        json!({"blocklist": ["touch *"], "allowlist": ["touch *", "echo *", "id"]}).to_string();
    std::fs::write(&path, &written).unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let pwned = sshd.home("pwned");
    let touch = format!("touch {pwned}");
    let run = async |cmd: &str| client.exec("web1", cmd).await;
    let changes: [&dyn Fn(); 7] = [
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::write(&path, "").unwrap(),
        &|| std::fs::write(&path, " \n\t").unwrap(),
        &|| std::fs::write(&path, &written[..written.len() / 2]).unwrap(),
        &|| std::fs::write(&path, "null").unwrap(),
        &|| std::fs::write(&path, "[]").unwrap(),
        &|| std::fs::write(&path, r#"{"blocklist": ["-r"]}"#).unwrap(),
    ];
    for change in changes {
        change();
        let there = std::fs::read(&path).ok();
        let refused = run(&touch).await;
        let said = texts(&refused);
        assert_blocked(refused, "touch *", &touch);
        assert!(
            said.contains("policies.json") && said.contains("still hold"),
            "{said}"
        );
        // It is said once, and then by those that are asked.
        assert!(!texts(&run("echo one").await.ok()).contains("Note"));
        // What the allow list does not have stays refused.
        let refused = run("uname").await;
        assert!(!texts(&refused).contains("Note"));
        refused.error("POLICY_BLOCKED");
        let listed = client.call("policy_blocklist_list", json!({})).await.ok();
        assert_eq!(listed.facts()["blocklist"], json!(["touch *"]));
        assert!(
            listed.facts()["problem"]
                .as_str()
                .unwrap()
                .contains("policies.json")
        );
        let state = client.call("system_diagnostics", json!({})).await.ok();
        assert!(state.facts()["warnings"].to_string().contains("still hold"));
        // Rules that are not in the file are not written away.
        if there
            .as_ref()
            .is_none_or(|there| !there.starts_with(b"{\"blocklist\": [\"-r"))
        {
            let rule = json!({"pattern": "id"});
            client
                .call("policy_blocklist_add", rule)
                .await
                .error("STORAGE_ERROR");
        }
        assert_eq!(std::fs::read(&path).ok(), there);
        std::fs::write(&path, &written).unwrap();
        let listed = client.call("policy_blocklist_list", json!({})).await.ok();
        assert_eq!(listed.facts().get("problem"), None);
    }
    // Others that can be read are taken.
    std::fs::write(&path, r#"{"blocklist": ["echo *"]}"#).unwrap();
    run("id -un").await.ok();
    run("echo one").await.error("POLICY_BLOCKED");
    // A process that begins with an empty file knows no rules, and lets nothing run.
    std::fs::write(&path, "\n").unwrap();
    let fresh = Client::in_process(data.path(), |_| {}).await;
    let error = fresh.exec("web1", "true").await.error("STORAGE_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("it is empty"),
        "{error}"
    );
    assert!(!Path::new(&pwned).exists());
}
