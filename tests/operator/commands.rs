//! Jobs by commands.

use std::process::Stdio;

use regex::Regex;
use serde_json::json;
use tokio::process::Command;

use super::machines::SUDO_PASSWORD;
use super::session::{Operator, task};

pub async fn sudo(operator: &mut Operator) {
    let command = "sudo cp ~/shop/shop.conf ~/shop/shop.conf.root && ls ~/shop";
    let interactive = json!({
        "alias": "web1", "cmd": command, "responses": {"password for deploy": SUDO_PASSWORD},
    });
    let copied = operator.call("task_exec_interactive", interactive).await;
    assert!(copied.contains("shop.conf.root"), "{copied}");
    assert!(!copied.contains(SUDO_PASSWORD), "{copied}");
    let copy = std::fs::read_to_string(operator.server("web1").home("shop/shop.conf.root"));
    assert!(copy.unwrap().starts_with("name = shop\n"));
}

pub async fn release_in_steps(operator: &mut Operator) {
    let steps = json!([
        "cd ~/shop",
        "export RELEASE=7",
        "mkdir -p releases/$RELEASE",
        {"command": "cp version releases/$RELEASE/", "timeout": 20},
        "ls releases/$RELEASE",
    ]);
    let sequence = json!({"alias": "web1", "commands": steps});
    operator.call("task_exec_sequence", sequence).await;
    let copied = std::fs::read_to_string(operator.server("web1").home("shop/releases/7/version"));
    assert!(copied.unwrap().starts_with("shop 2.4.1"));
}

pub async fn script_with_data(operator: &mut Operator) {
    let script = "#!/bin/sh\nwhile IFS=, read -r name email; do\n  printf \"%s <%s> it's \\$5\\n\" \"$name\" \"$email\"\ndone >\"$1\"\nwc -l <\"$1\"";
    let call = json!({
        "alias": "web1", "script": script, "args": ["mails of today"], "cwd": "~/shop",
        "stdin": "Ann,ann@example.com\nO'Neil,oneil@example.com\n",
    });
    let done = operator.call("task_exec", call).await;
    assert!(done.contains('2'), "{done}");
    let mails = std::fs::read_to_string(operator.server("web1").home("shop/mails of today"));
    assert_eq!(
        mails.unwrap(),
        "Ann <ann@example.com> it's $5\nO'Neil <oneil@example.com> it's $5\n"
    );
}

pub async fn failing_build(operator: &mut Operator) {
    let build = "cd ~/shop && sh build.sh";
    let failed = operator.run(build).await;
    assert!(failed.contains("sources/main.js"), "{failed}");
    operator.run("cd ~/shop && cat build.sh && ls").await;
    let edit = json!({
        "alias": "web1", "path": operator.server("web1").home("shop/build.sh"), "check": build,
        "edits": [{"old": "sources/", "new": "src/", "all": true}],
    });
    operator.call("file_edit", edit).await;
    let made = std::fs::read_to_string(operator.server("web1").home("shop/out/main.js"));
    assert_eq!(made.unwrap(), "serve(8080);\n");
}

pub async fn large_output(operator: &mut Operator) {
    let cut = operator.run("cat ~/logs/access.log").await;
    let output = json!({"id": task(&cut), "grep": "\" 500 "});
    let found = operator.call("task_output", output).await;
    for item in ["/item/4500 ", "/item/13500 ", "/item/22500 "] {
        assert!(found.contains(item), "{found}");
    }
    assert_eq!(found.matches("/item/").count(), 3, "{found}");
}

pub async fn runaway_processes(operator: &mut Operator) {
    let program = operator.server("web1").home("bin/reindex");
    let start = |_| {
        let mut command = Command::new(&program);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command.spawn().unwrap()
    };
    let mut runaways: Vec<_> = (0..3).map(start).collect();
    let seen = operator
        .run("ps -eo pid,etimes,pcpu,args | grep \"$HOME/bin/[r]eindex\"")
        .await;
    let process = Regex::new(r"(?m)^\s*(\d+)\s.*reindex").unwrap();
    let processes = process.captures_iter(&seen);
    let processes: Vec<_> = processes.map(|found| found[1].to_owned()).collect();
    assert_eq!(processes.len(), 3, "{seen}");
    let kill = format!("kill {}", processes.join(" "));
    operator.run(&kill).await;
    for runaway in &mut runaways {
        assert!(!runaway.wait().await.unwrap().success());
    }
}
