//! Commands at a terminal with which their server goes on: their prompts, what is typed at them, and their ends.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::search::{Search, Watch};
use crate::helper::{
    Answer, BackgroundScene, Client, Sshd, eventually, eventually_so, is_still, text, type_in,
};

const TOOL: &str = "task_exec_interactive";

/// A dialogue for any POSIX shell.
const DIALOGUE: &str = "printf 'Name: '; read -r n; printf 'Sure, %s? ' \"$n\"; read -r s; echo \"$n said $s\"; exit 3";

/// Begins a command to which nobody says yes.
async fn begin(scene: &BackgroundScene, cmd: &str, more: Value) -> Answer {
    let mut work = json!({"cmd": cmd, "autoRespond": false});
    let more = more.as_object().unwrap().clone();
    work.as_object_mut().unwrap().extend(more);
    let begun = scene.begin(TOOL, work).await;
    assert!(
        begun.text().contains("goes on detached"),
        "{}",
        begun.text()
    );
    begun
}

/// Waits until a task waits at a prompt.
async fn waits_at(client: &Client, task: &Answer, prompt: &str) -> Answer {
    let waited = client.wait(&task.facts()["id"]).await.ok();
    let said = format!("waiting at: {prompt} (task_input");
    assert!(waited.text().contains(&said), "{}", waited.text());
    waited
}

/// The directory of the only task on the server.
fn place(scene: &BackgroundScene) -> PathBuf {
    let places = scene.sshd.directory.path().join(".mcp-sftp-orchestrator");
    let mut entries = std::fs::read_dir(places).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// An sshd whose commands find every program of this machine but some.
fn sshd_without(names: &'static [&'static str]) -> Sshd {
    Sshd::prepared(|path| {
        let folder = path.join("bin");
        std::fs::create_dir(&folder).unwrap();
        for place in ["/usr/bin", "/bin"] {
            for entry in std::fs::read_dir(place).unwrap().flatten() {
                let name = entry.file_name();
                let is_left_out = |left_out: &&str| name.to_string_lossy().starts_with(*left_out);
                if !names.iter().any(is_left_out) {
                    // Both places may be the same one.
                    let _ = std::os::unix::fs::symlink(entry.path(), folder.join(name));
                }
            }
        }
        format!("SetEnv PATH={}", text(&folder))
    })
}

#[tokio::test]
async fn a_dialogue_outlives_this_program() {
    let scene = BackgroundScene::new().await;
    let cmd = format!("tty >/dev/null && printf '\\033[1mbold\\033[0m\\n'; {DIALOGUE}");
    let task = begin(&scene, &cmd, json!({})).await;
    assert!(
        task.text().contains("tail -f ~/.mcp-sftp-orchestrator/"),
        "{}",
        task.text()
    );
    waits_at(&scene.client, &task, "Name:").await;
    let next = type_in(&scene.client, &task, json!({"text": "bob"})).await;
    next.ok()
        .has(&json!({"state": "waiting", "prompt": "Sure, bob?", "output": ""}));
    let scene = scene.replace_client().await;
    waits_at(&scene.client, &task, "Sure, bob?").await;
    let done = type_in(&scene.client, &task, json!({"text": "yes"})).await;
    done.ok()
        .has(&json!({"state": "done", "exitCode": 3, "output": "bob said yes"}));
    let ended = scene.end_of(&task).await;
    let whole = "bold\nName: bob\nSure, bob? yes\nbob said yes";
    ended.has(&json!({"status": "failed", "output": whole, "detach": true, "interactive": true}));
    scene.is_cleared_away().await;
    let late = type_in(&scene.client, &task, json!({"text": "x"})).await;
    late.error("INVALID_ARGUMENT");
}

