//! The supplies of commands besides their command lines: input, directory, variables, scripts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::helper::{Client, Fixture, PASSWORD, Sshd, assert_has, directory, login_shell};

async fn output(client: &Client, mut arguments: Value) -> Value {
    arguments["alias"] = "web1".into();
    arguments["cmd"] = arguments.get("cmd").cloned().unwrap_or_default();
    let ran = client.call("task_exec", arguments).await.ok();
    assert_eq!(ran.facts()["exitCode"], 0, "{}", ran.text());
    ran.facts()["output"].clone()
}

#[tokio::test]
async fn a_command_gets_its_input_as_it_is() {
    let fixture = Fixture::embedded().await;
    let text = "it's $HOME\n\\n \"%s\" `id`\n";
    let got = output(&fixture.client, json!({"cmd": "cat", "stdin": text})).await;
    assert_eq!(got, text.trim_end());
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let cmd = format!("cat >{}", fixture.remote("bytes"));
    let arguments = json!({"cmd": cmd, "stdinBase64": BASE64_STANDARD.encode(&bytes)});
    output(&fixture.client, arguments).await;
    assert_eq!(std::fs::read(fixture.there("bytes")).unwrap(), bytes);
}

#[tokio::test]
async fn a_large_input_and_a_large_output_do_not_wait_for_each_other() {
    let fixture = Fixture::<Sshd>::start().await;
    let line = "0123456789abcde\n";
    let text = line.repeat(400_000);
    let got = output(
        &fixture.client,
        json!({"cmd": "cat; cat | wc -c", "stdin": text}),
    )
    .await;
    assert!(got.as_str().unwrap().ends_with("\n0"), "{got}");
    let got = output(&fixture.client, json!({"cmd": "wc -c", "stdin": text})).await;
    assert_eq!(got, "6400000");
    // Nobody reads it.
    let got = output(&fixture.client, json!({"cmd": "echo done", "stdin": text})).await;
    assert_eq!(got, "done");
}

#[tokio::test]
async fn every_login_shell_passes_on_what_a_command_gets() {
    for shell in ["bash", "dash", "zsh", "fish", "tcsh", "rbash"] {
        let Some(login) = login_shell(shell) else {
            continue;
        };
        let sshd = Sshd::start_with(&format!("SetEnv SHELL=/usr/bin/{shell}\n{login}\n"));
        let data = directory();
        let client = Client::spawned(data.path(), &[]).await;
        client.register(sshd.login("web1")).await;
        let arguments = json!({
            "cmd": "cat; printenv GREETING; pwd", "stdin": "one\n", "env": {"GREETING": "it's\n$HOME", "N": 5}
        });
        let got = output(&client, arguments).await;
        let got = got.as_str().unwrap();
        assert!(got.starts_with("one\nit's\n$HOME\n/"), "{shell}: {got}");
        if shell != "rbash" {
            assert_eq!(
                output(&client, json!({"cmd": "pwd", "cwd": "/usr"})).await,
                "/usr",
                "{shell}"
            );
        }
        let script = json!({"script": "printf '%s|' \"$@\"", "args": ["a b", "it's", "", "-n"]});
        assert_eq!(output(&client, script).await, "a b|it's||-n|", "{shell}");
    }
}

#[tokio::test]
async fn a_script_is_run_by_what_it_names_and_leaves_no_file() {
    let fixture = Fixture::embedded().await;
    let client = &fixture.client;
    let left = || {
        let files = std::fs::read_dir(fixture.there("tmp")).unwrap().flatten();
        files.count()
    };
    std::fs::create_dir(fixture.there("tmp")).unwrap();
    let env = json!({"TMPDIR": fixture.remote("tmp")});
    let long = format!("#!/bin/sh\n# {}\nexit 3\n", "word ".repeat(60_000));
    let ran = client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "", "script": long, "env": env}),
        )
        .await
        .ok();
    ran.has(&json!({"exitCode": 3, "status": "failed"}));
    let script = "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], sys.stdin.read())";
    let arguments = json!({"script": script, "args": ["a b"], "stdin": "data", "env": env});
    assert_eq!(output(client, arguments).await, "['a b'] data");
    let slow = json!({"alias": "web1", "cmd": "", "script": "echo begun; sleep 20", "env": env, "timeout": 0.5});
    client
        .call("task_exec", slow)
        .await
        .error("COMMAND_TIMEOUT");
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn steps_get_the_same() {
    let fixture = Fixture::embedded().await;
    let commands = json!([
        {"command": "cat; export KEPT=yes", "stdin": "one\ntwo", "cwd": "/usr", "env": {"A": "it's"}},
        "pwd; echo \"$A $KEPT\"",
        {"script": "echo \"$1\"; cat", "args": ["x y"], "stdinBase64": "/wo="},
        {"command": "cat", "stdin": "last"},
    ]);
    let ran = fixture
        .client
        .call(
            "task_exec_sequence",
            json!({"alias": "web1", "commands": commands}),
        )
        .await
        .ok();
    assert_eq!(
        ran.step_outputs(),
        ["one\ntwo", "/usr\nit's yes", "x y\n\u{FFFD}", "last"]
    );
}

