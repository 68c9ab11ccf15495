//! The audit trail: a line for each call that acts, and what shows that nobody has changed one.

use std::path::PathBuf;

use mcp_sftp_orchestrator::hex::digits;
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::helper::{Folder, RawProcess, Sshd, binary, directory, sha256, text};

/// Tools that look at nothing but what is known here.
const READING: [&str; 12] = [
    "api_list",
    "policy_blocklist_list",
    "pool_stats",
    "queue_stats",
    "server_list",
    "system_diagnostics",
    "task_history",
    "task_logs",
    "task_output",
    "task_queue",
    "task_status",
    "task_wait",
];

struct Scene {
    data: Folder,
    place: Folder,
}

impl Scene {
    fn set() -> Self {
        Self {
            data: directory(),
            place: directory(),
        }
    }

    async fn serve(&self, settings: &[(&str, &str)]) -> RawProcess {
        RawProcess::serving(self.data.path(), settings, &self.log()).await
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("stderr")
    }

    fn trail(&self) -> PathBuf {
        self.data.path().join("audit.jsonl")
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.trail()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The exit status of `audit verify`, and what it says.
    async fn verify(&self) -> (Option<i32>, String) {
        let output = binary()
            .arg(format!("--data-dir={}", self.data.path().display()))
            .args(["audit", "verify"])
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}

#[tokio::test]
async fn a_line_says_who_did_what_where_and_what_came_of_it() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let failing = json!({"alias": "web1", "cmd": "exit 3"});
    let failed = server.tool("task_exec", failing.clone()).await.ok();
    let detached = json!({"alias": "web1", "cmd": "sleep 1", "detach": true});
    let detached = server.tool("task_exec", detached).await.ok();
    let refused = json!({"alias": "web1", "cmd": "true; crontab -r"});
    server
        .tool("task_exec", refused)
        .await
        .error("POLICY_BLOCKED");
    let unknown = json!({"alias": "none", "cmd": "true"});
    server
        .tool("task_exec", unknown)
        .await
        .error("UNKNOWN_ALIAS");
    let misspelt =
        json!({"alias": "web1", "cmd": "true", "pass-word": "Zq-misspelt", "timeout": "x"});
    server
        .tool("task_exec", misspelt)
        .await
        .error("INVALID_ARGUMENT");
    let none = json!({
        "alias": "web1", "direction": "upload", "local": text(&scene.place.path().join("none")), "remote": "x",
    });
    server
        .tool("task_transfer", none)
        .await
        .error("TRANSFER_FAILED");
    let one = json!({"alias": "web1"});
    server.tool("get_system_resources", one).await.ok();

    let lines = scene.lines();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["tool"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let live = detached.facts()["status"].as_str().unwrap();
    assert_eq!(
        told,
        [
            ("server_add", "ok"),
            ("task_exec", "failed"),
            ("task_exec", live),
            ("task_exec", "POLICY_BLOCKED"),
            ("task_exec", "UNKNOWN_ALIAS"),
            ("task_exec", "INVALID_ARGUMENT"),
            ("task_transfer", "failed"),
            ("get_system_resources", "ok"),
        ]
    );
    let exec = &lines[1];
    assert_eq!(
        (
            &exec["alias"],
            &exec["arguments"],
            &exec["exitCode"],
            &exec["job"]
        ),
        (&json!("web1"), &failing, &json!(3), &failed.facts()["id"])
    );
    assert_eq!(
        exec["digest"],
        digits(&sha256(failing.to_string().as_bytes()))
    );
    assert!(exec["time"].as_str().unwrap().ends_with('Z') && exec["durationMs"].is_u64());
    let known = fingerprint(&sshd.home("host.pub")).await;
    assert_eq!(exec["hostKey"], known);
    // Nothing had been asked of the server yet, or ever was.
    assert_eq!(
        (&lines[0]["hostKey"], &lines[4]["hostKey"]),
        (&Value::Null, &Value::Null)
    );
    assert!(lines[0]["job"].is_null() && lines[6]["job"].is_string());
    assert_eq!(lines[5]["arguments"]["pass-word"], "***");
    assert!(
        !std::fs::read_to_string(scene.trail())
            .unwrap()
            .contains("Zq-misspelt")
    );
}

/// The fingerprint of a public key.
async fn fingerprint(path: &str) -> String {
    let shown = tokio::process::Command::new("ssh-keygen")
        .args(["-l", "-f", path])
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn whatever_acts_is_told_of_also_where_it_is_refused() {
    let scene = Scene::set();
    let mut server = scene.serve(&[("MCP_READONLY", "true")]).await;
    let tools: Vec<Tool> = server.tools().await;
    let mut acting = Vec::new();
    for tool in &tools {
        server
            .tool(&tool.name, json!({"nonsense": 1}))
            .await
            .error("INVALID_ARGUMENT");
        if !READING.contains(&tool.name.as_ref()) {
            acting.push(tool.name.to_string());
        }
    }
    assert_eq!(acting.len() + READING.len(), tools.len());
    let told: Vec<_> = scene
        .lines()
        .iter()
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, acting);
    let add = json!({"alias": "a", "host": "h", "user": "u", "password": "p"});
    server.tool("server_add", add).await.error("READ_ONLY");
    assert_eq!(scene.lines().last().unwrap()["outcome"], "READ_ONLY");
}

#[tokio::test]
async fn verify_finds_what_was_changed_or_taken_out() {
    let scene = Scene::set();
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("0 lines")),
        (Some(0), true),
        "{said}"
    );
    let mut server = scene.serve(&[]).await;
    for name in ["one", "two", "three", "four"] {
        let remove = json!({"alias": name});
        server
            .tool("server_remove", remove)
            .await
            .error("UNKNOWN_ALIAS");
    }
    let whole = std::fs::read_to_string(scene.trail()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let last = digits(&sha256(lines[3].as_bytes()));
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("4 lines in 1 files are in order") && said.contains(&last),
        "{said}"
    );

