//! Every example of the guide, as it is written there, against sshd. What the example's server has
//! and this one has not is stood in for by commands on its PATH.

use serde_json::{Value, json};

use crate::helper::{Answer, Fixture, Sshd, assert_has, write};

/// The examples' tools, in the order of the original's documentation.
const TOOLS: [&str; 26] = [
    "server_add",
    "server_add",
    "task_exec",
    "task_exec_interactive",
    "task_exec_sequence",
    "task_transfer",
    "task_transfer_multi",
    "file_search",
    "file_read",
    "file_edit",
    "undo",
    "compare",
    "server_overview",
    "get_system_resources",
    "get_services_status",
    "get_docker_logs",
    "get_pm2_logs",
    "api_add",
    "api_check",
    "task_queue",
    "task_status",
    "task_retry",
    "queue_stats",
    "tunnel_open",
    "task_logs",
    "system_diagnostics",
];

const PROGRAMS: [(&str, &str); 8] = [
    ("sudo", "exec \"$@\""),
    (
        "apt-get",
        "[ $1 = upgrade ] || exit 0
printf 'Do you want to continue? [Y/n] '; read -r go; echo \"continue: $go\"
printf 'Restart services during package upgrades without asking? '; read -r go; echo \"restart: $go\"",
    ),
    ("nginx", "echo 'test is successful'"),
    ("git", "echo \"git $* in $PWD\""),
    ("npm", "echo \"npm $* in $PWD\""),
    ("systemctl", "echo 'cron.service loaded active running Regular background'"),
    (
        "docker",
        "case $1 in ps) printf 'nginx\\tnginx:1.27\\trunning\\tUp 3 hours\\n' ;; *) echo \"$@\" ;; esac",
    ),
    (
        "pm2",
        "case $1 in jlist) echo '[]' ;; describe) ;; *) echo \"pm2 $* in $PWD\" ;; esac",
    ),
];

/// A file of the examples' server.
const CONFIGURATION: &str = "server {\n    listen 80;\n}\n";

/// The example with the fixture's paths in the place of its own.
fn moved(example: &str, fixture: &Fixture) -> Value {
    let there = fixture.remote("");
    let mut example = example.to_owned();
    for (path, moved) in [
        ("/home/user/", fixture.local("")),
        ("\"/etc/", format!("\"{there}etc/")),
        (":/etc/", format!(":{there}etc/")),
        ("\"/var/log/", format!("\"{there}var/log/")),
        ("/var/www/", format!("{there}var/www/")),
    ] {
        example = example.replace(path, &moved);
    }
    serde_json::from_str(&example).unwrap()
}

fn arrived(fixture: &Fixture, name: &str) -> String {
    std::fs::read_to_string(fixture.there(name)).unwrap()
}

/// Checks what came of an example that concerns a file on its server.
fn check_files(fixture: &Fixture, tool: &str, text: &str) {
    let configuration = arrived(fixture, "etc/nginx/app.conf");
    match tool {
        "file_edit" => {
            assert_eq!(configuration, CONFIGURATION.replace("80", "8080"));
            assert!(text.contains("+    listen 8080;"), "{text}");
        }
        "undo" => assert_eq!(configuration, CONFIGURATION),
        "compare" => assert!(text.contains("the same on 2 of 2"), "{text}"),
        _ => assert!(text.contains("listen 80;"), "{text}"),
    }
}