#[tokio::test]
async fn every_login_shell_has_its_terminal() {
    for (shell, cmd) in [
        (
            "bash",
            "a=(1 2); stty size; read -r -p 'Name: ' n; exit ${#a[@]}",
        ),
        ("dash", "stty size; printf 'Name: '; read -r n; exit 2"),
        ("zsh", "a=(1 2); stty size; read -r 'n?Name: '; exit $#a"),
        ("ash", "stty size; read -r -p 'Name: ' n; exit 2"),
        (
            "fish",
            "stty size; read -P 'Name: ' n; and exit (count 1 2)",
        ),
    ] {
        let shells = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(shell));
        let mut found = shells.into_iter().find(|path| path.exists());
        if shell == "ash" {
            found = Some("/usr/bin/busybox".into()).filter(|path: &PathBuf| path.exists());
        }
        let Some(found) = found else {
            eprintln!("not run with {shell}: it is not there");
            continue;
        };
        let sshd = Sshd::prepared(|path| {
            // busybox finds by its name what it is.
            let link = path.join(shell);
            std::os::unix::fs::symlink(&found, &link).unwrap();
            let link = text(&link);
            format!("SetEnv SHELL={link}\nForceCommand exec {link} -c \"$SSH_ORIGINAL_COMMAND\"")
        });
        let scene = BackgroundScene::on(sshd).await;
        let task = begin(&scene, cmd, json!({})).await;
        waits_at(&scene.client, &task, "Name:").await;
        type_in(&scene.client, &task, json!({"text": "bob"}))
            .await
            .ok();
        let ended = scene.end_of(&task).await;
        ended.has(&json!({"exitCode": 2}));
        let output = ended.facts()["output"].as_str().unwrap();
        assert!(output.contains("50 250"), "{shell}: {output}");
    }
}

#[tokio::test]
async fn each_program_that_gives_a_terminal_does() {
    let of_this_machine = "exec /usr/bin/script -qefc";
    let plain =
        format!("[ \"$1\" = -qc ] && {of_this_machine} \"$2\" /dev/null; echo usage >&2; exit 1");
    let bsd = format!(
        "[ \"$1 $2 $3\" = '-q /dev/null sh' ] && {of_this_machine} \"$5\" /dev/null; echo usage >&2; exit 1"
    );
    for script in ["exec /usr/bin/script \"$@\"", &plain, &bsd, "exit 1"] {
        let scene = BackgroundScene::on(Sshd::with_programs(&[("script", script)], "")).await;
        let task = begin(&scene, DIALOGUE, json!({})).await;
        waits_at(&scene.client, &task, "Name:").await;
        type_in(&scene.client, &task, json!({"text": "bob"}))
            .await
            .ok();
        let done = type_in(&scene.client, &task, json!({"text": "yes"})).await;
        done.ok().has(&json!({"exitCode": 3}));
        // The keys that end a command do, what it leaves ends with its terminal, and pipes break as elsewhere.
        let process = scene.sshd.home("process");
        let cmd =
            format!("yes | head -n 1; sleep 600 & echo $! >{process}; printf 'Name: '; read -r n");
        let task = begin(&scene, &cmd, json!({})).await;
        waits_at(&scene.client, &task, "Name:").await;
        let stopped = type_in(&scene.client, &task, json!({"key": "ctrl-c"})).await;
        stopped.ok().has(&json!({"state": "done", "exitCode": 130}));
        let ended = scene.end_of(&task).await;
        ended.has(&json!({"leftRunning": true}));
        assert!(
            ended.text().contains("ended with its terminal"),
            "{}",
            ended.text()
        );
        let process = std::fs::read_to_string(process).unwrap();
        let status = format!("/proc/{}/status", process.trim());
        eventually("what it left ends", || {
            // Its new parent may not have taken its status yet.
            std::fs::read_to_string(&status).map_or(true, |status| status.contains("(zombie)"))
        })
        .await;
    }
}

#[tokio::test]
async fn where_nothing_gives_a_terminal_that_is_said() {
    let scene = BackgroundScene::on(sshd_without(&["script", "python3"])).await;
    let begun = scene.sshd.home("begun");
    let refused = json!({"alias": "web1", "cmd": format!("touch {begun}"), "detach": true});
    let refused = scene.client.call(TOOL, refused).await;
    let error = refused.error("DETACH_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("install script (package bsdutils or util-linux)"),
        "{reason}"
    );
    assert!(!Path::new(&begun).exists());
    let attached = scene
        .begin(TOOL, json!({"cmd": DIALOGUE, "responses": {"Name": "bob"}}))
        .await;
    assert!(
        attached
            .text()
            .contains("ends with this program: its server cannot run it detached (nothing there"),
        "{}",
        attached.text()
    );
    waits_at(&scene.client, &attached, "Sure, bob?").await;
    let done = type_in(&scene.client, &attached, json!({"text": "yes"})).await;
    done.ok().has(&json!({"exitCode": 3}));
    let in_channel = json!({"cmd": "sleep 60", "detach": false});
    let in_channel = scene.begin(TOOL, in_channel).await;
    assert!(
        in_channel.text().contains("ends with this program."),
        "{}",
        in_channel.text()
    );
    let id = json!({"id": in_channel.facts()["id"]});
    scene.client.call("task_cancel", id).await.ok();
    let none = scene
        .begin(TOOL, json!({"cmd": "sleep 60", "interactive": false}))
        .await;
    assert!(none.text().contains("goes on detached"), "{}", none.text());
    let id = json!({"id": none.facts()["id"]});
    scene.client.call("task_cancel", id).await.ok();
}

