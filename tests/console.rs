//! The commands of a person at a terminal, beside the programs that serve the data directory.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::helper::{Client, Fixture, PASSWORD, Sshd, binary, directory, eventually, terminal};

/// The output of a command, and its exit status.
struct ConsoleOutput {
    status: i32,
    out: String,
    err: String,
}

impl ConsoleOutput {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        assert_eq!(self.err, "");
        self.out
    }

    /// The lines, each a JSON object.
    #[track_caller]
    fn objects(self) -> Vec<Value> {
        let text = self.ok();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

async fn say(data: &Path, line: &str) -> ConsoleOutput {
    let output = binary()
        .arg(format!("--data-dir={}", data.display()))
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    ConsoleOutput {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts a task that goes on, and returns its ID.
async fn begin(fixture: &Fixture, cmd: &str) -> String {
    let begun = fixture.background(cmd).await;
    begun.facts()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_task_of_another_program_is_seen_shown_and_stopped() {
    let fixture = Fixture::start().await;
    let data = fixture.data.path();
    fixture.exec("echo earlier; exit 3").await;
    let id = begin(&fixture, "echo begun; echo careful >&2; sleep 60").await;

    let listed = say(data, "tasks").await.ok();
    let first = listed.lines().next().unwrap();
    assert!(first.starts_with(&format!("{id}  running ")), "{listed}");
    assert!(
        first.contains("web1") && first.ends_with("sleep 60"),
        "{listed}"
    );
    assert!(!listed.contains('\x1b'), "no terminal, no colours");
    let rows = say(data, "tasks --json").await.objects();
    assert_eq!(
        (&rows[0]["id"], &rows[0]["status"]),
        (&json!(id), &json!("running"))
    );

    let path = data.join(format!("output/{id}.stderr"));
    eventually("it has printed", || path.exists()).await;
    let shown = say(data, &format!("show {id}")).await.ok();
    assert!(
        shown.starts_with(&format!("{id} on web1: running\n")),
        "{shown}"
    );
    assert!(
        shown.contains("--- stdout ---\nbegun\n--- stderr ---\ncareful\n"),
        "{shown}"
    );

    let stopped = say(data, &format!("cancel {id}")).await.ok();
    assert!(stopped.starts_with("cancelled after "), "{stopped}");
    let row = say(data, "tasks --json").await.objects().remove(0);
    assert_eq!(row["status"], "cancelled", "{row}");
    let calls = say(data, "audit show --tool task_cancel --json")
        .await
        .objects();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(
        (&calls[0]["arguments"]["id"], &calls[0]["outcome"]),
        (&json!(id), &json!("cancelled"))
    );
}

#[tokio::test]
async fn a_change_is_undone_after_a_look() {
    let fixture = Fixture::start().await;
    let (data, path) = (fixture.data.path(), fixture.there("file"));
    std::fs::write(&path, "old").unwrap();
    let arguments = json!({"alias": "web1", "path": path, "content": "new"});
    let changed = fixture.client.call("file_write", arguments).await.ok();
    let id = changed.facts()["id"].as_str().unwrap();
    let looked = say(data, &format!("undo {id} --dry-run")).await.ok();
    assert!(
        looked.starts_with("dry run, nothing was changed"),
        "{looked}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    let undone = say(data, &format!("undo {id}")).await.ok();
    assert!(undone.starts_with("1 file restored"), "{undone}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[tokio::test]
async fn the_trail_reads_well() {
    let fixture = Fixture::start().await;
    let data = fixture.data.path();
    fixture.exec("echo one; exit 3").await;
    fixture.exec("echo two").await;
    let all = say(data, "audit show").await.ok();
    let calls: Vec<_> = all.lines().collect();
    assert!(calls[0].contains("  server_add  web1  ok"), "{all}");
    assert!(
        calls[1].contains("  failed 3  ") && calls[1].ends_with("echo one; exit 3"),
        "{all}"
    );
    assert!(!all.contains(PASSWORD), "{all}");
    let with_output = say(data, "audit show --tool task_exec --limit 1 --output")
        .await
        .ok();
    assert!(
        with_output.ends_with("echo two\n    two\n"),
        "{with_output}"
    );
    for none in ["--alias web2", "--tool undo", "--limit 0"] {
        assert_eq!(
            say(data, &format!("audit show {none}")).await.ok(),
            "no calls\n"
        );
    }
    let later = say(data, "audit show --since 1h --alias web1 --json")
        .await
        .objects();
    assert_eq!(later.len(), 3);
    assert!(
        later
            .iter()
            .all(|call| call.get("previous").is_none() && call["endedAt"].is_string())
    );
}

/// Looking is no reason to take over what a program has left behind.
#[tokio::test]
async fn looking_changes_nothing() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    for detach in [false, true] {
        let arguments =
            json!({"alias": "web1", "cmd": "sleep 30", "background": true, "detach": detach});
        client.call("task_exec", arguments).await.ok();
    }
    client.kill().await;
    let before = std::fs::read(data.path().join("queue.json")).unwrap();
    let rows = say(data.path(), "tasks --json").await.objects();
    let statuses: Vec<_> = rows
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["running", "crashed"], "the detached one goes on");
    for line in ["tasks", "audit show"] {
        say(data.path(), line).await.ok();
    }
    let after = std::fs::read(data.path().join("queue.json")).unwrap();
    assert_eq!(before, after);
    let stopped = say(
        data.path(),
        &format!("cancel {}", rows[0]["id"].as_str().unwrap()),
    )
    .await
    .ok();
    assert!(stopped.starts_with("cancelled"), "{stopped}");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let data = directory();
    let missing = data.path().join("missing");
    let said = say(&missing, "tasks").await;
    assert_eq!(said.status, 1);
    assert!(
        said.err.contains("there is no data directory yet"),
        "{}",
        said.err
    );
    assert!(!missing.exists());
    assert_eq!(say(data.path(), "tasks").await.ok(), "no tasks\n");
    assert_eq!(say(data.path(), "audit show").await.ok(), "no calls\n");
    let said = say(data.path(), "show deadbeef").await;
    assert_eq!(said.status, 1);
    assert!(
        said.err.contains("task `deadbeef` is not known"),
        "{}",
        said.err
    );
    let said = say(data.path(), "cancel deadbeef").await;
    assert_eq!(said.status, 1);
    assert!(
        said.out.starts_with("task `deadbeef` is not known\n→ "),
        "{}",
        said.out
    );
}

#[tokio::test]
async fn tasks_and_calls_are_followed() {
    let fixture = Fixture::start().await;
    let mut streams = Vec::new();
    for command in [&["tasks", "--follow"][..], &["audit", "show", "--follow"]] {
        let mut child = binary()
            .arg(format!("--data-dir={}", fixture.data.path().display()))
            .args(command)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        streams.push((child, lines));
    }
    let first = streams[1].1.next_line().await.unwrap().unwrap();
    assert!(first.contains("server_add"), "{first}");
    let id = begin(&fixture, "echo followed").await;
    let ends = [format!("{id}  completed"), "task_exec".to_owned()];
    for ((_, lines), end) in streams.iter_mut().zip(ends) {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), lines.next_line());
            let line = next.await.expect("a line comes").unwrap().unwrap();
            if line.contains(&end) {
                assert!(line.contains("echo followed"), "{line}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_terminal_has_colours_unless_they_are_not_wanted() {
    let fixture = Fixture::start().await;
    fixture.exec("true").await;
    for (unwanted, has_colours) in [("", true), ("1", false)] {
        let (mut near, far) = terminal();
        let status = binary()
            .arg(format!("--data-dir={}", fixture.data.path().display()))
            .arg("tasks")
            .env("NO_COLOR", unwanted)
            .env("TERM", "xterm")
            .stdout(far)
            .status()
            .await
            .unwrap();
        assert!(status.success());
        let mut bytes = [0; 4096];
        let length = near.read(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]);
        assert_eq!(text.contains('\x1b'), has_colours, "{text}");
    }
}

#[tokio::test]
async fn shells_complete_its_commands_and_the_manual_names_them() {
    let data = directory();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let completions = say(data.path(), &format!("completions {shell}")).await.ok();
        for word in ["cancel", "follow", "data-dir"] {
            assert!(completions.contains(word), "{shell}: {word}");
        }
    }
    let manual = say(data.path(), "man").await.ok();
    assert!(manual.contains(".TH mcp-sftp-orchestrator 1"), "{manual}");
    for word in [
        "COMMAND UNDO",
        "COMMAND AUDIT SHOW",
        "MCP_DATA_DIR",
        "\\-\\-follow",
    ] {
        assert!(manual.contains(word), "{word}");
    }
}

/// A program's screen, at a terminal of 100 columns and 40 lines.
struct LiveScreen {
    terminal: std::fs::File,
    screen: Arc<Mutex<vt100::Parser>>,
    process: tokio::process::Child,
}

impl LiveScreen {
    fn of(data: &Path, command: &str) -> Self {
        let (terminal, far) = terminal();
        let size = rustix::termios::Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&far, size).unwrap();
        let process = binary()
            .arg(format!("--data-dir={}", data.display()))
            .arg(command)
            .env("TERM", "xterm")
            .stdin(far.try_clone().unwrap())
            .stdout(far)
            .spawn()
            .unwrap();
        let [rows, columns] = [40, 100].map(|size| NonZero::new(size).unwrap());
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (mut near, shown) = (terminal.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = near.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..length]);
            }
        });
        Self {
            terminal,
            screen,
            process,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    async fn shows(&self, part: &str) {
        eventually(part, || self.text().contains(part)).await;
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_live_screen_shows_answers_and_stops() {
    let fixture = Fixture::start().await;
    let data = fixture.data.path();
    let id = begin(&fixture, "while :; do echo ticking; sleep 0.2; done").await;
    let asked = json!({"aaaa0001": {"question": "restart it?", "details": "+new line",
        "askedAt": chrono::Utc::now().to_rfc3339()}});
    let approvals = data.join("approvals.json");
    std::fs::write(&approvals, asked.to_string()).unwrap();
    let mut live = LiveScreen::of(data, "watch");
    for part in [
        &*id,
        "running",
        "ticking",
        "restart it?",
        "+new line",
        "load ",
    ] {
        live.shows(part).await;
    }
    // A key that was meant for something else answers nothing.
    live.press("y");
    live.press("\t");
    live.shows("y yes, n no").await;
    assert!(
        crate::helper::read_json(&approvals)["aaaa0001"]
            .get("answer")
            .is_none()
    );
    live.press("y");
    eventually("it is answered", || {
        crate::helper::read_json(&approvals)["aaaa0001"]["answer"] == "yes"
    })
    .await;
    live.press("s");
    live.shows(&format!("Stop task {id}?")).await;
    live.press("y");
    live.shows("cancelled").await;
    live.press("S");
    live.shows("let nothing new begin?").await;
    live.press("y");
    live.shows("HELD by").await;
    fixture.exec("true").await.error("HELD");
    live.press("R");
    live.shows("begin again?").await;
    live.press("y");
    eventually("it is released", || !live.text().contains("HELD by")).await;
    live.press("q");
    let ended = tokio::time::timeout(Duration::from_secs(20), live.process.wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
}
