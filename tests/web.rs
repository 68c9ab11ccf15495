//! The page in a browser: who may see it, and a person at work on it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::header::{COOKIE, HOST, HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::{Client as HttpClient, Method, Response, redirect};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use crate::helper::{
    Client, ERAS, EraSession, Fixture, Sshd, apart, binary, directory, eventually, eventually_so,
    if_slow, printed, read_json, terminal, test_tool,
};

/// A page that is served, and its terminal.
struct ServedPage {
    link: String,
    _process: Child,
    _terminal: (File, File),
}

impl ServedPage {
    async fn of(data: &Path) -> Self {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data.display()))
            .args(["web", "--no-open"]);
        Self::served_by(command).await
    }

    async fn served_by(mut command: tokio::process::Command) -> Self {
        let (near, far) = terminal();
        let mut process = command
            .stdin(far.try_clone().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let link = loop {
            let line = lines.next_line().await.unwrap().expect("it prints a link");
            if let Some(found) = line.find("http://") {
                break line[found..].trim().to_owned();
            }
        };
        let page = Self {
            link,
            _process: process,
            _terminal: (near, far),
        };
        // The link is there before the data directory has been read.
        eventually_so("it serves", async || page.get("/").await.is_ok()).await;
        page
    }

    fn origin(&self) -> &str {
        self.link.split_once("/login").unwrap().0
    }

    fn host(&self) -> &str {
        self.origin().trim_start_matches("http://")
    }

    async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.send(Method::GET, path, HeaderMap::new()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
    ) -> reqwest::Result<Response> {
        let held = json!({"held": true});
        self.send_with(method, path, headers, &held).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let client = HttpClient::builder()
            .redirect(redirect::Policy::none())
            .build()?;
        let url = format!("{}{path}", self.origin());
        let request = client.request(method, url).headers(headers);
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).send().await
    }

    /// Opens the link, and returns the session's cookie.
    async fn log_in(&self) -> String {
        let path = self.link.strip_prefix(self.origin()).unwrap();
        let response = self.get(path).await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(
            cookie.contains("; HttpOnly; SameSite=Strict"),
            "no script reads it, and no other site sends it: {cookie}"
        );
        let leads = response.text().await.unwrap();
        assert!(leads.contains("content=\"0; url=/\""), "{leads}");
        let again = self.get(path).await.unwrap();
        assert_eq!(again.status(), 403, "the link works once");
        cookie.split(';').next().unwrap().to_owned()
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let data = directory();
    let page = ServedPage::of(data.path()).await;
    for path in [
        "/",
        "/page.js",
        "/api/state",
        "/api/events",
        "/api/trail",
        "/nothing",
    ] {
        let response = page.get(path).await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            let value = response.headers()[name].to_str().unwrap();
            assert!(value.contains(part), "{name}: {value}");
        }
    }
    let cookie = page.log_in().await;
    let own = (ORIGIN.as_str(), page.origin());
    let session = (COOKIE.as_str(), cookie.as_str());
    let port = page.host().rsplit(':').next().unwrap();
    let rebound = format!("evil.example:{port}");
    for (method, path, given, status) in [
        (Method::GET, "/api/state", vec![session], 200),
        (
            Method::GET,
            "/api/state",
            vec![session, (HOST.as_str(), &rebound)],
            421,
        ),
        (
            Method::GET,
            "/api/state",
            vec![session, ("sec-fetch-site", "cross-site")],
            403,
        ),
        (Method::POST, "/api/held", vec![session], 403),
        (Method::POST, "/api/held", vec![own], 403),
        (
            Method::POST,
            "/api/held",
            vec![session, (ORIGIN.as_str(), "https://evil.example")],
            403,
        ),
        (Method::POST, "/api/held", vec![session, own], 200),
        (Method::DELETE, "/api/held", vec![session, own], 405),
        (
            Method::GET,
            "/api/tasks/..%2f..%2fqueue",
            vec![session],
            404,
        ),
    ] {
        let response = page.send(method.clone(), path, headers(&given)).await;
        assert_eq!(
            response.unwrap().status(),
            status,
            "{method} {path} {given:?}"
        );
    }
    let held = read_json(&data.path().join("held.json"));
    assert_eq!(held["all"]["by"]["client"], "web", "{held}");
}