#[tokio::test]
async fn a_stored_secret_reaches_the_command_and_nothing_else() {
    let fixture = Fixture::embedded().await;
    // Never used to log in, so that nothing else on this machine can show it.
    let secret = format!("{PASSWORD}-{}", std::process::id());
    let other = json!({"alias": "db", "host": "127.0.0.1", "user": "db", "password": secret, "verify": false});
    fixture.client.call("server_add", other).await.ok();
    let env = json!({"PGPASSWORD": {"secret": "server:db/password"}});
    // Its length tells that it came; its text would be masked.
    let cmd = "printf %s \"$PGPASSWORD\" | wc -c; ps -eo args | grep -c \"$PGPASSWORD\"; echo \"[$PGPASSWORD]\"";
    let call = json!({"alias": "web1", "cmd": cmd, "env": env});
    let ran = fixture.client.call("task_exec", call).await.ok();
    let length = secret.len().to_string();
    let output = ran.facts()["output"].as_str().unwrap();
    // The one that shows it is grep itself, if it has begun before ps.
    let mask = "*".repeat(secret.len());
    let expected = ["0", "1"].map(|seen| format!("{length}\n{seen}\n[{mask}]"));
    assert!(expected.iter().any(|one| one == output), "{output}");
    let steps = json!([{"command": "printf %s \"$PGPASSWORD\" | wc -c", "env": env}]);
    let call = json!({"alias": "web1", "commands": steps});
    let ran = fixture.client.call("task_exec_sequence", call).await.ok();
    assert_eq!(ran.facts()["results"][0]["output"], length);
    for file in ["queue.json", "history.json", "audit.jsonl"] {
        let text = std::fs::read_to_string(fixture.stored(file)).unwrap_or_default();
        assert!(!text.contains(&secret), "{file}");
    }
    let missing =
        json!({"alias": "web1", "cmd": "true", "env": {"A": {"secret": "server:db/passphrase"}}});
    let error = fixture
        .client
        .call("task_exec", missing)
        .await
        .error("SECRET_UNAVAILABLE");
    assert!(
        error["details"]["reason"]
            .as_str()
            .unwrap()
            .contains("known: password"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_command_gets_is_judged_with_it() {
    let fixture = Fixture::embedded().await;
    let blocked = [
        json!({"cmd": "sh", "stdin": "echo hi\nrm -rf /"}),
        json!({"cmd": "bash -s", "stdinBase64": BASE64_STANDARD.encode("rm -rf /")}),
        json!({"cmd": "rm -rf *", "cwd": "/"}),
        json!({"cmd": "rm -rf $DIR", "env": {"DIR": "/"}}),
        json!({"script": "rm -rf /"}),
        json!({"script": "#!/usr/bin/env bash\nrm -rf \"$1\"", "args": ["/"]}),
    ];
    for mut arguments in blocked {
        arguments["alias"] = "web1".into();
        arguments["cmd"] = arguments.get("cmd").cloned().unwrap_or("".into());
        let shown = arguments.to_string();
        let answer = fixture.client.call("task_exec", arguments.clone()).await;
        assert!(answer.is_error(), "{shown}: {}", answer.text());
        answer.error("POLICY_BLOCKED");
        arguments["command"] = arguments["cmd"].take();
        let step = arguments.as_object_mut().unwrap();
        step.retain(|name, _| name != "alias" && name != "cmd");
        let call = json!({"alias": "web1", "commands": [step]});
        let answer = fixture.client.call("task_exec_sequence", call).await;
        assert!(answer.is_error(), "{shown}: {}", answer.text());
    }
    // The same words are harmless as data.
    let got = output(&fixture.client, json!({"cmd": "cat", "stdin": "rm -rf /"})).await;
    assert_eq!(got, "rm -rf /");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let fixture = Fixture::embedded().await;
    for (arguments, parameter) in [
        (json!({"cmd": ""}), "cmd"),
        (json!({"cmd": "true", "script": "true"}), "script"),
        (json!({"cmd": "true", "args": ["x"]}), "args"),
        (
            json!({"cmd": "cat", "stdin": "a", "stdinBase64": "YQ=="}),
            "stdinBase64",
        ),
        (json!({"cmd": "cat", "stdinBase64": "?"}), "stdinBase64"),
        (json!({"cmd": "true", "env": {"A-B": "x"}}), "env"),
        (
            json!({"cmd": "true", "env": {"A": {"secret": "env:HOME"}}}),
            "env",
        ),
    ] {
        let mut call = arguments.clone();
        call["alias"] = "web1".into();
        let error = fixture
            .client
            .call("task_exec", call)
            .await
            .error("INVALID_ARGUMENT");
        assert_has(&error["details"], &json!({"parameter": parameter}));
    }
}

#[tokio::test]
async fn a_retry_and_a_detached_command_get_it_too() {
    let fixture = Fixture::<Sshd>::start().await;
    let client = &fixture.client;
    let count = fixture.remote("count");
    let call = json!({"alias": "web1", "cmd": "cat >>\"$FILE\"; false", "stdin": "line\n", "env": {"FILE": count}});
    let failed = client.call("task_exec", call).await.ok();
    client
        .call("task_retry", json!({"id": failed.facts()["id"]}))
        .await
        .ok();
    let got = std::fs::read_to_string(fixture.there("count")).unwrap();
    assert_eq!(got, "line\nline\n");

    let call = json!({
        "alias": "web1", "cmd": "cat; pwd; printf %s \"$PASS\" | wc -c", "detach": true, "stdin": "one\n",
        "cwd": "/usr", "env": {"PASS": "it's"}
    });
    let started = client.call("task_exec", call).await.ok();
    let ended = client.wait(&started.facts()["id"]).await.ok();
    ended.has(&json!({"status": "completed", "output": "one\n/usr\n4"}));
    let call = json!({"alias": "web1", "cmd": "", "script": "echo \"$1\"", "args": ["a b"], "detach": true});
    let started = client.call("task_exec", call).await.ok();
    client
        .wait(&started.facts()["id"])
        .await
        .ok()
        .has(&json!({"output": "a b"}));
}
