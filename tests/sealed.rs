//! Secrets: nowhere in clear, whatever is done with them; where they lie, and what becomes of them
//! when that is gone.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mcp_sftp_orchestrator::logging::{Log, log_panics};
use mcp_sftp_orchestrator::random;
use mcp_sftp_orchestrator::secret::remember;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::helper::{
    EmbeddedServer, Folder, Http, PASSWORD, Pm2Daemon, RawProcess, Sshd, USER, binary, closed_port,
    directory, eventually, eventually_so, login, program, read_json, text,
};

/// Texts that must not be found, by the names that a failure may show.
struct Search {
    any: AhoCorasick,
    names: Vec<String>,
}

impl Search {
    fn of(secrets: &[(&str, &str)]) -> Self {
        let forms: Vec<_> = secrets
            .iter()
            .flat_map(|(name, secret)| {
                forms(secret)
                    .into_iter()
                    .map(move |(form, text)| (format!("{name}, {form}"), text))
            })
            .collect();
        Self {
            any: AhoCorasick::new(forms.iter().map(|(_, text)| text)).unwrap(),
            names: forms.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// What is found in bytes, with what stands before it.
    fn found(&self, bytes: &[u8]) -> Vec<String> {
        let found = self.any.find_iter(bytes).map(|found| {
            let before = &bytes[found.start().saturating_sub(80)..found.start()];
            let name = &self.names[found.pattern()];
            format!("{name}, after `{}`", String::from_utf8_lossy(before))
        });
        found.collect()
    }

    /// What is found in the files of a directory and of those in it.
    fn found_in_files(&self, directory: &Path) -> Vec<String> {
        files(directory)
            .iter()
            .flat_map(|path| {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                let found = self.found(&std::fs::read(path).unwrap());
                let in_name = self.found(name.as_bytes());
                let named = found.into_iter().chain(in_name);
                named.map(move |found| format!("{name}: {found}"))
            })
            .collect()
    }
}

/// In clear, and as other texts hold it.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let json = Value::from(secret).to_string();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut few = percent.clone();
    for kept in ["-", ".", "_", "~"] {
        few = few.replace(&format!("%{:02X}", kept.as_bytes()[0]), kept);
    }
    let mut forms = vec![
        ("plain", secret.to_owned()),
        ("JSON", json[1..json.len() - 1].to_owned()),
        ("percent", percent),
        ("percent", few),
    ];
    for before in 0..3 {
        let whole = BASE64_STANDARD.encode([&vec![b'x'; before], secret.as_bytes()].concat());
        // What the neighbours have no part in.
        let (first, end) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
        forms.push(("base64", whole[first..end].to_owned()));
    }
    forms
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Looks through the process table, command lines and environments, until it is asked what it found.
/// The server is on this machine: it is the table of both sides.
struct Watch {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Watch {
    fn begin(search: Search) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut found = Vec::new();
            while !asked.load(Ordering::Relaxed) {
                found.extend(processes().flat_map(|process| search.found(&process)));
                std::thread::sleep(Duration::from_millis(25));
            }
            found
        });
        Self { ends, thread }
    }

    fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Command line and environment of every process but this one.
fn processes() -> impl Iterator<Item = Vec<u8>> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(move |entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.parse::<u32>().is_ok() && name != own
        })
        .map(|entry| {
            let part = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
            [part("cmdline"), b"\n".to_vec(), part("environ")].concat()
        })
}

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
    /// What is given under a name that no tool knows.
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

/// A server whose files and programs print secrets, and what calls it.
struct Scene {
    secrets: Secrets,
    sshd: Sshd,
    http: Http,
    data: Folder,
    place: Folder,
    _programs: Folder,
    _pm2: Pm2Daemon,
}

const SETTINGS: [(&str, &str); 3] = [
    ("MCP_DEBUG", "true"),
    ("MCP_SYNC_TIMEOUT_S", "2"),
    ("SAVE_INTERVAL", "20"),
];

