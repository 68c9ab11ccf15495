//! Secrets are nowhere in clear, whatever is done with them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mcp_sftp_orchestrator::guard::Access;
use mcp_sftp_orchestrator::logging::{MemoryLog, log_panics};
use mcp_sftp_orchestrator::random;
use mcp_sftp_orchestrator::secret::remember;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::helper::search::{Search, Watch, processes};
use crate::helper::{
    Calls, Fixture, Http, RawProcess, SshServer, Sshd, access, binary, closed_port, directory,
    eventually, eventually_so, text,
};

/// Secrets that nothing else resembles.
struct Secrets {
    password: String,
    passphrase: String,
    totp: String,
    key: String,
    pass: String,
    in_url: String,
    answer: String,
    /// A password that stands in command lines and paths, too.
    told: String,
    /// A value under a name that no tool knows.
    misplaced: String,
}

impl Secrets {
    fn new() -> Self {
        let odd = |end: &str| format!("Zq-{}{end}", random::hex::<6>());
        let base32 = random::hex::<10>().to_uppercase();
        Self {
            password: odd("/\"ü&+~x"),
            passphrase: odd("\\+/ %'y"),
            totp: base32.replace(['0', '1', '8', '9'], "Q"),
            key: odd("/=+~.k"),
            pass: odd(":\"/ä?h"),
            in_url: odd("/@:_u"),
            answer: odd("/+=~a"),
            told: odd("+~=t"),
            misplaced: odd("/m"),
        }
    }

    fn all(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("password", &self.password),
            ("passphrase", &self.passphrase),
            ("totpSecret", &self.totp),
            ("api_key", &self.key),
            ("htpasswd_pass", &self.pass),
            ("password in the url", &self.in_url),
            ("response", &self.answer),
            ("password in commands", &self.told),
            ("misplaced", &self.misplaced),
        ]
    }

    /// A text that holds those that this program holds, in all forms.
    fn held(&self) -> String {
        let held = self.all().into_iter().take(6).map(|(_, secret)| {
            let base64 = BASE64_STANDARD.encode(format!("{secret}\n"));
            let basic = BASE64_STANDARD.encode(format!("user:{secret} and more"));
            let json = Value::from(secret);
            let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
            format!("{secret}\n{base64}\nBasic {basic}\n{json}\n?key={percent}&\n")
        });
        held.collect()
    }
}

/// Servers whose files, programs and answers hold secrets.
struct LeakyServer {
    secrets: Secrets,
    sshd: Sshd,
    http: Http,
}

impl SshServer for LeakyServer {
    fn login(&self, alias: &str) -> Value {
        let mut login = self.sshd.login(alias);
        login["passphrase"] = self.secrets.passphrase.as_str().into();
        login["password"] = self.secrets.password.as_str().into();
        login["totpSecret"] = self.secrets.totp.as_str().into();
        login
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sshd.path(name)
    }
}

const SETTINGS: [(&str, &str); 3] = [
    ("MCP_DEBUG", "true"),
    ("MCP_SYNC_TIMEOUT_S", "2"),
    ("SAVE_INTERVAL", "20"),
];

impl Fixture<LeakyServer, ()> {
    async fn leaky() -> Self {
        let script = "[ \"$1\" = jlist ] && { echo '[]'; exit; }\ncat \"$HOME/held\"";
        let programs = ["docker", "pm2", "fail2ban-client"].map(|name| (name, script));
        // Without forwarding, APIs are asked by a command on the server.
        let sshd = Sshd::with_programs(&programs, "AllowTcpForwarding no").with_pm2();
        let secrets = Secrets::new();
        std::fs::write(sshd.home("held"), secrets.held()).unwrap();
        let encrypt = Command::new("ssh-keygen")
            .args(["-q", "-p", "-P", "", "-N", &secrets.passphrase, "-f"])
            .arg(sshd.home("user"))
            .stdout(Stdio::null())
            .status();
        assert!(encrypt.unwrap().success());
        let http = Http::start(None).await;
        Self::of(LeakyServer {
            secrets,
            sshd,
            http,
        })
    }

    fn api(&self, alias: &str, path: &str) -> Value {
        let port = self.server.http.port;
        let in_url = utf8_percent_encode(&self.server.secrets.in_url, NON_ALPHANUMERIC);
        json!({
            "alias": alias, "url": format!("http://user:{in_url}@127.0.0.1:{port}{path}"),
            "auth_method": "both", "api_key": self.server.secrets.key, "auth_header_name": "X-Key",
            "auth_scheme": "", "htpasswd_user": "user", "htpasswd_pass": self.server.secrets.pass,
        })
    }