#[tokio::test]
async fn all_below_the_terminal_is_cancelled_by_a_later_process() {
    let scene = BackgroundScene::new().await;
    let alive = scene.sshd.home("alive");
    let cmd = format!(
        "timeout 600 sh -c 'while :; do date +%N >{alive}; sleep 0.1; done' & \
         sh -c \"trap '' TERM HUP; while :; do sleep 0.1; done\" & printf 'Name: '; read -r n"
    );
    let task = begin(&scene, &cmd, json!({})).await;
    eventually("it runs", || Path::new(&alive).exists()).await;
    let scene = scene.replace_client().await;
    let id = json!({"id": task.facts()["id"]});
    let cancelled = scene.client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"status": "cancelled", "process": "stopped"}));
    assert!(is_still(&alive).await, "a child goes on");
    scene.is_cleared_away().await;
}

#[tokio::test]
async fn its_timeout_holds_without_anybody_watching() {
    let scene = BackgroundScene::new().await;
    let task = begin(&scene, DIALOGUE, json!({"timeout": 1})).await;
    let place = place(&scene);
    scene.client.kill().await;
    eventually("the server ends it", || place.join("status").exists()).await;
    let client = Client::spawned(scene.data.path(), &[]).await;
    let late = client.wait(&task.facts()["id"]).await;
    let error = late.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with("it was waiting at: Name: "), "{message}");
}

#[tokio::test]
async fn what_is_typed_at_a_terminal_stands_nowhere() {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let stored = "Zq7-stored-marble";
    let answer = "Zq7-answer-fjord";
    let clear = "Zq7-typed-otter";
    let search = || Search::of(&[("stored", stored), ("answer", answer), ("typed", clear)]);
    let mut scene = BackgroundScene::new().await;
    let mut login = scene.sshd.login("web1");
    login["password"] = stored.into();
    scene.client.register(login).await;
    let watch = Watch::begin(search());
    let ask = |name: &str| format!("read -r -s -p '{name} password: ' p; echo; echo ${{#p}}; ");
    let cmd = ["First", "Second", "Third"].map(ask).concat();
    let responses = json!({"responses": {"First password": answer}});
    let task = begin(&scene, &cmd, responses).await;
    waits_at(&scene.client, &task, "Second password:").await;
    let input = std::fs::metadata(place(&scene).join("input")).unwrap();
    assert!(input.file_type().is_fifo() && input.mode() & 0o777 == 0o600);
    let secret = json!({"secret": "server:web1/password"});
    let next = type_in(&scene.client, &task, secret).await.ok();
    next.has(&json!({"state": "waiting", "output": "17"}));
    let left = scene.sshd.directory.path();
    let files = [
        "stdout", "stderr", "command", "typed", "process", "problem", "tried", "terminal",
    ]
    .map(|name| std::fs::read(place(&scene).join(name)).unwrap())
    .concat();
    assert_eq!(search().found(&files), [""; 0], "{}", left.display());
    type_in(&scene.client, &task, json!({"text": clear}))
        .await
        .ok();
    let ended = scene.end_of(&task).await;
    let output = "First password: \n16\nSecond password: \n17\nThird password: \n15";
    ended.has(&json!({"exitCode": 0, "output": output}));
    assert_eq!(watch.end(), [""; 0]);

    // A command that prints them.
    let shows =
        "read -r -p 'First password: ' p; read -r -s -p 'Second password: ' q; echo \"$p$q\"";
    let responses = json!({"responses": {"password": answer}});
    let task = begin(&scene, shows, responses).await;
    let ended = scene.end_of(&task).await;
    let stars = "*".repeat(16);
    let output = format!("First password: {stars}\nSecond password: {stars}{stars}");
    ended.has(&json!({"exitCode": 0, "output": output}));
    // The end of a process puts all that is recorded on disk.
    scene = scene.replace_client().await;
    scene.client.leave().await;
    assert_eq!(search().found_in_files(scene.data.path()), [""; 0]);
}