impl Scene {
    async fn set() -> Self {
        let (data, place, programs) = (directory(), directory(), directory());
        for name in ["docker", "pm2", "fail2ban-client"] {
            let script = "[ \"$1\" = jlist ] && { echo '[]'; exit; }\ncat \"$HOME/held\"";
            program(programs.path(), name, script);
        }
        // Without forwarding, APIs are asked by a command on the server.
        let path = format!("SetEnv PATH={}:/usr/bin:/bin", text(programs.path()));
        let sshd = Sshd::start_with(&format!("{path}\nAllowTcpForwarding no"));
        let secrets = Secrets::new();
        std::fs::write(sshd.home("held"), secrets.held()).unwrap();
        let encrypt = Command::new("ssh-keygen")
            .args(["-q", "-p", "-P", "", "-N", &secrets.passphrase, "-f"])
            .arg(sshd.home("user"))
            .stdout(Stdio::null())
            .status();
        assert!(encrypt.unwrap().success());
        Self {
            secrets,
            _pm2: Pm2Daemon::start(sshd.directory.path()),
            sshd,
            http: Http::start(None).await,
            data,
            place,
            _programs: programs,
        }
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("stderr")
    }

    async fn serve(&self) -> RawProcess {
        RawProcess::serving(self.data.path(), &SETTINGS, &self.log()).await
    }

    fn login(&self, alias: &str) -> Value {
        let mut login = self.sshd.login(alias);
        login["passphrase"] = self.secrets.passphrase.as_str().into();
        login["password"] = self.secrets.password.as_str().into();
        login["totpSecret"] = self.secrets.totp.as_str().into();
        login
    }

    fn api(&self, alias: &str, path: &str) -> Value {
        let port = self.http.port;
        let in_url = utf8_percent_encode(&self.secrets.in_url, NON_ALPHANUMERIC);
        json!({
            "alias": alias, "url": format!("http://user:{in_url}@127.0.0.1:{port}{path}"),
            "auth_method": "both", "api_key": self.secrets.key, "auth_header_name": "X-Key",
            "auth_scheme": "", "htpasswd_user": "user", "htpasswd_pass": self.secrets.pass,
        })
    }

    /// Calls of a tool that have to do with secrets. The tasks are a failed one and one with an output.
    fn examples(&self, tool: &str, failed: &Value) -> Vec<Value> {
        let alias = json!({"alias": "web1"});
        let told = &self.secrets.told;
        let cat = format!("cat {}", self.sshd.home("held"));
        let exec = |cmd: String| json!({"alias": "web1", "cmd": cmd});
        let half = self.secrets.held().len() / 2;
        match tool {
            "server_add" => vec![
                self.login("web2"),
                json!({"alias": "gone", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": told}),
                json!({"alias": "x", "host": "h", "user": "u", "passwort": self.secrets.misplaced}),
                json!({"alias": "x", "host": "h", "user": "u", "totpSecret": self.secrets.answer}),
                json!({"alias": "x", "host": "h", "user": "u", "password": self.secrets.password, "port": 0}),
                json!({"alias": "x", "host": "h", "user": "u", "password": {"is": self.secrets.misplaced}}),
            ],
            "server_remove" => vec![json!({"alias": "web2"})],
            "server_import" => vec![json!({"pattern": told})],
            "server_trust"
            | "get_system_resources"
            | "get_services_status"
            | "get_fail2ban_status" => vec![alias],
            "server_list"
            | "policy_blocklist_list"
            | "queue_stats"
            | "pool_stats"
            | "api_list"
            | "task_queue"
            | "task_history" => vec![json!({})],
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
                    "alias": "web1", "responses": {"Password": self.secrets.answer}, "timeout": 1,
                    "cmd": format!("{cat}; printf 'Password: '; read x; echo $x; echo $x | base64; {cat} | head -1; printf \"$x? \"; read y"),
                }),
                json!({"alias": "web1", "cmd": "true", "responses": self.secrets.misplaced}),
                json!({"alias": "web1", "cmd": "true", "responses": {"Password": [self.secrets.misplaced]}}),
            ],
            "task_exec_sequence" => vec![json!({
                "alias": "web1", "continueOnError": true,
                "commands": [cat, format!("{cat} >&2; echo {told}; false"), format!("{cat}; exit 4")],
            })],
            "task_transfer" => vec![
                json!({"alias": "web1", "direction": "download", "local": text(&self.place.path().join("got")), "remote": self.sshd.home("held")}),
                json!({"alias": "web1", "direction": "download", "local": text(&self.place.path().join(told)), "remote": self.sshd.home(told)}),
            ],
            "task_transfer_multi" => vec![
                json!({"alias": "web1", "direction": "upload", "files": [{"local": text(&self.place.path().join(told)), "remote": self.sshd.home(told)}]}),
            ],
            "tail_file" => vec![
                json!({"alias": "web1", "filepath": self.sshd.home("held")}),
                json!({"alias": "web1", "filepath": self.sshd.home(told)}),
            ],
            "get_docker_logs" => vec![json!({"alias": "web1", "container": told})],
            "get_pm2_logs" => vec![json!({"alias": "web1", "app": told})],
            "task_status" | "task_wait" | "task_cancel" | "task_retry" | "task_output" => {
                vec![json!({"id": failed}), json!({"id": told})]
            }
            "task_logs" => vec![json!({"limit": 500}), json!({"search": told})],
            "system_diagnostics" => vec![json!({"verbose": true})],
            "api_add" => vec![
                self.api("api", "/200"),
                self.api("silent", "/silent"),
                json!({"alias": "x", "url": format!("ftp://user:{}@h", self.secrets.answer)}),
                json!({"alias": "x", "url": "http://h", "auth_method": "api_key", "api_key": format!("{}\n", self.secrets.key)}),
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
            other => panic!("{other} has no example here: does it keep secrets to itself?"),
        }
    }

