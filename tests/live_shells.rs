//! Shells that stay open: their state, the ends of commands, dialogues with programs, and their own end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Fixture, Sshd, eventually, eventually_so, if_slow, memory, request,
};

/// A shell that is open.
pub struct Shell<'c> {
    pub client: &'c Client,
    pub name: &'static str,
}

impl<'c> Shell<'c> {
    pub async fn open(client: &'c Client, name: &'static str, more: Value) -> Self {
        opened(client, name, more).await.ok();
        Self { client, name }
    }

    pub async fn type_in(&self, input: &str) -> Answer {
        self.send(json!({"input": input})).await.ok()
    }

    async fn press(&self, key: &str) -> Answer {
        self.send(json!({"key": key})).await.ok()
    }

    async fn send(&self, mut arguments: Value) -> Answer {
        arguments["shell"] = self.name.into();
        self.client.call("shell_send", arguments).await
    }

    /// Types lines one after the other, each with the state and the output that it has to have.
    pub async fn talk(&self, lines: &[(&str, &str, &str)]) {
        for (input, state, output) in lines {
            let answer = self.type_in(input).await;
            let facts = answer.facts();
            let at = facts["prompt"].as_str().unwrap_or_default();
            let told = match facts["exitCode"].as_i64() {
                Some(status) => status.to_string(),
                None => at.to_owned(),
            };
            assert_eq!(
                (told.as_str(), facts["output"].as_str().unwrap()),
                (*state, *output),
                "{}: {input:?}: {}",
                self.name,
                answer.text()
            );
        }
    }
}

async fn opened(client: &Client, name: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "web1", "name": name});
    let given = arguments.as_object_mut().unwrap();
    given.extend(more.as_object().unwrap().clone());
    client.call("shell_open", arguments).await
}

/// An sshd whose users have this shell, and no files of their own.
fn with_shell(shell: &str) -> Option<Sshd> {
    let places = ["/bin", "/usr/bin"].map(|place| format!("{place}/{shell}"));
    let Some(path) = places
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        eprintln!("not run with {shell}: it is not there");
        return None;
    };
    Some(Sshd::prepared(|folder| {
        format!("SetEnv HOME={} SHELL={path}", folder.display())
    }))
}