    /// The subjects of all other calls.
    fn calls(&self, failed: &Value) -> Calls {
        Calls {
            alias: "web1".to_owned(),
            login: self.server.login("web2"),
            command: "true".to_owned(),
            upload: [self.local("stderr"), self.remote("put")],
            remote: self.remote("held"),
            downloads: text(self.files.path()),
            failed: [failed.clone(), failed.clone()],
            changed: Value::Null,
            url: format!("http://127.0.0.1:{}", self.server.http.port),
        }
    }

    /// Calls of a tool that have to do with secrets. The tasks are a failed one and one with an output.
    fn examples(&self, tool: &str, failed: &Value) -> Vec<Value> {
        let told = &self.server.secrets.told;
        let cat = format!("cat {}", self.remote("held"));
        let exec = |cmd: String| json!({"alias": "web1", "cmd": cmd});
        let half = self.server.secrets.held().len() / 2;
        match tool {
            "server_add" => vec![
                self.server.login("web2"),
                json!({"alias": "gone", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": told}),
                json!({"alias": "x", "host": "h", "user": "u", "passwort": self.server.secrets.misplaced}),
                json!({"alias": "x", "host": "h", "user": "u", "totpSecret": self.server.secrets.answer}),
                json!({"alias": "x", "host": "h", "user": "u", "password": self.server.secrets.password, "port": 0}),
                json!({"alias": "x", "host": "h", "user": "u", "password": {"is": self.server.secrets.misplaced}}),
            ],
            "server_remove" => vec![json!({"alias": "web2"})],
            "server_import" => vec![json!({"pattern": told})],
            "policy_blocklist_add" | "policy_blocklist_remove" => {
                vec![json!({"pattern": "frobnicate"}), json!({"pattern": "{"})]
            }
            "task_exec" => vec![
                exec(cat.clone()),
                exec(format!("{cat} >&2; exit 3")),
                exec(format!(
                    "{cat} | head -c {half}; sleep 0.1; {cat} | tail -c +{}",
                    half + 1
                )),
                exec(format!("mysql -p{told} x")),
                json!({"alias": "web1", "cmd": format!("{cat}; sleep 9"), "timeout": 0.5}),
                json!({"alias": "web1", "cmd": format!("{cat}; sleep 9"), "streamTimeout": 0.5}),
                json!({"alias": "web1", "cmd": format!("{cat}; echo {told}"), "detach": true}),
                json!({"alias": "gone", "cmd": format!("echo {told}")}),
                exec(format!("{cat}; rm -rf / {told}")),
            ],
            "task_exec_interactive" => vec![
                json!({
                    "alias": "web1", "responses": {"Password": self.server.secrets.answer}, "timeout": 1,
                    "cmd": format!("{cat}; printf 'Password: '; read x; echo $x; echo $x | base64; {cat} | head -1; printf \"$x? \"; read y"),
                }),
                json!({"alias": "web1", "cmd": "true", "responses": self.server.secrets.misplaced}),
                json!({"alias": "web1", "cmd": "true", "responses": {"Password": [self.server.secrets.misplaced]}}),
            ],
            "task_exec_sequence" => vec![json!({
                "alias": "web1", "continueOnError": true,
                "commands": [cat, format!("{cat} >&2; echo {told}; false"), format!("{cat}; exit 4")],
            })],
            "task_transfer" => vec![
                json!({"alias": "web1", "direction": "download", "local": self.local("got"), "remote": self.remote("held")}),
                json!({"alias": "web1", "direction": "download", "local": self.local(told), "remote": self.remote(told)}),
            ],
            "task_transfer_multi" => vec![
                json!({"alias": "web1", "direction": "upload", "files": [{"local": self.local(told), "remote": self.remote(told)}]}),
            ],
            "tail_file" => vec![
                json!({"alias": "web1", "filepath": self.remote("held")}),
                json!({"alias": "web1", "filepath": self.remote(told)}),
            ],
            "get_docker_logs" => vec![json!({"alias": "web1", "container": told})],
            "get_pm2_logs" => vec![json!({"alias": "web1", "app": told})],
            "task_status" | "task_wait" | "task_cancel" | "task_retry" | "task_output" => {
                vec![json!({"id": failed}), json!({"id": told})]
            }
            "task_logs" => vec![json!({"limit": 500}), json!({"search": told})],
            "system_diagnostics" => vec![json!({"verbose": true})],
            "server_trust" | "get_fail2ban_status" => vec![json!({"alias": "web1"})],
            "task_queue" | "task_history" => vec![json!({})],
            "api_add" => vec![
                self.api("api", "/200"),
                self.api("silent", "/silent"),
                json!({"alias": "x", "url": format!("ftp://user:{}@h", self.server.secrets.answer)}),
                json!({"alias": "x", "url": "http://h", "auth_method": "api_key", "api_key": format!("{}\n", self.server.secrets.key)}),
            ],
            "api_remove" => vec![json!({"alias": "none"})],
            "api_check" => vec![
                json!({"alias": "api"}),
                json!({"alias": "api", "server_alias": "web1"}),
                json!({"alias": "silent", "server_alias": "web1"}),
            ],
            "check_api_health" => {
                let url = self.api("api", "/503")["url"].clone();
                vec![json!({"alias": "web1", "url": url})]
            }
            other => {
                let calls = self.calls(failed).of(other).into_iter();
                calls.map(|(_, arguments)| arguments).collect()
            }
        }
    }

    /// Makes the calls that go together: hand off, read, cancel, retry.
    async fn go_on(&self, server: &mut RawProcess) {
        let held = self.remote("held");
        let told = &self.server.secrets.told;
        // Handed off, read while it runs, cancelled, retried.
        let cmd = format!("cat {held}; cat {held} >&2; sleep 9");
        let begun = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
        let begun = server.tool("task_exec", begun).await.ok();
        let id = json!({"id": begun.facts()["id"]});
        for stream in ["stdout", "stderr"] {
            eventually_so("its output is there", async || {
                let page = json!({"id": id["id"], "stream": stream});
                let page = server.tool("task_output", page).await.ok();
                page.text().contains("**") && page.text().contains("Basic ")
            })
            .await;
        }
        server.tool("task_cancel", id.clone()).await.ok();
        let again = server.tool("task_retry", id).await.ok();
        server
            .tool("task_cancel", json!({"id": again.facts()["id"]}))
            .await
            .ok();
        // A command that was not recorded whole is kept encrypted, and run again.
        let failing = json!({"alias": "web1", "cmd": format!("echo {told}; exit 3")});
        let failed = server.tool("task_exec", failing).await.ok();
        let ended = json!({"id": failed.facts()["id"]});
        server.tool("task_wait", ended).await.ok();
        let again = json!({"id": failed.facts()["id"]});
        let again = server.tool("task_retry", again).await.ok();
        again.has(&json!({"exitCode": 3}));
    }

    /// Killed in the middle: what ran there is retried, what is detached is gone on with.
    async fn go_on_after_a_crash(&self, mut server: RawProcess) -> RawProcess {
        let (held, told) = (self.remote("held"), &self.server.secrets.told);
        let running = json!({"alias": "web1", "cmd": format!("cat {held}; sleep 2"), "background": true, "detach": false});
        let running = server.tool("task_exec", running).await.ok();
        let detached = format!("echo {told}; cat {held}; sleep 1; cat {held}; exit 3");
        let detached = json!({"alias": "web1", "cmd": detached, "detach": true});
        let detached = server.tool("task_exec", detached).await.ok();
        server.child.kill().await.unwrap();
        let heard = server.heard;

        let mut server = self.serve(&SETTINGS).await;
        server.heard.insert_str(0, &heard);
        let retried = json!({"id": running.facts()["id"]});
        server.tool("task_retry", retried).await.ok();
        let ended = json!({"id": detached.facts()["id"]});
        let ended = server.tool("task_wait", ended).await.ok();
        // That its command is not on record is no reason to leave it alone.
        assert_eq!(ended.facts()["exitCode"], 3, "{}", ended.text());
        assert!(ended.text().contains("***"), "{}", ended.text());
        server
    }
}

/// After calls of all tools, a crash and retries no secret is in any file, answer, log line or process table.
#[tokio::test]
async fn no_secret_is_found_anywhere_after_every_tool_was_used() {
    let fixture = Fixture::leaky().await;
    let all = fixture.server.secrets.all();
    // A command line's arguments stand in the server's process table.
    let unseen: Vec<_> = all
        .iter()
        .filter(|(_, secret)| *secret != fixture.server.secrets.told)
        .copied()
        .collect();
    let watch = Watch::begin(Search::of(&unseen));
    let mut server = fixture.serve(&SETTINGS).await;
    server
        .tool("server_add", fixture.server.login("web1"))
        .await
        .ok();
    for add in fixture.examples("server_add", &Value::Null) {
        server.tool("server_add", add).await;
    }
    for add in fixture.examples("api_add", &Value::Null) {
        server.tool("api_add", add).await;
    }
    let failing =
        json!({"alias": "web1", "cmd": format!("cat {}; exit 3", fixture.remote("held"))});
    let failed = server.tool("task_exec", failing).await.ok();
    let failed = failed.facts()["id"].clone();
    // On a busy machine the first connection takes longer than a call waits here.
    let ended = server.tool("task_wait", json!({"id": failed})).await.ok();
    assert!(ended.text().contains("***"), "{}", ended.text());
    let tools = server.tools().await;
    // Tools that only look come again at the end, and show the traces of the others without the secrets.
    let lookers = tools
        .iter()
        .filter(|tool| access(&tool.name) == Access::ReadsHere);
    for tool in tools.iter().chain(lookers) {
        for arguments in fixture.examples(&tool.name, &failed) {
            server.tool(&tool.name, arguments).await;
        }
    }
    fixture.go_on(&mut server).await;
    let mut server = fixture.go_on_after_a_crash(server).await;
    for tool in [
        "task_queue",
        "task_history",
        "task_logs",
        "system_diagnostics",
    ] {
        server.tool(tool, json!({})).await.ok();
    }
    let in_processes = watch.end();
    server.close_input();
    server.child.wait().await.unwrap();

    let search = Search::of(&all);
    let mut heard = std::mem::take(&mut server.heard);
    let mut log = fixture.said();
    assert!(log.contains(" debug "), "it says what it does");
    assert_eq!(search.found_in_files(fixture.data.path()), [""; 0]);
    assert_eq!(search.found(heard.as_bytes()), [""; 0]);
    assert_eq!(search.found(log.as_bytes()), [""; 0]);
    assert_eq!(in_processes, [""; 0]);
    assert!(!heard.contains("sealed:"), "not even encrypted");

    // It would have been found.
    let hidden = BASE64_STANDARD.encode(format!("root:{}\n", fixture.server.secrets.key));
    std::fs::write(fixture.stored("output/planted"), hidden).unwrap();
    heard.push_str(&json!({"x": fixture.server.secrets.password}).to_string());
    log.push_str(&utf8_percent_encode(&fixture.server.secrets.pass, NON_ALPHANUMERIC).to_string());
    assert_eq!(search.found_in_files(fixture.data.path()).len(), 1);
    assert_eq!(search.found(heard.as_bytes()).len(), 1);
    assert_eq!(search.found(log.as_bytes()).len(), 1);
    let watch = Watch::begin(Search::of(&unseen));
    let mut planted = Command::new("sleep")
        .arg("60")
        .env("X", &fixture.server.secrets.answer)
        .spawn()
        .unwrap();
    let seen = Search::of(&unseen);
    eventually("it is in the process table", || {
        processes().any(|process| !seen.found(&process).is_empty())
    })
    .await;
    std::thread::sleep(Duration::from_millis(100));
    planted.kill().unwrap();
    planted.wait().unwrap();
    assert!(!watch.end().is_empty());
}

/// The log of a panic is masked.
#[test]
fn a_panic_is_logged_without_secrets() {
    const SECRET: &str = "Zq-in-a-panic";
    if std::env::var_os("PANIC_HERE").is_some() {
        // The process that the other branch has started.
        let log = MemoryLog::install(tracing::Level::INFO);
        log_panics();
        remember(SECRET);
        let panicked = std::thread::spawn(|| panic!("it was {SECRET}")).join();
        assert!(panicked.is_err() && log.lines().len() == 1);
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "secrets::a_panic_is_logged_without_secrets",
            "--nocapture",
        ])
        .env("PANIC_HERE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("it was ***") && said.contains("secrets.rs"),
        "{said}"
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        !said.contains(SECRET) && !stdout.contains(SECRET),
        "{said}{stdout}"
    );
}

/// `--help` and `doctor` name `MCP_SECRET_KEY` and do not show it.
#[tokio::test]
async fn settings_that_are_secrets_are_not_shown() {
    let data = directory();
    let key = "Zq-own-key-of-mine";
    for command in [&["--help"][..], &["doctor"]] {
        let output = binary()
            .arg(format!("--data-dir={}", data.path().display()))
            .args(command)
            .env("MCP_SECRET_KEY", key)
            .output()
            .await
            .unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.contains("MCP_SECRET_KEY") && !shown.contains(key),
            "{shown}"
        );
    }
}
