//! A caller's strings stay values: in no string parameter of any tool do they become shell syntax or an
//! option.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::helper::{Answer, Calls, Fixture, LOGIN_SHELLS, Sshd, login_shell, text};

/// `pwned` stands for a path on the server.
const NASTY: [&str; 11] = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "x\ntouch pwned\n",
    "' ; touch pwned; '",
    "\" ; touch pwned; \"",
    "x' $(touch pwned) \"",
    "| touch pwned #",
    "--version",
    "-n",
    "a\0b",
];

/// The programs that the tools run on the server. Each fails, and shows it, if it is given an option that
/// the tools do not pass by themselves.
const PROGRAMS: [(&str, &str); 3] = [
    (
        "docker",
        r"while [ $# -gt 0 ]; do
case $1 in --tail | --format) shift ;; --since=* | --timestamps | --all) ;; --) break ;; -*) usage ;; esac
shift
done",
    ),
    (
        "pm2",
        r#"[ "$1" = jlist ] && echo '[]'
for word; do case $word in --nostream | --raw | --silent | --lines | --err) ;; -*) usage ;; esac; done"#,
    ),
    (
        "fail2ban-client",
        "for word; do case $word in -*) usage ;; esac; done",
    ),
];

/// Parameters whose value would be an option wherever it begins with a dash.
const WORDS: [(&str, &str); 3] = [
    ("get_docker_logs", "container"),
    ("get_pm2_logs", "app"),
    ("get_fail2ban_status", "jail"),
];

/// A URL at which nobody listens.
const URL: &str = "http://127.0.0.1:1";

/// The fixture, with further configuration of its server.
async fn fixture(more: &str) -> Fixture {
    let programs = PROGRAMS.map(|(name, options)| {
        let usage = format!("usage() {{ echo 'Usage: {name}'; exit 1; }}");
        (name, format!("{usage}\n{options}\nprintf '%s\\n' \"$@\""))
    });
    let programs = programs
        .each_ref()
        .map(|(name, script)| (*name, script.as_str()));
    // Without forwarding, APIs are asked by a command on the server.
    let sshd = Sshd::with_programs(&programs, &format!("AllowTcpForwarding no\n{more}"));
    let fixture = Fixture::with(sshd.with_pm2()).await;
    for file in [fixture.here("file"), fixture.there("file")] {
        std::fs::write(file, "content\n").unwrap();
    }
    fixture
}

/// Arguments with which a tool does what it is for.
fn plain(fixture: &Fixture, tool: &str) -> Value {
    if tool == "task_exec_interactive" {
        return json!({"alias": "web1", "cmd": "printf 'name? '; read x", "responses": {"name": "x"}, "timeout": 1});
    }
    let calls = Calls {
        alias: "web1".to_owned(),
        login: fixture.server.login("web2"),
        command: "true".to_owned(),
        upload: [fixture.local("file"), fixture.remote("put")],
        remote: fixture.remote("file"),
        downloads: text(fixture.files.path()),
        failed: ["00000000", "00000000"].map(Value::from),
        changed: "00000000".into(),
        url: URL.to_owned(),
    };
    let (_, plainest) = calls.of(tool).swap_remove(0);
    plainest
}

/// The arguments with `nasty` in the place of one of them. `None` where that is a command line,
/// whose very purpose it is.
fn spoilt(fixture: &Fixture, tool: &str, parameter: &str, nasty: &str) -> Option<Value> {
    let mut arguments = plain(fixture, tool);
    let is_nul = nasty.contains('\0');
    arguments[parameter] = match (tool, parameter) {
        (_, "cmd" | "commands" | "check" | "program") if !is_nul => return None,
        (_, "commands") => json!([nasty]),
        (_, "responses") => json!({nasty: nasty, "name": nasty}),
        (_, "files") => {
            json!([{"local": fixture.local("all/"), "remote": nasty}, {"local": fixture.local(nasty), "remote": fixture.remote("file")}])
        }
        // Nothing may be written beside the test's own folder.
        (_, "local") => fixture.local(nasty).into(),
        ("check_api_health", "url") => format!("{URL}/{nasty}").into(),
        _ => nasty.into(),
    };
    Some(arguments)
}

fn assert_whole(fixture: &Fixture, what: &str) {
    let pwned = PathBuf::from("pwned");
    for path in [
        fixture.there("pwned"),
        fixture.stored("pwned"),
        fixture.here("pwned"),
        pwned,
    ] {
        assert!(!path.exists(), "{what}");
    }
}

/// Asserts that a tool has taken `nasty` as a value of this parameter, or refused it.
fn assert_a_value(answer: &Answer, (tool, parameter): (&str, &str), nasty: &str) {
    let shown = answer.text();
    let what = format!("{tool} {parameter}: {nasty:?}: {shown}");
    if nasty.contains('\0') {
        assert!(
            shown.contains("INVALID_ARGUMENT") && shown.contains("NUL"),
            "{what}"
        );
    } else if nasty.starts_with('-') && WORDS.contains(&(tool, parameter)) {
        let refused = format!("parameter `{parameter}` begins with a dash");
        assert!(
            shown.contains("INVALID_ARGUMENT") && shown.contains(&refused),
            "{what}"
        );
    } else {
        assert!(
            !shown.contains("Usage:") && !shown.contains("Free Software"),
            "{what}"
        );
    }
}

