//! Whatever a caller passes stays a value: nothing of it becomes shell syntax or an option, in any
//! string parameter of any tool.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Calls, Client, Folder, LOGIN_SHELLS, Pm2Daemon, Sshd, assert_has, closed_port,
    directory, login_shell, text,
};

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

/// What the tools call on the server. What is told to run, runs; an option that the tools do not pass
/// of themselves is taken as one, and shows.
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

struct Scene {
    client: Client,
    sshd: Sshd,
    data: Folder,
    local: Folder,
    api: String,
    _pm2: Pm2Daemon,
}

impl Scene {
    /// The scene, with further configuration of the server.
    async fn set(more: &str) -> Self {
        let (data, local) = (directory(), directory());
        let programs = PROGRAMS.map(|(name, options)| {
            let usage = format!("usage() {{ echo 'Usage: {name}'; exit 1; }}");
            (name, format!("{usage}\n{options}\nprintf '%s\\n' \"$@\""))
        });
        let programs = programs
            .each_ref()
            .map(|(name, script)| (*name, script.as_str()));
        // Without forwarding, APIs are asked by a command on the server.
        let sshd = Sshd::with_programs(&programs, &format!("AllowTcpForwarding no\n{more}"));
        let pm2 = Pm2Daemon::start(sshd.directory.path());
        std::fs::write(sshd.home("file"), "content\n").unwrap();
        std::fs::write(local.path().join("file"), "content\n").unwrap();
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let api = format!("http://127.0.0.1:{}", closed_port());
        Self {
            client,
            sshd,
            data,
            local,
            api,
            _pm2: pm2,
        }
    }

    fn here(&self, name: &str) -> String {
        text(&self.local.path().join(name))
    }

    /// Arguments with which a tool does what it is for.
    fn arguments(&self, tool: &str) -> Value {
        if tool == "task_exec_interactive" {
            return json!({"alias": "web1", "cmd": "printf 'name? '; read x", "responses": {"name": "x"}, "timeout": 1});
        }
        let calls = Calls {
            alias: "web1".to_owned(),
            login: self.sshd.login("web2"),
            command: "true".to_owned(),
            upload: [self.here("file"), self.sshd.home("put")],
            remote: self.sshd.home("file"),
            downloads: text(self.local.path()),
            failed: ["00000000", "00000000"].map(Value::from),
            url: self.api.clone(),
        };
        let (_, plainest) = calls.of(tool).swap_remove(0);
        plainest
    }

    /// The arguments with `nasty` in the place of one of them. `None` where that is a command line,
    /// whose very purpose it is.
    fn spoilt(&self, tool: &str, parameter: &str, nasty: &str) -> Option<Value> {
        let mut arguments = self.arguments(tool);
        let is_nul = nasty.contains('\0');
        arguments[parameter] = match (tool, parameter) {
            (_, "cmd" | "commands") if !is_nul => return None,
            (_, "commands") => json!([nasty]),
            (_, "responses") => json!({nasty: nasty, "name": nasty}),
            (_, "files") => {
                json!([{"local": self.here("all/"), "remote": nasty}, {"local": self.here(nasty), "remote": self.sshd.home("file")}])
            }
            // Nothing may be written beside the test's own folder.
            (_, "local") => self.here(nasty).into(),
            ("check_api_health", "url") => format!("{}/{nasty}", self.api).into(),
            _ => nasty.into(),
        };
        Some(arguments)
    }

    fn assert_whole(&self, what: &str) {
        let places = [
            self.sshd.directory.path(),
            self.data.path(),
            self.local.path(),
            Path::new("."),
        ];
        for place in places {
            assert!(!place.join("pwned").exists(), "{what}");
        }
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

/// Whether a parameter may hold a string, somewhere.
fn takes_text(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => schema["type"] == "string" || fields.values().any(takes_text),
        Value::Array(items) => items.iter().any(takes_text),
        _ => false,
    }
}

#[tokio::test]
async fn no_string_becomes_syntax_or_an_option() {
    let scene = Scene::set("").await;
    let mut tried = 0;
    for tool in scene.client.tools().await {
        let name = tool.name.as_ref();
        // Unspoilt it works, but for tasks that are not there.
        if takes_text(&tool.input_schema["properties"]) {
            let answer = scene
                .client
                .call(tool.name.clone(), scene.arguments(name))
                .await;
            let text = answer.text();
            assert!(
                !answer.is_error() || text.contains("UNKNOWN_TASK"),
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
                    _ => nasty.replace("pwned", &scene.sshd.home("pwned")),
                };
                let Some(arguments) = scene.spoilt(name, parameter, &nasty) else {
                    continue;
                };
                let what = format!("{name} {parameter}: {nasty:?}");
                let answer = scene.client.call(tool.name.clone(), arguments).await;
                assert_a_value(&answer, (name, parameter), &nasty);
                scene.assert_whole(&what);
                tried += 1;
            }
        }
        if name == "api_add" {
            // What comes out of the catalogue meets the server's curl, each as it was taken.
            let listed = scene.client.call("api_list", json!({})).await.ok();
            for alias in listed.facts().as_object().unwrap().keys() {
                let check = json!({"alias": alias, "server_alias": "web1"});
                scene.client.call("api_check", check).await;
                scene.assert_whole(&format!("api_check of {alias:?}"));
            }
        }
        if name == "server_add" {
            let listed = scene.client.call("server_list", json!({})).await.ok();
            for alias in listed.facts().as_object().unwrap().keys() {
                let server = &listed.facts()[alias];
                // No test asks a name server.
                if server["host"] == "127.0.0.1" {
                    let run = json!({"alias": alias, "cmd": "true", "detach": true});
                    scene.client.call("task_exec", run).await;
                    scene.assert_whole(&format!("task_exec on {alias:?}"));
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
        let scene = Scene::set(&login).await;
        let spoilt: [(&'static str, &[&str]); 6] = [
            ("tail_file", &["filepath"]),
            ("get_docker_logs", &["container", "since"]),
            ("get_pm2_logs", &["app"]),
            ("get_fail2ban_status", &["jail"]),
            ("check_api_health", &["url"]),
            ("get_services_status", &[]),
        ];
        for (tool, parameters) in spoilt {
            // What was not spoilt works there as well.
            scene.client.call(tool, scene.arguments(tool)).await.ok();
            for parameter in parameters {
                for nasty in NASTY.into_iter().chain(["!touch", "x\n!!\n"]) {
                    let nasty = nasty.replace("pwned", &scene.sshd.home("pwned"));
                    let arguments = scene.spoilt(tool, parameter, &nasty).unwrap();
                    let answer = scene.client.call(tool, arguments).await;
                    assert_a_value(&answer, (tool, parameter), &nasty);
                    scene.assert_whole(&format!("{shell}: {tool} {parameter}: {nasty:?}"));
                }
            }
        }
        let one = json!({"alias": "web1"});
        let shown = scene.client.call("get_system_resources", one).await.ok();
        assert!(shown.facts()["memory"]["total_bytes"].is_u64());
        let lines = "echo one\necho \"two $((1 + 1))\" >&2\nexit 3";
        let detached = json!({"alias": "web1", "cmd": lines, "detach": true});
        let detached = scene.client.call("task_exec", detached).await.ok();
        let ended = scene.client.wait(&detached.facts()["id"]).await.ok();
        let ended = ended.facts();
        assert_has(
            ended,
            &json!({"output": "one", "stderr": "two 2", "exitCode": 3}),
        );
    }
}