/// Other users of this machine may open connections, and say nothing or little.
#[tokio::test]
async fn silent_connections_do_not_keep_the_person_out() {
    let data = directory();
    let page = ServedPage::of(data.path()).await;
    let cookie = page.log_in().await;
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(page.host()).await.unwrap();
        let begun: &[u8] = if number % 2 == 0 {
            b""
        } else {
            b"GET / HTTP/1.1\r\nHost: a"
        };
        stream.write_all(begun).await.unwrap();
        silent.push(stream);
    }
    let given = headers(&[(COOKIE.as_str(), &cookie)]);
    let response = page.send(Method::GET, "/api/state", given).await.unwrap();
    assert_eq!(response.status(), 200);
    for mut stream in silent {
        let mut said = Vec::new();
        // Some are told that they were too slow.
        let _ = stream.read_to_end(&mut said).await;
        assert!(!said.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn the_page_is_for_a_person() {
    let data = directory();
    let refused = binary()
        .arg(format!("--data-dir={}", data.path().display()))
        .arg("web")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(printed(&refused).contains("for a person at a terminal"));
}

/// Runs a script that drives a browser; `None`, said, where there is no browser.
async fn browse(script: &str, told: &Value) -> Option<()> {
    let tools = test_tool("browser/node_modules/playwright-core")?;
    let browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    let Some(browser) = browsers.iter().find(|path| Path::new(path).exists()) else {
        eprintln!("not run: there is no Chromium");
        return None;
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let home = directory();
    let ran = apart(tokio::process::Command::new("node"))
        .arg(scripts.join(script))
        .arg(told.to_string())
        .env("HOME", home.path())
        .env("CHROMIUM", browser)
        .env("TOOLS", tools.parent().unwrap())
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", printed(&ran));
    Some(())
}

#[tokio::test]
async fn a_person_watches_answers_and_stops() {
    let fixture = Fixture::start().await;
    let data = fixture.data.path();
    let cmd = "while :; do echo 'tick <img src=x onerror=alert(1)>'; sleep 0.1; done";
    let task = fixture.background(cmd).await.facts()["id"].clone();
    let question = |text: &str| {
        json!({
            "question": text, "servers": ["web1"], "tool": "task_exec", "details": "-old\n+<img src=x>",
            "rule": "after 18:00 on tag:prod", "reason": "the disk is full", "askedAt": Utc::now().to_rfc3339(),
        })
    };
    let questions =
        json!({"aaaa0001": question("restart it?"), "aaaa0002": question("remove it?")});
    let approvals = data.join("approvals.json");
    std::fs::write(&approvals, questions.to_string()).unwrap();
    let page = ServedPage::of(data).await;
    let told = json!({"link": page.link, "task": task, "yes": "aaaa0001", "no": "aaaa0002"});
    if browse("person.mjs", &told).await.is_none() {
        return;
    }
    let answers = read_json(&approvals);
    for (id, answer) in [("aaaa0001", "yes"), ("aaaa0002", "no")] {
        let given = &answers[id];
        assert_eq!(
            (&given["answer"], &given["answeredBy"]["client"]),
            (&json!(answer), &json!("web")),
            "{answers}"
        );
    }
    let status = fixture
        .client
        .call("task_status", json!({"id": task}))
        .await
        .ok();
    assert_eq!(status.facts()["status"], "cancelled");
    fixture.exec("true").await.error("HELD");
    let trail = std::fs::read_to_string(data.join("audit.jsonl")).unwrap();
    for act in ["approve", "deny", "task_cancel", "stop"] {
        let is_it = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["tool"] == act && line["actor"]["client"] == "web"
        };
        assert!(trail.lines().any(is_it), "{act}: {trail}");
    }
}

/// Servers are asked while the page is open, and not when a login would need a person.
#[tokio::test]
async fn servers_are_sampled_while_somebody_looks() {
    let fixture = Fixture::<Sshd>::start().await;
    let code = json!({"alias": "web2", "host": "127.0.0.1", "port": 1, "user": "u", "password": "p-of-web2",
        "totpSecret": "JBSWY3DPEHPK3PXP"});
    fixture.client.call("server_add", code).await.ok();
    // From now on its host key is known.
    fixture.exec("true").await.ok();
    let page = ServedPage::of(fixture.data.path()).await;
    let cookie = page.log_in().await;
    let samples = fixture.data.path().join("samples.json");
    assert!(!samples.exists(), "nobody looks yet");
    let given = headers(&[(COOKIE.as_str(), &cookie)]);
    let events = page.send(Method::GET, "/api/events", given).await.unwrap();
    eventually("a sample is kept", || samples.exists()).await;
    let kept = read_json(&samples);
    assert!(kept["web1"]["samples"][0]["memory"].is_u64(), "{kept}");
    assert!(kept.get("web2").is_none(), "{kept}");
    drop(events);
}

/// Writes the pictures of the guide: `cargo test -- --ignored web::pictures_for_the_guide`.
#[tokio::test]
#[ignore = "it writes into the repository"]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the figures are made up, and small"
)]
async fn pictures_for_the_guide() {
    let fixture = Fixture::start().await;
    let data = fixture.data.path();
    fixture.exec("true").await;
    fixture.client.call("queue_stats", json!({})).await.ok();
    eventually("the task is recorded", || data.join("queue.json").exists()).await;
    let template = read_json(&data.join("queue.json"));
    let template = template.as_object().unwrap().values().next().unwrap();
    let ago = |seconds: i64| (Utc::now() - chrono::Duration::seconds(seconds)).to_rfc3339();
    let tasks = [
        ("web1", "systemctl reload nginx", 40, 0),
        ("web2", "certbot renew --dry-run", 310, 0),
        ("db1", "pg_dump shop | zstd > /backup/shop.sql.zst", 1500, 0),
        (
            "mail",
            "doveadm mailbox status -u info messages INBOX",
            2600,
            68,
        ),
        ("web1", "git -C /srv/shop pull --ff-only", 3700, 0),
        ("tag:web", "apt-get -s upgrade", 5400, 0),
    ];
    let tasks = tasks
        .iter()
        .enumerate()
        .map(|(index, (alias, cmd, age, exit))| {
            let id = format!("5c3a9e{index:02}");
            let mut task = template.clone();
            for field in ["createdAt", "updatedAt", "completedAt"] {
                task[field] = ago(*age).into();
            }
            let status = if *exit == 0 { "completed" } else { "failed" };
            for (field, value) in [
                ("id", json!(id)),
                ("alias", json!(alias)),
                ("cmd", json!(cmd)),
                ("exitCode", json!(exit)),
                ("status", json!(status)),
            ] {
                task[field] = value;
            }
            (id, task)
        });
    let servers = ["web1", "web2", "db1", "mail"];
    let wave = |server: i64, step: i64| {
        let turn = (step as f64 / 20.0 + server as f64 * 1.7).sin();
        json!({"at": Utc::now().timestamp() - (287 - step) * 300, "load": 1.2 + turn, "cores": 4,
            "memory": 45 + (20.0 * turn) as i64, "disk": 40 + 12 * server + step / 60})
    };
    let samples = servers.iter().zip(0..).map(|(alias, server)| {
        let samples: Vec<_> = (0..288).map(|step| wave(server, step)).collect();
        (
            (*alias).to_owned(),
            json!({"asked": Utc::now().timestamp(), "samples": samples}),
        )
    });
    // With an agent's keys alone, nobody is asked.
    let servers = servers.map(|alias| {
        (
            alias.to_owned(),
            json!({"host": format!("{alias}.example.com"),
        "user": "deploy", "agent": true, "tags": ["prod"]}),
        )
    });
    let question = json!({"question": "edit /etc/nginx/sites-enabled/shop on `web1`?", "servers": ["web1"],
        "tool": "file_edit", "rule": "after 18:00 on tag:prod", "reason": "uploads over 1 MB are refused",
        "details": "-client_max_body_size 1m;\n+client_max_body_size 20m;", "askedAt": ago(20)});
    for (name, content) in [
        ("queue.json", Value::Object(tasks.collect())),
        ("samples.json", Value::Object(samples.collect())),
        ("servers.json", Value::Object(servers.into_iter().collect())),
        ("approvals.json", json!({"7d1f02aa": question})),
    ] {
        std::fs::write(data.join(name), content.to_string()).unwrap();
    }
    let page = ServedPage::of(data).await;
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    browse(
        "screenshots.mjs",
        &json!({"link": page.link, "shots": shots}),
    )
    .await;
}