#[tokio::test]
async fn state_lasts_and_each_end_is_known_in_every_shell() {
    for shell in ["bash", "dash", "zsh"] {
        let Some(server) = with_shell(shell) else {
            continue;
        };
        let fixture = Fixture::with(server).await;
        let shell = Shell::open(&fixture.client, shell, json!({"cwd": "/usr"})).await;
        shell
            .talk(&[
                ("pwd", "0", "/usr"),
                (
                    "cd /tmp; V='a  b'; f() { echo \"f $V\"; return 3; }",
                    "0",
                    "",
                ),
                ("f", "3", "f a  b"),
                ("printf 'no end'", "0", "no end"),
                ("pwd", "0", "/tmp"),
                ("echo one\necho two\nfalse", "1", "one\ntwo"),
                ("cat <<E\n1\n\t2 $V\nE", "0", "1\n        2 a  b"),
                ("for i in 1 2; do", ">", ""),
                ("echo $i\ndone", "0", "1\n2"),
                ("read -r x\nvalue\necho \"got $x\"", "0", "got value"),
                ("printf '%s' \"$PS1\" | wc -l", "0", "0"),
                ("echo \"a!b\" 'c!!'", "0", "a!b c!!"),
            ])
            .await;
        let place = shell.type_in("true").await;
        place.has(&json!({"directory": "/tmp", "state": "done"}));
        let slow = shell
            .send(json!({"input": "sleep 60", "wait": 0.2}))
            .await
            .ok();
        slow.has(&json!({"state": "running"}));
        shell.press("ctrl-c").await.has(&json!({"exitCode": 130}));
        let ended = shell.type_in("exit 7").await;
        ended.has(&json!({"state": "ended", "exitCode": 7}));
        let error = shell
            .send(json!({"input": "true"}))
            .await
            .error("INVALID_ARGUMENT");
        assert!(
            error.to_string().contains("exited with status 7"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn shells_of_other_kinds_keep_their_own_language() {
    let lines = [
        ("fish", "if true", "echo yes\nend", "exit 7"),
        ("tcsh", "foreach i (yes)", "echo $i\nend", "exit 7"),
    ];
    for (name, begin, rest, _) in lines {
        let Some(server) = with_shell(name) else {
            continue;
        };
        let fixture = Fixture::with(server).await;
        let shell = Shell::open(&fixture.client, name, json!({"cwd": "/usr"})).await;
        shell
            .talk(&[
                ("pwd", "0", "/usr"),
                ("cd /tmp", "0", ""),
                ("false", "1", ""),
                ("printf abc", "0", "abc"),
                ("echo one\necho two\nfalse", "1", "one\ntwo"),
                (begin, ">", ""),
                (rest, "0", "yes"),
            ])
            .await;
    }
    let fixture = Fixture::start().await;
    let busybox = json!({"program": "busybox ash"});
    if opened(&fixture.client, "ash", busybox).await.is_error() {
        eprintln!("not run with busybox: it is not there");
        return;
    }
    let shell = Shell {
        client: &fixture.client,
        name: "ash",
    };
    shell
        .talk(&[
            ("cd /usr; pwd; false", "1", "/usr"),
            ("if true; then", ">", ""),
            ("echo yes; fi", "0", "yes"),
        ])
        .await;
}

#[tokio::test]
async fn the_prompt_of_any_program_is_learnt() {
    let fixture = Fixture::start().await;
    let python = Shell::open(&fixture.client, "python", json!({"program": "python3"})).await;
    let lines = [
        ("def f(x):\n    return x * 2\n", ">>>", ""),
        ("f(21)", ">>>", "42"),
        (
            "for i in range(2):\n  print(i)\n\nprint('é')",
            ">>>",
            "0\n1\né",
        ),
        ("input('Name: ')", "Name:", ""),
        ("bob", ">>>", "'bob'"),
    ];
    python.talk(&lines).await;
    python
        .press("ctrl-d")
        .await
        .has(&json!({"state": "ended", "exitCode": 0}));
    // The same within a shell.
    let shell = Shell::open(&fixture.client, "shell", json!({})).await;
    let begun = shell.type_in("python3").await;
    begun.has(&json!({"state": "waiting", "prompt": ">>>"}));
    shell.talk(&lines).await;
    shell
        .talk(&[("exit(5)", "5", ""), ("echo on", "0", "on")])
        .await;
    let asked = shell.type_in("read -r -s -p 'Password: ' p").await;
    asked.has(&json!({"prompt": "Password:"}));
    assert!(
        asked
            .text()
            .starts_with("waiting at: Password: (shell shell in read -r -s -p "),
        "{}",
        asked.text()
    );
    shell
        .talk(&[("hunter2", "0", ""), ("echo ${#p}", "0", "7")])
        .await;
}

#[tokio::test]
async fn a_call_that_is_wrong_types_nothing_and_a_letter_is_a_key() {
    let fixture = Fixture::start().await;
    let shell = Shell::open(&fixture.client, "shell", json!({})).await;
    for (wrong, words) in [
        (
            json!({"input": "echo no", "key": "F99"}),
            "nothing was typed",
        ),
        (json!({"input": "echo no", "key": "return!"}), "is no key"),
        (
            json!({"input": "echo no", "key": "q"}),
            "belongs into the text",
        ),
        (
            json!({"input": "echo no", "secret": "server:web1/x"}),
            "secret",
        ),
        (
            json!({"input": format!("echo {}", "x".repeat(100_000))}),
            "4000 bytes",
        ),
        (json!({"secret": "server:web1/nothing"}), "nothing"),
    ] {
        let shown = wrong.to_string();
        let shown: String = shown.chars().take(80).collect();
        let refused = shell.send(wrong).await;
        assert!(refused.is_error(), "{shown}");
        assert!(
            refused.text().contains(words),
            "{shown}: {}",
            refused.text()
        );
    }
    // A rest of a refused call would stand before it.
    shell.talk(&[("echo yes", "0", "yes")]).await;
    let quits = "stty -icanon; dd bs=1 count=1 2>/dev/null | tr Q R; stty icanon";
    shell
        .send(json!({"input": quits, "wait": 0.5}))
        .await
        .ok()
        .has(&json!({"state": "running"}));
    shell
        .press("Q")
        .await
        .has(&json!({"exitCode": 0, "output": "R"}));
    let python = Shell::open(&fixture.client, "python", json!({"program": "python3"})).await;
    let long = format!("len('{}')", "x".repeat(100_000));
    let refused = python.send(json!({"input": long})).await;
    let refused = refused.error("INVALID_ARGUMENT");
    assert!(refused.to_string().contains("write a file"), "{refused}");
    let fits = format!("len('{}')", "x".repeat(3900));
    python.talk(&[(&fits, ">>>", "3900")]).await;
}

#[tokio::test]
async fn programs_with_a_screen_are_shown_as_it_stands() {
    let fixture = Fixture::start().await;
    std::fs::write(fixture.there("numbers"), crate::helper::numbers(500)).unwrap();
    let shell = Shell::open(&fixture.client, "shell", json!({})).await;
    let file = fixture.remote("numbers");
    let screen = shell.type_in(&format!("less {file}")).await;
    let shown = screen.facts()["screen"].as_str().unwrap().to_owned();
    assert!(
        shown.starts_with("1\n2\n") && !shown.contains("\n60\n"),
        "{shown}"
    );
    let further = shell.press("pgdn").await;
    let further = further.facts()["screen"].as_str().unwrap().to_owned();
    assert!(
        further.starts_with("40\n") && !further.contains('\x1b'),
        "{further}"
    );
    let quit = shell.send(json!({"input": "q", "key": "none"})).await.ok();
    quit.has(&json!({"exitCode": 0, "output": ""}));
    let new = fixture.remote("new");
    if shell.type_in("command -v vim").await.facts()["exitCode"] == 0 {
        let edited = shell.type_in(&format!("vim -u NONE {new}")).await;
        edited.has(&json!({"state": "waiting"}));
        shell
            .send(json!({"input": "ihello", "key": "esc"}))
            .await
            .ok();
        shell.type_in(":wq").await.has(&json!({"exitCode": 0}));
        shell.talk(&[(&format!("cat {new}"), "0", "hello")]).await;
    } else {
        eprintln!("not run with vim: it is not there");
    }
    if shell.type_in("command -v top").await.facts()["exitCode"] == 0 {
        let top = shell.type_in("top").await;
        assert!(top.text().contains("PID USER"), "{}", top.text());
        let quit = shell.send(json!({"input": "q", "key": "none"})).await.ok();
        quit.has(&json!({"exitCode": 0}));
    }
}

#[tokio::test]
async fn what_is_typed_is_judged_as_the_shell_will_read_it() {
    let fixture = Fixture::start().await;
    let shell = Shell::open(&fixture.client, "shell", json!({})).await;
    for before in [
        "true",
        "cd /",
        "rm \\",
        "sleep 0.2",
        "python3",
        "bash",
        "cat",
    ] {
        shell.send(json!({"input": before, "wait": 1})).await.ok();
        for text in [
            "rm -rf /",
            "-rf /",
            "rm -rf *",
            "sudo rm -rf /",
            "bash -c 'rm -rf /'",
        ] {
            let is_meant = match text {
                "-rf /" => before == "rm \\",
                "rm -rf *" => before == "cd /",
                _ => !matches!(before, "rm \\"),
            };
            if is_meant {
                let refused = shell.send(json!({"input": text})).await;
                refused.error("POLICY_BLOCKED");
            }
        }
        shell.press("ctrl-c").await;
        shell.press("ctrl-d").await;
        if shell.send(json!({})).await.is_error() {
            Shell::open(&fixture.client, "shell", json!({})).await;
        }
    }
    let refused = opened(&fixture.client, "other", json!({"program": "rm -rf /"})).await;
    refused.error("POLICY_BLOCKED");
}

#[tokio::test]
async fn a_server_that_may_not_be_changed_any_more_takes_no_input() {
    let fixture = Fixture::start().await;
    let shell = Shell::open(&fixture.client, "shell", json!({})).await;
    shell.type_in("true").await;
    fixture.edit("servers.json", |servers| {
        servers["web1"]["readonly"] = true.into();
    });
    shell
        .send(json!({"input": "true"}))
        .await
        .error("READ_ONLY");
    opened(&fixture.client, "other", json!({}))
        .await
        .error("READ_ONLY");
}

#[tokio::test]
async fn a_shell_takes_no_place_of_commands_and_secrets_are_masked() {
    let fixture = Fixture::with(Sshd::start_with("MaxSessions 1")).await;
    let client = &fixture.client;
    let mut login = fixture.server.login("web1");
    login["password"] = "Zq7-s3cret-of-shells".into();
    client.register(login).await;
    let shell = Shell::open(client, "shell", json!({"env": {"V": "it's \\ here"}})).await;
    shell
        .send(json!({"input": "sleep 60", "wait": 0.1}))
        .await
        .ok();
    client
        .exec("web1", "echo free")
        .await
        .ok()
        .has(&json!({"output": "free"}));
    shell.press("ctrl-c").await;
    let shown = shell.type_in("echo \"$V\" Zq7-s3cret-of-shells").await;
    shown.has(&json!({"output": "it's \\ here ***"}));
    // So is one that is typed where it is asked for, though it is no stored one.
    shell
        .type_in("read -r -s -p 'Password: ' V; echo; echo \"got $V\"")
        .await;
    let shown = shell.type_in("Zq8-typed-s3cret").await;
    shown.has(&json!({"output": "got ***"}));
    // A stored one is typed by its name.
    shell
        .type_in("read -r -s -p 'Key: ' V; echo; echo \"${#V} $V\"")
        .await;
    let typed = json!({"secret": "server:web1/password"});
    let shown = shell.send(typed).await.ok();
    shown.has(&json!({"output": "20 ***"}));
    let stats = client.call("pool_stats", json!({})).await.ok();
    assert_eq!(stats.facts()["shells"][0]["shell"], "shell");
    assert_eq!(stats.facts()["byServer"]["web1"]["inUse"], 0);
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    assert!(trail.contains("\"tool\":\"shell_send\"") && !trail.contains("s3cret"));
}

#[tokio::test]
async fn every_end_says_why() {
    let mut fixture = Fixture::configured(Sshd::start(), |config| {
        config.shell_idle_timeout = Duration::from_millis(1500);
    })
    .await;
    let client = &fixture.client;
    let because = async |name: &str, cause: &str| {
        eventually_so(cause, async || {
            let sent = client.call("shell_send", json!({"shell": name})).await;
            sent.is_error() && sent.text().contains(cause)
        })
        .await;
    };
    for name in ["closed", "lost"] {
        Shell::open(client, name, json!({})).await;
    }
    let same = opened(client, "lost", json!({}))
        .await
        .error("INVALID_ARGUMENT");
    assert!(
        same.to_string().contains("is an open shell already"),
        "{same}"
    );
    let close = json!({"shell": "closed"});
    client.call("shell_close", close.clone()).await.ok();
    let again = client
        .call("shell_close", close)
        .await
        .error("INVALID_ARGUMENT");
    assert!(again.to_string().contains("it was closed"), "{again}");
    let killed = Shell::open(client, "killed", json!({})).await;
    killed
        .type_in("kill -9 $$")
        .await
        .has(&json!({"state": "ended"}));
    because("killed", "killed by signal KILL").await;
    because("unknown", "is no open shell").await;
    fixture.server.cut();
    because("lost", "its connection was lost").await;
    Shell::open(client, "idle", json!({})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    because("idle", "it was idle").await;
    let refused = opened(client, "none", json!({"cwd": "/no/such"})).await;
    let refused = refused.error("NO_SHELL");
    assert!(refused.to_string().contains("/no/such"), "{refused}");
    fixture.server.kill();
    opened(client, "none", json!({}))
        .await
        .error("CONNECTION_FAILED");
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    let ends = trail
        .lines()
        .filter(|line| line.contains("\"tool\":\"shell\"") && line.contains("\"cause\""));
    assert_eq!(ends.count(), 4);
}

#[tokio::test]
async fn a_flood_is_counted_and_not_kept() {
    let fixture = Fixture::of(Sshd::start());
    let client = Client::spawned(fixture.data.path(), &["--sync-timeout=300"]).await;
    client.register(fixture.server.login("web1")).await;
    let shell = Shell::open(&client, "shell", json!({})).await;
    let before = memory(client.process_id(), "VmRSS");
    let bytes = if_slow(500_000_000, 20_000_000);
    let flood = shell
        .type_in(&format!("yes abcdefghi | head -c {bytes}"))
        .await;
    flood.has(&json!({"exitCode": 0}));
    let text = flood.facts()["output"].as_str().unwrap().to_owned();
    let (shown, rest) = text.split_once("[… ").unwrap();
    let (count, rest) = rest.split_once(" lines").unwrap();
    let lines = shown.lines().count() + rest.lines().count() - 1;
    assert_eq!(count.parse::<usize>().unwrap() + lines, bytes / 10);
    assert!(text.len() < 10_000, "{}", text.len());
    let grown = memory(client.process_id(), "VmRSS").saturating_sub(before);
    assert!(grown < 16_000_000, "{grown}");
    client.leave().await;
}

#[tokio::test]
async fn a_cancelled_call_stops_what_the_shell_runs() {
    use rmcp::model::{CancelledNotification, CancelledNotificationParam, ClientRequest, Request};
    use rmcp::service::PeerRequestOptions;

    let fixture = Fixture::start().await;
    let shell = Shell::open(&fixture.client, "cancelled", json!({})).await;
    for (reason, is_stopped) in [("Request timed out", false), ("the user stopped it", true)] {
        let mark = fixture.server.home(&format!("begun-{is_stopped}"));
        let sleeps = format!("sh -c 'touch {mark}; exec sleep 60'");
        let params = request("shell_send", json!({"shell": "cancelled", "input": sleeps}));
        let sent = ClientRequest::CallToolRequest(Request::new(params));
        let peer = fixture.client.peer();
        let sent = peer
            .send_cancellable_request(sent, PeerRequestOptions::no_options())
            .await
            .unwrap();
        eventually("it runs", || std::path::Path::new(&mark).exists()).await;
        let params = CancelledNotificationParam::new(Some(sent.id.clone()), Some(reason.into()));
        peer.send_notification(CancelledNotification::new(params).into())
            .await
            .unwrap();
        // The next call would end the one that is cancelled.
        tokio::time::sleep(Duration::from_millis(300)).await;
        if is_stopped {
            let status = shell.send(json!({"wait": 10})).await.ok();
            status.has(&json!({"state": "done", "exitCode": 130}));
        } else {
            let status = shell.send(json!({"wait": 0.3})).await.ok();
            status.has(&json!({"state": "running"}));
            shell.press("ctrl-c").await;
        }
    }
}