    let without = |gone: usize| {
        let rest = lines.iter().enumerate().filter(|(index, _)| *index != gone);
        rest.flat_map(|(_, line)| [line, "\n"]).collect::<String>()
    };
    for (text, place) in [
        (whole.replacen("\"two\"", "\"too\"", 1), "audit.jsonl:3"),
        (whole.replacen("UNKNOWN_ALIAS", "ok", 1), "audit.jsonl:2"),
        (without(0), "audit.jsonl:1"),
        (without(2), "audit.jsonl:3"),
        (format!("{whole}{{}}\n"), "audit.jsonl:5"),
    ] {
        std::fs::write(scene.trail(), text).unwrap();
        let (status, said) = scene.verify().await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(place), "{said}");
    }
    // What is cut off at the end shows in the last line's hash alone.
    std::fs::write(scene.trail(), without(3)).unwrap();
    let (status, said) = scene.verify().await;
    assert_eq!((status, said.contains(&last)), (Some(0), false), "{said}");
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    const EACH: usize = 20;
    let scene = Scene::set();
    let (mut one, mut other) = tokio::join!(scene.serve(&[]), scene.serve(&[]));
    let calls = async |server: &mut RawProcess| {
        for number in 0..EACH {
            let remove = json!({"alias": format!("none-{number}")});
            server
                .tool("server_remove", remove)
                .await
                .error("UNKNOWN_ALIAS");
        }
    };
    tokio::join!(calls(&mut one), calls(&mut other));
    assert_eq!(scene.lines().len(), 2 * EACH);
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_stops_no_call_and_is_said() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let kept = std::fs::read(scene.trail()).unwrap();
    let run = json!({"alias": "web1", "cmd": "echo done"});
    for (make, reason) in [
        ("a full disk", "No space left"),
        ("a directory", "Is a directory"),
    ] {
        std::fs::remove_file(scene.trail()).unwrap();
        if make == "a directory" {
            std::fs::create_dir(scene.trail()).unwrap();
        } else {
            std::os::unix::fs::symlink("/dev/full", scene.trail()).unwrap();
        }
        let answer = server.tool("task_exec", run.clone()).await.ok();
        assert_eq!(answer.facts()["output"], "done");
        let said = std::fs::read_to_string(scene.log()).unwrap();
        assert!(
            said.contains("a call of task_exec is missing in the audit trail")
                && said.contains(reason),
            "{said}"
        );
        if make == "a directory" {
            std::fs::remove_dir(scene.trail()).unwrap();
        } else {
            std::fs::remove_file(scene.trail()).unwrap();
        }
        std::fs::write(scene.trail(), &kept).unwrap();
    }
    server.tool("task_exec", run).await.ok();
    assert_eq!(scene.lines().len(), 2);
    assert_eq!(scene.verify().await.0, Some(0));
}