fn check(fixture: &Fixture, tool: &str, answer: &Answer) {
    let facts = answer.facts();
    match tool {
        "server_add" => assert_eq!(facts["added"], true),
        "task_exec" => {
            let output = facts["output"].as_str().unwrap();
            assert!(
                output.contains("load average") && output.contains("Filesystem"),
                "{output}"
            );
        }
        "task_exec_interactive" => {
            let output = facts["output"].as_str().unwrap();
            assert!(
                output.contains("continue: Y") && output.contains("restart: yes"),
                "{output}"
            );
            assert_eq!(facts["exitCode"], 0);
        }
        "task_exec_sequence" => {
            let place = std::fs::canonicalize(fixture.there("var/www/app")).unwrap();
            for (step, command) in [
                (1, "git pull origin main"),
                (2, "npm install"),
                (3, "pm2 restart app"),
            ] {
                let expected = format!("{command} in {}", place.display());
                assert_eq!(facts["results"][step]["output"], expected, "{facts}");
            }
        }
        "task_transfer" => assert_eq!(arrived(fixture, "etc/app/config.json"), "config.json"),
        "task_transfer_multi" => {
            for name in ["a.log", "b.log"] {
                assert_eq!(
                    arrived(fixture, &format!("var/log/app/{name}")),
                    format!("logs/{name}")
                );
            }
            for name in ["x.json", "deep/y.json"] {
                assert_eq!(
                    arrived(fixture, &format!("etc/app/configs/{name}")),
                    format!("configs/{name}")
                );
            }
            assert_eq!(facts["failedFiles"], json!([]));
        }
        "file_search" | "file_read" | "file_edit" | "undo" | "compare" => {
            check_files(fixture, tool, answer.text());
        }
        "server_overview" | "get_system_resources" => {
            for name in ["cpu", "memory", "disk"] {
                assert!(facts[name].is_object(), "{name}: {facts}");
            }
            assert_eq!(facts["load_average"].as_array().unwrap().len(), 3);
        }
        "get_services_status" => {
            assert_eq!(facts["systemd"]["counts"], json!({"active": 1}));
            assert_eq!(facts["docker"]["counts"], json!({"running": 1}));
            assert_eq!(facts["pm2"]["services"], json!([]));
        }
        "get_docker_logs" => {
            assert_eq!(
                facts["lines"],
                "logs --tail 100 --since=1h --timestamps -- nginx"
            );
        }
        "get_pm2_logs" => {
            let lines = facts["lines"].as_str().unwrap();
            assert!(lines.contains("--lines 200 --err api-server"), "{lines}");
        }
        "api_add" => assert_eq!(facts["api"]["api_key"], "***"),
        "api_check" => {
            assert_has(facts, &json!({"status": "DOWN", "http_code": null}));
            assert!(facts["response_time_ms"].is_u64());
        }
        "task_queue" => assert!(facts["tasks"].as_array().unwrap().len() > 5),
        "task_status" => assert_eq!(facts["status"], "failed"),
        "task_retry" => assert_eq!(
            (&facts["exitCode"], &facts["retryCount"]),
            (&json!(3), &json!(1))
        ),
        "queue_stats" => {
            for name in ["total", "byStatus", "byType", "avgDuration", "successRate"] {
                assert!(!facts["stats"][name].is_null(), "{name}: {facts}");
            }
        }
        "tunnel_open" => assert_eq!(facts["direction"], "socks"),
        "task_logs" => assert!(facts["logs"].is_array()),
        "system_diagnostics" => {
            for name in ["queue", "pool", "servers"] {
                assert!(facts[name].is_object(), "{name}: {facts}");
            }
        }
        other => panic!("{other} is not looked at"),
    }
}

#[tokio::test]
async fn the_readme_s_examples_work_as_written() {
    let sshd = Sshd::with_programs(&PROGRAMS, "").with_pm2();
    // The first example registers it.
    let fixture = Fixture::of(sshd).connected(|_| {}).await;
    for name in [
        "config.json",
        "logs/a.log",
        "logs/b.log",
        "configs/x.json",
        "configs/deep/y.json",
    ] {
        write(fixture.here(name), name);
    }
    std::fs::create_dir_all(fixture.there("var/www/app")).unwrap();
    write(fixture.there("etc/nginx/app.conf"), CONFIGURATION);
    let examples = include_str!("../src/guide/examples.md")
        .split("```json\n")
        .skip(1);
    let examples = examples.map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<_> = examples
        .filter(|block| block.contains("\"tool\""))
        .collect();
    let (mut failed, mut edited) = (String::new(), String::new());
    for (example, expected) in examples.iter().zip(TOOLS) {
        let mut example = moved(example, &fixture);
        assert_eq!(example["tool"], expected);
        match expected {
            "task_exec" => {
                // From here on the examples' servers are this one.
                for alias in ["prod_vps", "staging"] {
                    fixture.client.register(fixture.server.login(alias)).await;
                }
                let failing = json!({"alias": "prod_vps", "cmd": "exit 3"});
                let answer = fixture.client.call("task_exec", failing).await.ok();
                answer.facts()["id"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut failed);
            }
            "api_check" => {
                // Nothing listens there: no test leaves this machine.
                let port = crate::helper::closed_port();
                let url = format!("http://127.0.0.1:{port}");
                let moved =
                    json!({"alias": "main_api", "url": url, "health_check_endpoint": "/health"});
                fixture.client.call("api_add", moved).await.ok();
            }
            "undo" => example["arguments"]["id"] = edited.clone().into(),
            "task_status" | "task_retry" => example["arguments"]["id"] = failed.clone().into(),
            _ => {}
        }
        let answer = fixture
            .client
            .call(expected, example["arguments"].take())
            .await
            .ok();
        if expected == "file_edit" {
            answer.facts()["id"]
                .as_str()
                .unwrap()
                .clone_into(&mut edited);
        }
        check(&fixture, expected, &answer);
    }
    assert_eq!(
        examples.len(),
        TOOLS.len(),
        "each example is one of the documentation's"
    );
}