/// The link is in a file of the person's alone, and in no command line.
#[tokio::test]
async fn the_page_is_opened_where_there_is_a_desktop() {
    let (data, home) = (directory(), directory());
    let (program, opened) = (home.path().join("xdg-open"), home.path().join("opened"));
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"$*\" > {0}.new\nmv {0}.new {0}\n",
        opened.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = binary();
    command
        .arg(format!("--data-dir={}", data.path().display()))
        .arg("web")
        .env("PATH", format!("{}:{path}", home.path().display()))
        .env("DISPLAY", ":99")
        .env_remove("SSH_CONNECTION");
    let page = ServedPage::served_by(command).await;
    eventually("a browser was opened", || opened.exists()).await;
    let file = std::fs::read_to_string(&opened).unwrap();
    let (_, token) = page.link.split_once("token=").unwrap();
    let is_document = Path::new(&file)
        .extension()
        .is_some_and(|end| end == "html");
    assert!(!file.contains(token) && is_document, "{file}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let leads = std::fs::read_to_string(&file).unwrap();
    assert!(leads.contains(&page.link), "{leads}");
    let link = format!("file://{file}");
    let told = json!({"link": link, "origin": page.origin()});
    browse("opened.mjs", &told).await;
}

/// Servers are asked by the program that serves, if a setting says so, and only where their host keys are known.
#[tokio::test]
async fn servers_are_sampled_by_a_setting() {
    let (sshd, data) = (Sshd::start(), directory());
    let mut unseen = sshd.login("web2");
    unseen["host"] = "localhost".into();
    unseen["verify"] = false.into();
    let first = Client::spawned(data.path(), &[]).await;
    let mut seen = sshd.login("web1");
    seen["verify"] = true.into();
    first.call("server_add", seen).await.ok();
    first.call("server_add", unseen).await.ok();
    first.kill().await;
    let samples = data.path().join("samples.json");
    assert!(!samples.exists(), "nobody asks by itself");
    std::fs::write(data.path().join(".env"), "MCP_SAMPLE_INTERVAL=60\n").unwrap();
    let _sampling = Client::spawned(data.path(), &[]).await;
    eventually("a sample is kept", || samples.exists()).await;
    let kept = read_json(&samples);
    assert!(kept["web1"]["samples"][0]["memory"].is_u64(), "{kept}");
    assert!(kept.get("web2").is_none(), "{kept}");
}

impl ServedPage {
    /// Answers yes on the page. Returns whether that counted.
    async fn says_yes(&self, cookie: &str, id: &str) -> bool {
        let given = headers(&[(COOKIE.as_str(), cookie), (ORIGIN.as_str(), self.origin())]);
        let (path, yes) = (format!("/api/questions/{id}"), json!({"yes": true}));
        let response = self.send_with(Method::POST, &path, given, &yes).await;
        response.unwrap().status().is_success()
    }
}

/// Two answers to each question at the same time, from two processes.
#[tokio::test]
async fn the_first_of_two_answers_counts_and_the_other_is_told() {
    let data = directory();
    let ids: Vec<_> = (0..if_slow(200, 20))
        .map(|number| format!("{number:08}"))
        .collect();
    let open = ids.iter().map(|id| {
        let question = json!({"question": "do it?", "askedAt": Utc::now().to_rfc3339()});
        (id.clone(), question)
    });
    let approvals = data.path().join("approvals.json");
    std::fs::write(&approvals, open.collect::<Value>().to_string()).unwrap();
    let page = ServedPage::of(data.path()).await;
    let cookie = page.log_in().await;
    for id in &ids {
        let mut deny = binary();
        deny.args(["deny", id]);
        deny.arg(format!("--data-dir={}", data.path().display()));
        let (yes, no) = tokio::join!(page.says_yes(&cookie, id), deny.output());
        let no = no.unwrap().status.success();
        assert!(yes != no, "{id}: {yes} {no}");
        let counts = if yes { "yes" } else { "no" };
        assert_eq!(read_json(&approvals)[id]["answer"], counts, "{id}");
    }
}

/// Answers that come about when their questions expire: whoever is told that it counted is heeded, and nobody else.
#[tokio::test]
async fn an_answer_counts_or_the_question_has_expired() {
    let fixture = Fixture::embedded_with(|config| {
        config.sync_timeout = Duration::from_millis(1);
    })
    .await;
    fixture.client.person_goes_away();
    let data = fixture.data.path();
    let rules = json!({"modes": {"all": "ask"}});
    std::fs::write(data.join("policies.json"), rules.to_string()).unwrap();
    let mut tasks = Vec::new();
    for task in 0..if_slow(200, 20) {
        let waiting = fixture.exec(&format!("touch made{task}")).await.ok();
        tasks.push((waiting.facts()["id"].clone(), format!("made{task}")));
    }
    let page = ServedPage::of(data).await;
    let cookie = page.log_in().await;
    let approvals = data.join("approvals.json");
    let open = || read_json(&approvals).as_object().map_or(0, Map::len);
    eventually("all questions are open", || open() == tasks.len()).await;
    let mut open = read_json(&approvals);
    // The questions expire one after another while they are answered.
    let begins = Utc::now() - TimeDelta::seconds(600) + TimeDelta::milliseconds(500);
    for (number, (id, _)) in tasks.iter().enumerate() {
        let asked = begins + TimeDelta::milliseconds(i64::try_from(number).unwrap() * 8);
        open[id.as_str().unwrap()]["askedAt"] = asked.to_rfc3339().into();
    }
    let changed = approvals.with_extension("new");
    std::fs::write(&changed, open.to_string()).unwrap();
    std::fs::rename(&changed, &approvals).unwrap();
    let mut counted = Vec::new();
    for (id, _) in &tasks {
        counted.push(page.says_yes(&cookie, id.as_str().unwrap()).await);
    }
    for ((id, made), counted) in tasks.iter().zip(counted) {
        let ended = fixture.client.wait(id).await;
        if counted {
            ended.ok().has(&json!({"status": "completed"}));
        } else {
            ended.error("APPROVAL_EXPIRED");
        }
        assert_eq!(fixture.there(made).exists(), counted, "{id}");
    }
}

/// The card of a question, in a client that shows such documents.
#[tokio::test]
async fn a_card_shows_a_question_and_leaves_the_answer_to_the_person() {
    let apps = json!({"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}});
    for (era, capabilities) in ERAS
        .into_iter()
        .flat_map(|era| [(era, &apps), (era, &Value::Null)])
    {
        let (sshd, data) = (Sshd::start(), directory());
        let shows = !capabilities.is_null();
        let capabilities = if shows {
            capabilities.clone()
        } else {
            json!({})
        };
        let settings = [("MCP_SYNC_TIMEOUT_S", "1")];
        let mut session = EraSession::begin_with(era, data.path(), capabilities, &settings).await;
        session.tool("server_add", sshd.login("web1")).await;
        let rules = json!({"modes": {"web1": "ask"}});
        std::fs::write(data.path().join("policies.json"), rules.to_string()).unwrap();
        let listed = session.ask("tools/list", json!({})).await;
        let of_card = |tool: &Value| tool["_meta"]["ui"]["resourceUri"].is_string();
        let tools = listed["tools"].as_array().unwrap();
        let with_card: Vec<_> = tools.iter().filter(|tool| of_card(tool)).collect();
        assert_eq!(with_card.len(), usize::from(shows), "{with_card:?}");
        let run = json!({"alias": "web1", "cmd": "echo '<img src=x>' > made", "reason": "a test"});
        let waiting = session.tool("task_exec", run).await;
        let text = waiting["content"][0]["text"].as_str().unwrap();
        let (_, id) = text.split_once("(task ").unwrap();
        let id = id.split(')').next().unwrap();
        let answer = session
            .tool("task_wait", json!({"id": id, "timeout": 0.1}))
            .await;
        let question = &answer["_meta"]["mcp-sftp-orchestrator/question"];
        assert_eq!(question.is_object(), shows, "{answer}");
        if !shows {
            continue;
        }
        assert_eq!(
            (&question["id"], &question["rule"]),
            (&json!(id), &json!("mode ask of web1"))
        );
        let uri = with_card[0]["_meta"]["ui"]["resourceUri"].clone();
        let card = session.ask("resources/read", json!({"uri": uri})).await;
        let card = &card["contents"][0];
        assert_eq!(card["mimeType"], "text/html;profile=mcp-app");
        let html = card["text"].as_str().unwrap();
        assert!(!html.contains("http"), "nothing comes from elsewhere");
        browse("card.mjs", &json!({"card": html, "answer": answer})).await;
    }
}