#[tokio::test]
async fn answers_are_given_while_this_program_follows_it_and_by_the_next() {
    let scene = BackgroundScene::new().await;
    let (first, go) = (scene.sshd.home("first"), scene.sshd.home("go"));
    let cmd = format!(
        "printf 'Install? '; read -r a; echo \"got=$a\" | tee {first}; until [ -e {go} ]; do sleep 0.1; done; \
         printf 'Go on? '; read -r b; printf 'Token: '; read -r t; echo \"$b $t.\"; printf 'Proceed? [Y/n] '; \
         read -r c; echo \"$c\"; exit 4"
    );
    let responses = json!({"Install": "n", "Go on": "yes", "Token": "Zq7-token"});
    let more = json!({"autoRespond": true, "responses": responses});
    let task = begin(&scene, &cmd, more).await;
    eventually("the first is answered", || {
        std::fs::read_to_string(&first).is_ok_and(|text| text == "got=n\n")
    })
    .await;
    let scene = scene.replace_client().await;
    std::fs::write(go, "").unwrap();
    let waiting = waits_at(&scene.client, &task, "Token:").await;
    assert!(
        waiting
            .text()
            .contains("types into it; the secret answers of the call are not known any more)"),
        "{}",
        waiting.text()
    );
    let done = type_in(&scene.client, &task, json!({"text": "other"})).await;
    done.ok().has(&json!({"exitCode": 4}));
    let ended = scene.end_of(&task).await;
    let output = ended.facts()["output"].as_str().unwrap();
    assert!(output.ends_with("Proceed? [Y/n] y\ny"), "{output}");
    assert!(output.contains("\nGo on? yes\n"), "{output}");
}

#[tokio::test]
async fn no_process_answers_what_another_has_answered() {
    let scene = BackgroundScene::new().await;
    let (answered, go) = (scene.sshd.home("answered"), scene.sshd.home("go"));
    // Nothing shows that the answer was typed.
    let cmd = format!(
        "read -r -s -p 'Go on? ' a; touch {answered}; until [ -e {go} ]; do sleep 0.1; done; echo; \
         read -r -t 1 -p 'Name: ' b; echo \"typed=$b\""
    );
    let task = begin(&scene, &cmd, json!({"responses": {"Go on": "yes"}})).await;
    eventually("it is answered", || Path::new(&answered).exists()).await;
    let scene = scene.replace_client().await;
    // Long enough for a second answer.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let id = json!({"id": task.facts()["id"]});
    let status = scene.client.call("task_status", id).await.ok();
    assert!(!status.text().contains("waiting at"), "{}", status.text());
    std::fs::write(go, "").unwrap();
    let ended = scene.end_of(&task).await;
    let output = ended.facts()["output"].as_str().unwrap();
    assert!(output.ends_with("Name: typed="), "{output}");
}

#[tokio::test]
async fn a_prompt_that_comes_back_for_ever_is_left_there_too() {
    let scene = BackgroundScene::new().await;
    let counted = scene.sshd.home("counted");
    let cmd = format!("while :; do read -r -s -p 'Password: ' p; echo; echo >>{counted}; done");
    let task = begin(&scene, &cmd, json!({"responses": {"Password": "wrong"}})).await;
    waits_at(&scene.client, &task, "Password:").await;
    let asked = std::fs::read_to_string(counted).unwrap();
    assert_eq!(asked.lines().count(), 10);
    let id = json!({"id": task.facts()["id"]});
    let cancelled = scene.client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"status": "cancelled"}));
}

#[tokio::test]
async fn what_cannot_be_typed_is_said_and_is_typed_once_at_most() {
    let mut scene = BackgroundScene::new().await;
    let task = begin(&scene, DIALOGUE, json!({})).await;
    waits_at(&scene.client, &task, "Name:").await;
    scene.sshd.kill();
    let lost = type_in(&scene.client, &task, json!({"text": "lost"})).await;
    let error = lost.error("CONNECTION_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.ends_with("; nothing was typed"), "{reason}");
    scene.sshd.restart();
    waits_at(&scene.client, &task, "Name:").await;
    let next = type_in(&scene.client, &task, json!({"text": "bob"})).await;
    next.ok().has(&json!({"prompt": "Sure, bob?"}));
    let done = type_in(&scene.client, &task, json!({"text": "yes"})).await;
    done.ok()
        .has(&json!({"output": "bob said yes", "exitCode": 3}));

    // Nobody reads: the pipe holds 64 KiB.
    let task = begin(&scene, "printf 'Name: '; stty raw; read -r n", json!({})).await;
    waits_at(&scene.client, &task, "Name:").await;
    let place = place(&scene);
    let reads = |entry: &std::fs::DirEntry| {
        let path = entry.path();
        let is_script =
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "script\n");
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        is_script && environment.contains(place.to_str().unwrap())
    };
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
    let script = processes.find(reads).unwrap().file_name();
    let signal = |name: &str| {
        let mut kill = std::process::Command::new("kill");
        kill.arg(name).arg(&script).status().unwrap()
    };
    assert!(signal("-STOP").success());
    let many = format!("{}\n", "x".repeat(3900)).repeat(15);
    let first = json!({"text": many, "key": "none"});
    let typing = type_in(&scene.client, &task, first.clone());
    let full = async {
        let typed = place.join("typed");
        eventually("the pipe is nearly full", || typed.exists()).await;
        let full = type_in(&scene.client, &task, first.clone()).await;
        let error = full.error("INVALID_ARGUMENT");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("was not typed"), "{message}");
        assert!(signal("-CONT").success());
        let id = json!({"id": task.facts()["id"]});
        scene.client.call("task_cancel", id).await.ok();
    };
    let (typed, ()) = tokio::join!(typing, full);
    typed.ok();
}