/// Tells if a parameter may hold a string, somewhere.
fn takes_text(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => schema["type"] == "string" || fields.values().any(takes_text),
        Value::Array(items) => items.iter().any(takes_text),
        _ => false,
    }
}

#[tokio::test]
async fn no_string_becomes_syntax_or_an_option() {
    let fixture = fixture("").await;
    let mut tried = 0;
    let mut tools = fixture.client.tools().await;
    // An API is added, checked and removed in this order.
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    for tool in tools {
        let name = tool.name.as_ref();
        if name == "server_authorize_key" {
            // It would change the file of the user who runs the tests.
            continue;
        }
        // Unspoilt it works, but for tasks, tunnels and shells that are not there, and a program that soon ends.
        if takes_text(&tool.input_schema["properties"]) {
            let answer = fixture
                .client
                .call(tool.name.clone(), plain(&fixture, name))
                .await;
            let text = answer.text();
            assert!(
                !answer.is_error()
                    || [
                        "UNKNOWN_TASK",
                        "is no tunnel",
                        "is no open shell",
                        "its program exited"
                    ]
                    .iter()
                    .any(|gone| text.contains(gone)),
                "{name}: {text}"
            );
        }
        for (parameter, schema) in tool.input_schema["properties"].as_object().unwrap() {
            if !takes_text(schema) {
                continue;
            }
            for nasty in NASTY {
                let nasty = match parameter.as_str() {
                    "local" => nasty.to_owned(),
                    _ => nasty.replace("pwned", &fixture.remote("pwned")),
                };
                let Some(arguments) = spoilt(&fixture, name, parameter, &nasty) else {
                    continue;
                };
                let what = format!("{name} {parameter}: {nasty:?}");
                let answer = fixture.client.call(tool.name.clone(), arguments).await;
                assert_a_value(&answer, (name, parameter), &nasty);
                assert_whole(&fixture, &what);
                tried += 1;
            }
        }
        if name == "api_add" {
            // Each entry of the catalogue goes to the server's curl as it was taken.
            let listed = fixture.client.call("api_list", json!({})).await.ok();
            for alias in listed.facts().as_object().unwrap().keys() {
                let check = json!({"alias": alias, "server_alias": "web1"});
                fixture.client.call("api_check", check).await;
                assert_whole(&fixture, &format!("api_check of {alias:?}"));
            }
        }
        if name == "server_add" {
            let listed = fixture.client.call("server_list", json!({})).await.ok();
            for alias in listed.facts().as_object().unwrap().keys() {
                let server = &listed.facts()[alias];
                // No test asks a name server.
                if server["host"] == "127.0.0.1" {
                    let run = json!({"alias": alias, "cmd": "true", "detach": true});
                    fixture.client.call("task_exec", run).await;
                    assert_whole(&fixture, &format!("task_exec on {alias:?}"));
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn nor_where_the_login_shell_is_no_posix_one() {
    for shell in LOGIN_SHELLS {
        let Some(login) = login_shell(shell) else {
            continue;
        };
        let fixture = fixture(&login).await;
        let tools: [(&'static str, &[&str]); 6] = [
            ("tail_file", &["filepath"]),
            ("get_docker_logs", &["container", "since"]),
            ("get_pm2_logs", &["app"]),
            ("get_fail2ban_status", &["jail"]),
            ("check_api_health", &["url"]),
            ("get_services_status", &[]),
        ];
        for (tool, parameters) in tools {
            // The plain arguments work there as well.
            fixture.client.call(tool, plain(&fixture, tool)).await.ok();
            for parameter in parameters {
                for nasty in NASTY.into_iter().chain(["!touch", "x\n!!\n"]) {
                    let nasty = nasty.replace("pwned", &fixture.remote("pwned"));
                    let arguments = spoilt(&fixture, tool, parameter, &nasty).unwrap();
                    let answer = fixture.client.call(tool, arguments).await;
                    assert_a_value(&answer, (tool, parameter), &nasty);
                    assert_whole(&fixture, &format!("{shell}: {tool} {parameter}: {nasty:?}"));
                }
            }
        }
        let one = json!({"alias": "web1"});
        let shown = fixture.client.call("get_system_resources", one).await.ok();
        assert!(shown.facts()["memory"]["total"].is_string());
        let lines = "echo one\necho \"two $((1 + 1))\" >&2\nexit 3";
        let detached = json!({"alias": "web1", "cmd": lines, "detach": true});
        let detached = fixture.client.call("task_exec", detached).await.ok();
        let ended = fixture.client.wait(&detached.facts()["id"]).await.ok();
        ended.has(&json!({"output": "one", "stderr": "two 2", "exitCode": 3}));
    }
}