    /// What takes more than one call.
    async fn go_on(&self, server: &mut RawProcess) {
        let held = self.sshd.home("held");
        let told = &self.secrets.told;
        // Handed off, read while it runs, cancelled, retried.
        let cmd = format!("cat {held}; cat {held} >&2; sleep 9");
        let begun = json!({"alias": "web1", "cmd": cmd, "background": true});
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
        // What was not recorded whole cannot be done again.
        let failing = json!({"alias": "web1", "cmd": format!("echo {told}; exit 3")});
        let failed = server.tool("task_exec", failing).await.ok();
        let ended = json!({"id": failed.facts()["id"]});
        server.tool("task_wait", ended).await.ok();
        let refused = server
            .tool("task_retry", json!({"id": failed.facts()["id"]}))
            .await;
        refused.error("NOT_RETRYABLE");
    }

    /// Killed in the middle: what ran there is retried, what is detached is gone on with.
    async fn go_on_after_a_crash(&self, mut server: RawProcess) -> RawProcess {
        let (held, told) = (self.sshd.home("held"), &self.secrets.told);
        let running =
            json!({"alias": "web1", "cmd": format!("cat {held}; sleep 2"), "background": true});
        let running = server.tool("task_exec", running).await.ok();
        let detached = format!("echo {told}; cat {held}; sleep 1; cat {held}; exit 3");
        let detached = json!({"alias": "web1", "cmd": detached, "detach": true});
        let detached = server.tool("task_exec", detached).await.ok();
        server.child.kill().await.unwrap();
        let heard = server.heard;

        let mut server = self.serve().await;
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

#[tokio::test]
async fn no_secret_is_found_anywhere_after_every_tool_was_used() {
    let scene = Scene::set().await;
    let all = scene.secrets.all();
    // What is given in a command line stands in the server's process table.
    let unseen: Vec<_> = all
        .iter()
        .filter(|(_, secret)| *secret != scene.secrets.told)
        .copied()
        .collect();
    let watch = Watch::begin(Search::of(&unseen));
    let mut server = scene.serve().await;
    server.tool("server_add", scene.login("web1")).await.ok();
    for add in scene.examples("server_add", &Value::Null) {
        server.tool("server_add", add).await;
    }
    for add in scene.examples("api_add", &Value::Null) {
        server.tool("api_add", add).await;
    }
    let failing =
        json!({"alias": "web1", "cmd": format!("cat {}; exit 3", scene.sshd.home("held"))});
    let failed = server.tool("task_exec", failing).await.ok();
    let failed = failed.facts()["id"].clone();
    // On a busy machine the first connection takes longer than a call waits here.
    let ended = server.tool("task_wait", json!({"id": failed})).await.ok();
    assert!(ended.text().contains("***"), "{}", ended.text());
    let tools = server.tools().await;
    // What the others have left, those that only look have to show without the secrets.
    let lookers = tools.iter().filter(|tool| {
        let hints = tool.annotations.as_ref().unwrap();
        hints.read_only_hint == Some(true) && hints.open_world_hint == Some(false)
    });
    for tool in tools.iter().chain(lookers) {
        for arguments in scene.examples(&tool.name, &failed) {
            server.tool(&tool.name, arguments).await;
        }
    }
    scene.go_on(&mut server).await;
    let mut server = scene.go_on_after_a_crash(server).await;
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
    let mut log = std::fs::read_to_string(scene.log()).unwrap();
    assert!(log.contains(" debug "), "it says what it does");
    assert_eq!(search.found_in_files(scene.data.path()), [""; 0]);
    assert_eq!(search.found(heard.as_bytes()), [""; 0]);
    assert_eq!(search.found(log.as_bytes()), [""; 0]);
    assert_eq!(in_processes, [""; 0]);
    assert!(!heard.contains("sealed:"), "not even encrypted");

    // It would have been found.
    let hidden = BASE64_STANDARD.encode(format!("root:{}\n", scene.secrets.key));
    std::fs::write(scene.data.path().join("output/planted"), hidden).unwrap();
    heard.push_str(&json!({"x": scene.secrets.password}).to_string());
    log.push_str(&utf8_percent_encode(&scene.secrets.pass, NON_ALPHANUMERIC).to_string());
    assert_eq!(search.found_in_files(scene.data.path()).len(), 1);
    assert_eq!(search.found(heard.as_bytes()).len(), 1);
    assert_eq!(search.found(log.as_bytes()).len(), 1);
    let watch = Watch::begin(Search::of(&unseen));
    let mut planted = Command::new("sleep")
        .arg("60")
        .env("X", &scene.secrets.answer)
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

/// An embedded server, a data directory, and what processes of it say on standard error.
struct Keep {
    server: EmbeddedServer,
    data: Folder,
    place: Folder,
}

impl Keep {
    async fn set() -> Self {
        let (data, place) = (directory(), directory());
        let server = EmbeddedServer::start(place.path(), None).await.unwrap();
        Self {
            server,
            data,
            place,
        }
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("stderr")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    async fn serve(&self, settings: &[(&str, &str)]) -> RawProcess {
        RawProcess::serving(self.data.path(), settings, &self.log()).await
    }

    fn login(&self, alias: &str, password: &str) -> Value {
        let mut login = login(alias, self.server.address().port());
        login["password"] = password.into();
        login
    }

    /// The files of the original, with a server that is there.
    fn write_clear(&self) {
        let port = self.server.address().port();
        let servers = json!({
            "web1": {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "colour": "red"},
            "web2": {"host": "192.0.2.7", "user": "deploy", "keyPath": "/k", "passphrase": "Zq-clear-phrase"},
            "web3": {"host": "192.0.2.8", "user": "deploy", "password": "env:WEB3"},
        });
        let apis = json!({"shop": {
            "url": "https://user:Zq-clear-url@192.0.2.7/", "auth_method": "both", "api_key": "Zq-clear-key",
            "auth_header_name": "X-Key", "htpasswd_user": "u", "htpasswd_pass": "Zq-clear-pass", "owner": "me",
        }});
        std::fs::write(self.file("servers.json"), servers.to_string()).unwrap();
        std::fs::write(self.file("apis.json"), apis.to_string()).unwrap();
    }
}

const CLEAR: [(&str, &str); 5] = [
    ("password", PASSWORD),
    ("passphrase", "Zq-clear-phrase"),
    ("url", "Zq-clear-url"),
    ("key", "Zq-clear-key"),
    ("pass", "Zq-clear-pass"),
];

async fn logs_in(server: &mut RawProcess, alias: &str) {
    let run = json!({"alias": alias, "cmd": "echo in"});
    let answer = server.tool("task_exec", run).await.ok();
    assert_eq!(answer.facts()["output"], "in", "{}", answer.text());
}

/// The message of what a command on a server fails with for want of its secret.
async fn lacks_its_secret(server: &mut RawProcess, alias: &str) -> String {
    let run = json!({"alias": alias, "cmd": "true"});
    let error = server.tool("task_exec", run).await;
    let error = error.error("SECRET_UNAVAILABLE");
    format!("{}; {}", error["message"], error["details"]["hint"])
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_stood_in_clear_is_encrypted_by_whichever_process_comes_first() {
    let keep = Keep::set().await;
    keep.write_clear();
    let (mut one, mut other) = tokio::join!(keep.serve(&[]), keep.serve(&[]));
    for server in [&mut one, &mut other] {
        logs_in(server, "web1").await;
    }
    let said = keep.said();
    for file in [
        "servers.json held the secrets of 2",
        "apis.json held the secrets of 1",
    ] {
        assert!(said.contains(file), "{said}");
    }
    let servers = read_json(&keep.file("servers.json"));
    let apis = read_json(&keep.file("apis.json"));
    assert_eq!(servers["web1"]["colour"], "red");
    assert_eq!(servers["web2"]["keyPath"], "/k");
    assert_eq!(servers["web3"]["password"], "env:WEB3");
    assert_eq!(apis["shop"]["owner"], "me");
    assert_eq!(apis["shop"]["url"], "https://192.0.2.7/");
    for sealed in [
        &servers["web1"]["password"],
        &servers["web2"]["passphrase"],
        &apis["shop"]["api_key"],
        &apis["shop"]["htpasswd_pass"],
        &apis["shop"]["url_credentials"],
    ] {
        assert!(
            sealed.as_str().unwrap().starts_with("sealed:v1:"),
            "{sealed}"
        );
    }
    assert_eq!(Search::of(&CLEAR).found_in_files(keep.data.path()), [""; 0]);
    assert_eq!(mode(&keep.file("secret.key")), 0o600);
    for tool in ["server_list", "system_diagnostics", "api_list"] {
        let shown = one.tool(tool, json!({})).await.ok();
        assert!(shown.text().contains("***") && !shown.text().contains("sealed"));
    }
    // Once is enough.
    let before = keep.said().len();
    logs_in(&mut keep.serve(&[]).await, "web1").await;
    assert!(!keep.said()[before..].contains("in clear"));
}

#[tokio::test]
async fn the_old_files_are_kept_only_where_that_is_wanted() {
    for (setting, copies) in [("true", 2), ("false", 0)] {
        let keep = Keep::set().await;
        keep.write_clear();
        logs_in(
            &mut keep.serve(&[("MCP_KEEP_CLEAR_SECRETS", setting)]).await,
            "web1",
        )
        .await;
        let kept = files(keep.data.path());
        let kept: Vec<_> = kept
            .iter()
            .filter(|path| text(path).contains("clear-"))
            .collect();
        assert_eq!(kept.len(), copies, "{kept:?}");
        let search = Search::of(&CLEAR);
        for path in kept {
            assert!(!search.found(&std::fs::read(path).unwrap()).is_empty());
            assert_eq!(mode(path), 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_key_of_the_user_s_own_leaves_no_key_here() {
    const KEY: (&str, &str) = ("MCP_SECRET_KEY", "correct horse battery staple");
    let (keep, sshd) = (Keep::set().await, Sshd::start());
    let mut server = keep.serve(&[KEY]).await;
    server
        .tool("server_add", keep.login("web1", PASSWORD))
        .await
        .ok();
    server.tool("server_add", sshd.login("keyed")).await.ok();
    logs_in(&mut server, "web1").await;
    assert!(!keep.file("secret.key").exists());
    logs_in(&mut keep.serve(&[KEY]).await, "web1").await;

    let mut server = keep.serve(&[("MCP_SECRET_KEY", "another one")]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(
        lack.contains("not in MCP_SECRET_KEY") && lack.contains("server_add"),
        "{lack}"
    );
    logs_in(&mut server, "keyed").await;
    // Set again, it is there again.
    server
        .tool("server_add", keep.login("web1", PASSWORD))
        .await
        .ok();
    logs_in(&mut server, "web1").await;
}

#[tokio::test]
async fn a_lost_key_takes_only_what_it_had_encrypted() {
    let keep = Keep::set().await;
    let mut server = keep.serve(&[]).await;
    server
        .tool("server_add", keep.login("web1", PASSWORD))
        .await
        .ok();
    server.child.kill().await.unwrap();
    // What is encrypted from now on needs the new key alone, though the old one was in use as well.
    let own = [("MCP_SECRET_KEY", "correct horse battery staple")];
    let mut server = keep.serve(&own).await;
    logs_in(&mut server, "web1").await;
    server
        .tool("server_add", keep.login("web2", PASSWORD))
        .await
        .ok();
    std::fs::remove_file(keep.file("secret.key")).unwrap();
    let mut server = keep.serve(&own).await;
    logs_in(&mut server, "web2").await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(
        lack.contains("set the secret again, or bring that key back"),
        "{lack}"
    );

    let mut server = keep.serve(&[]).await;
    let lack = lacks_its_secret(&mut server, "web1").await;
    assert!(lack.contains("secret.key"), "{lack}");
    assert!(keep.said().contains("server `web1`: "), "{}", keep.said());
    let listed = server.tool("server_list", json!({})).await.ok();
    assert_eq!(listed.facts()["web1"]["password"], "***");
}

#[tokio::test]
async fn references_are_resolved_where_they_lead() {
    let keep = Keep::set().await;
    let path = keep.place.path().join("password");
    std::fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let seen = keep.place.path().join("environment");
    let file = format!("file:{}", path.display());
    let command = format!("cmd:env > {}; cat {}", seen.display(), path.display());
    let settings = [
        ("WEB1_PASSWORD", PASSWORD),
        ("MCP_SECRET_KEY", "nobody else's"),
        ("MCP_ALLOW_CMD_SECRETS", "1"),
    ];
    let mut server = keep.serve(&settings).await;
    for (alias, reference, shown) in [
        ("env", "env:WEB1_PASSWORD", "env:WEB1_PASSWORD"),
        ("file", &file, &file),
        ("cmd", &command, "cmd:***"),
    ] {
        let added = server
            .tool("server_add", keep.login(alias, reference))
            .await
            .ok();
        assert_eq!(added.facts()["server"]["password"], shown);
        logs_in(&mut server, alias).await;
        let listed = server.tool("server_list", json!({})).await.ok();
        assert_eq!(listed.facts()[alias]["password"], shown);
    }
    // Kept as it is, and what it led to nowhere.
    assert_eq!(
        read_json(&keep.file("servers.json"))["file"]["password"],
        file
    );
    let held = [("password", PASSWORD)];
    assert_eq!(Search::of(&held).found_in_files(keep.data.path()), [""; 0]);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("PATH=") && !seen.contains("nobody else's"),
        "{seen}"
    );

    let empty = keep.place.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for (reference, named, reason) in [
        ("env:NOT_SET_HERE", "env:NOT_SET_HERE", "is not set"),
        (
            "file:/nowhere/at all",
            "file:/nowhere/at all",
            "cannot be read",
        ),
        (&format!("file:{}", empty.display()), "file:", "it is empty"),
        (
            &format!("cmd:echo {PASSWORD} >&2; exit 3"),
            "cmd:***",
            "exit status: 3",
        ),
    ] {
        server
            .tool("server_add", keep.login("lost", reference))
            .await
            .ok();
        let lack = lacks_its_secret(&mut server, "lost").await;
        assert!(lack.contains(named) && lack.contains(reason), "{lack}");
        assert!(!lack.contains(PASSWORD), "{lack}");
    }
}

/// A session bus with an unlocked keyring on it, both gone when dropped.
struct Keyring {
    place: Folder,
    processes: Vec<Child>,
}

impl Keyring {
    /// `None`, said, where it is not there.
    async fn start() -> Option<Self> {
        let programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];
        let missing = |name: &&&str| !Path::new("/usr/bin").join(name).exists();
        if let Some(name) = programs.iter().find(missing) {
            eprintln!("not run: {name} is not there");
            return None;
        }
        let mut keyring = Self {
            place: directory(),
            processes: Vec::new(),
        };
        let place = keyring.place.path();
        // Nothing is started by the bus.
        let configuration = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            text(&place.join("bus"))
        );
        std::fs::write(place.join("bus.conf"), configuration).unwrap();
        let bus = keyring.command("dbus-daemon");
        keyring.begin(
            bus,
            &[
                "--nofork",
                "--config-file",
                &text(&keyring.place.path().join("bus.conf")),
            ],
            "",
        );
        eventually("the bus is there", || {
            keyring.place.path().join("bus").exists()
        })
        .await;
        let daemon = keyring.command("gnome-keyring-daemon");
        keyring.begin(
            daemon,
            &["--foreground", "--unlock", "--components=secrets"],
            "pw",
        );
        eventually("the keyring is there", || {
            let asked = keyring
                .command("dbus-send")
                .args([
                    "--session",
                    "--print-reply",
                    "--dest=org.freedesktop.DBus",
                    "/",
                ])
                .args([
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ])
                .output();
            String::from_utf8(asked.unwrap().stdout)
                .unwrap()
                .contains("true")
        })
        .await;
        Some(keyring)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| text(&self.place.path().join(name));
        vec![
            ("MCP_KEYRING", "true".to_owned()),
            (
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={}", path("bus")),
            ),
            ("HOME", path("")),
            ("XDG_RUNTIME_DIR", path("")),
            ("XDG_DATA_HOME", path("share")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_CACHE_HOME", path("cache")),
        ]
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.envs(self.settings()).stderr(Stdio::null());
        command
    }

    fn begin(&mut self, mut command: Command, arguments: &[&str], input: &str) {
        let mut process = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        process
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        self.processes.push(process);
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[tokio::test]
async fn a_keyring_keeps_the_key() {
    let Some(keyring) = Keyring::start().await else {
        return;
    };
    let keep = Keep::set().await;
    let settings = keyring.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut server = keep.serve(&settings).await;
    server
        .tool("server_add", keep.login("web1", PASSWORD))
        .await
        .ok();
    let mut other = keep.serve(&settings).await;
    logs_in(&mut other, "web1").await;
    assert!(!keep.file("secret.key").exists());
    let held = [("password", PASSWORD)];
    assert_eq!(Search::of(&held).found_in_files(keep.data.path()), [""; 0]);

    // Without the keyring there is nothing to decrypt it with, and that is said.
    let mut without = keep
        .serve(&[
            ("MCP_KEYRING", "true"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
        ])
        .await;
    let lack = lacks_its_secret(&mut without, "web1").await;
    assert!(lack.contains("not in the keyring"), "{lack}");
}

#[test]
fn a_panic_is_logged_without_secrets() {
    const SECRET: &str = "Zq-in-a-panic";
    if std::env::var_os("PANIC_HERE").is_some() {
        // The process that the other branch has started.
        let log = Log::install(tracing::Level::INFO);
        log_panics();
        remember(SECRET);
        let panicked = std::thread::spawn(|| panic!("it was {SECRET}")).join();
        assert!(panicked.is_err() && log.lines().len() == 1);
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sealed::a_panic_is_logged_without_secrets",
            "--nocapture",
        ])
        .env("PANIC_HERE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("it was ***") && said.contains("sealed.rs"),
        "{said}"
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        !said.contains(SECRET) && !stdout.contains(SECRET),
        "{said}{stdout}"
    );
}

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