#[tokio::test]
async fn a_text_whose_connection_is_lost_is_typed_once() {
    // Ends its connection as soon as it has passed on what is typed, the first time.
    let tr = "/usr/bin/tr \"$@\"; mkdir ~/once 2>/dev/null || exit 0\n\
              kill -KILL $(ps -o ppid= -p $PPID); sleep 1";
    let scene = BackgroundScene::on(Sshd::with_programs(&[("tr", tr)], "")).await;
    let cmd = "read -r -p 'Name: ' n; read -r -t 1 -p 'Again: ' m; echo \"$n.$m\"";
    let task = begin(&scene, cmd, json!({})).await;
    waits_at(&scene.client, &task, "Name:").await;
    let done = type_in(&scene.client, &task, json!({"text": "bob"})).await;
    done.ok();
    assert!(Path::new(&scene.sshd.home("once")).exists());
    let ended = scene.end_of(&task).await;
    ended.has(&json!({"output": "Name: bob\nAgain: bob."}));
}

#[tokio::test]
async fn what_is_typed_is_in_the_encoding_of_the_server() {
    let scene = BackgroundScene::new().await;
    let mut login = scene.sshd.login("web1");
    login["encoding"] = "gbk".into();
    scene.client.register(login).await;
    let cmd = "printf 'Name: '; read -r n; printf %s \"$n\" | od -An -tx1";
    let task = begin(&scene, cmd, json!({})).await;
    waits_at(&scene.client, &task, "Name:").await;
    let done = type_in(&scene.client, &task, json!({"text": "中"})).await;
    done.ok().has(&json!({"output": " d6 d0"}));
}

#[tokio::test]
async fn a_retry_has_its_terminal_on_the_server_too() {
    let scene = BackgroundScene::new().await;
    let task = begin(
        &scene,
        DIALOGUE,
        json!({"responses": {"Name": "x", "Sure": "no"}}),
    )
    .await;
    let ended = scene.end_of(&task).await;
    ended.has(&json!({"exitCode": 3, "detach": true, "interactive": true}));
    let id = json!({"id": task.facts()["id"]});
    let again = scene.client.call("task_retry", id).await.ok();
    let ended = scene.end_of(&again).await;
    ended.has(&json!({"exitCode": 3, "detach": true, "interactive": true}));
    // A shell that is killed says nothing of it.
    let killed = begin(&scene, "echo before; kill -KILL $$", json!({})).await;
    let killed = scene.end_of(&killed).await;
    killed.has(&json!({"exitCode": 137, "output": "before"}));
    let output = ended.facts()["output"].as_str().unwrap();
    assert!(output.ends_with("x said no"), "{output}");
}

#[tokio::test]
async fn several_servers_have_a_terminal_each() {
    let scene = BackgroundScene::new().await;
    scene.client.register(scene.sshd.login("web2")).await;
    let work = json!({
        "alias": "web1,web2", "cmd": DIALOGUE, "autoRespond": false,
        "responses": {"web1": {"Name": "a"}, "web2": {"Name": "b"}},
    });
    let parent = scene.begin(TOOL, work).await;
    let id = json!({"id": parent.facts()["id"]});
    let mut said = String::new();
    eventually_so("both wait", async || {
        let status = scene.client.call("task_status", id.clone()).await.ok();
        said = status.text().to_owned();
        ["a", "b"]
            .iter()
            .all(|name| said.contains(&format!("waiting at: Sure, {name}?")))
    })
    .await;
    let children = said.split("task_input {id: \"").skip(1);
    for child in children.map(|text| &text[..8]) {
        let typed = json!({"id": child, "text": "yes"});
        let done = scene.client.call("task_input", typed).await.ok();
        done.has(&json!({"state": "done", "exitCode": 3}));
    }
    let ended = scene.end_of(&parent).await;
    assert!(ended.text().contains("exit status 3"), "{}", ended.text());
}
