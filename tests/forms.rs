//! Secrets in the forms that other texts give them, and secrets that are long.

use mcp_sftp_orchestrator::random;
use serde_json::{Value, json};

use crate::helper::{Client, Http, Sshd, directory};

/// Python on the server writes a text as other programs would.
const WRITERS: &[(&str, &str)] = &[
    ("JSON in ASCII", "json.dumps(s)"),
    ("JSON with slashes", r#"json.dumps(s).replace("/", r"\/")"#),
    (
        "JSON with capitals",
        r#""".join("\\u%04X" % u for u in units)"#,
    ),
    (
        "JSON with small digits",
        r#""".join("\\u%04x" % u for u in units)"#,
    ),
    (
        "JSON in JSON",
        r#"json.dumps({"x": json.dumps(s).replace("/", r"\/")})"#,
    ),
    ("an address", "urllib.parse.quote(s, safe='')"),
    ("markup", "html.escape(s)"),
    (
        "markup in ASCII",
        "html.escape(s).encode('ascii', 'xmlcharrefreplace').decode()",
    ),
    (
        "a shell",
        "''.join(c if c.isalnum() else '\\\\' + c for c in s)",
    ),
    (
        "an address, small digits",
        "''.join('%%%02x' % b for b in s.encode())",
    ),
    ("a form", "urllib.parse.urlencode({'x': s})"),
    (
        "an address in JSON",
        r#"json.dumps(urllib.parse.quote(s, safe="")).replace("%", r"\u0025")"#,
    ),
    (
        "base64 in lines",
        "base64.encodebytes((prefix + s + ' and more' * 9).encode()).decode()",
    ),
    (
        "base64 in lines of 64",
        r#""\r\n".join(textwrap.wrap(base64.b64encode((prefix + s).encode()).decode(), 64))"#,
    ),
    (
        "base64 for addresses",
        "base64.urlsafe_b64encode((prefix + s).encode()).decode()",
    ),
    (
        "base64 in JSON",
        "json.dumps(base64.encodebytes((prefix + s + ' and more').encode()).decode())",
    ),
    (
        "base64 in an address",
        "urllib.parse.quote(base64.b64encode((prefix + s).encode()).decode(), safe='')",
    ),
];

#[tokio::test]
async fn a_secret_is_masked_however_a_server_writes_it() {
    if std::process::Command::new("python3")
        .arg("-V")
        .output()
        .is_err()
    {
        eprintln!("not run: python3 is not there");
        return;
    }
    let (sshd, data) = (Sshd::start(), directory());
    let secret = format!("Zq-{}/\"ü?> &😀\\~", random::hex::<6>());
    let client = Client::spawned(data.path(), &[]).await;
    let mut login = sshd.login("web1");
    login["password"] = secret.as_str().into();
    client.register(login).await;
    std::fs::write(sshd.home("secret"), &secret).unwrap();
    for (name, writer) in WRITERS {
        for prefix in [0, 1, 2, 47, 48, 50, 55] {
            if prefix > 0 && !writer.contains("prefix") {
                continue;
            }
            let script = format!(
                "import html, json, base64, urllib.parse, textwrap, struct\n\
                 s = open('{}').read()\n\
                 prefix = 'x' * {prefix}\n\
                 raw = s.encode('utf-16-be')\n\
                 units = struct.unpack('>%dH' % (len(raw) // 2), raw)\n\
                 print({writer})\n",
                sshd.home("secret"),
            );
            std::fs::write(sshd.home("script"), script).unwrap();
            let plain = std::process::Command::new("python3")
                .arg(sshd.home("script"))
                .output();
            let plain = String::from_utf8(plain.unwrap().stdout).unwrap();
            let plain = plain.trim_end();
            // An answer shows line ends as newlines; one within a secret is masked with it.
            let shortest = plain.replace("\r\n", "\n").len();
            let cmd = format!("python3 {}", sshd.home("script"));
            let ran = client.exec("web1", &cmd).await.ok();
            let masked = ran.facts()["output"].as_str().unwrap();
            assert!(
                (shortest..=plain.len()).contains(&masked.len()),
                "{name}: places stay the same"
            );
            let stars = masked.matches('*').count();
            // Base64 leaves what the neighbours have a part in.
            assert!(stars >= secret.len() - 3, "{name}, {prefix}: {masked}");
            assert!(
                !masked.contains(&plain[plain.len() / 2..][..8]) || name.contains("base64"),
                "{name}: {masked}"
            );
            // In a text the same.
            let logged = json!({"alias": plain, "cmd": "true"});
            let error = client
                .call("task_exec", logged)
                .await
                .error("UNKNOWN_ALIAS");
            assert!(
                error.to_string().contains("***"),
                "{name}, {prefix}: {error}"
            );
        }
    }
}

/// The address of an API has a token in it: it goes to the API, and is seen nowhere.
#[tokio::test]
async fn a_token_in_an_address_is_sent_and_not_shown() {
    let (sshd, data, http) = (Sshd::start(), directory(), Http::start(None).await);
    let tunnelled = sshd.login("web1");
    let closed = Sshd::start_with("AllowTcpForwarding no");
    let log = data.path().join("stderr");
    let settings = [("MCP_DEBUG", "true")];
    let mut server = crate::helper::RawProcess::serving(data.path(), &settings, &log).await;
    server.tool("server_add", tunnelled).await.ok();
    server.tool("server_add", closed.login("web2")).await.ok();
    let token = |n: u8| format!("Zq{}{n}", random::hex::<8>());
    let (in_url, in_endpoint, asked, word) = (token(1), token(2), token(3), "topsecret");
    let base = format!("http://127.0.0.1:{}", http.port);
    for (alias, url, endpoint) in [
        ("one", format!("{base}/200?a=b&access_token={in_url}"), None),
        (
            "two",
            format!("{base}/?Api-Key={in_url}"),
            Some(format!("/200?a=b&sig={in_endpoint}")),
        ),
        ("three", format!("{base}/503?token={word}"), None),
        (
            "gone",
            format!("http://127.0.0.1:1/?token={word}&x={in_url}"),
            None,
        ),
    ] {
        let mut add = json!({"alias": alias, "url": url});
        if let Some(endpoint) = endpoint {
            add["health_check_endpoint"] = endpoint.into();
        }
        server.tool("api_add", add).await.ok();
        for through in [None, Some("web1"), Some("web2")] {
            let mut check = json!({"alias": alias});
            if let Some(through) = through {
                check["server_alias"] = through.into();
            }
            let checked = server.tool("api_check", check).await.ok();
            let up = !["three", "gone"].contains(&alias);
            assert_eq!(checked.facts()["status"] == "UP", up, "{}", checked.text());
            assert!(checked.text().contains("=***"), "{}", checked.text());
        }
    }
    let url = format!("{base}/200?key={asked}#x");
    let ask = json!({"alias": "web1", "url": url});
    let checked = server.tool("check_api_health", ask).await.ok();
    assert!(
        checked.text().contains("/200?key=***#x"),
        "{}",
        checked.text()
    );
    let heads = http.heads();
    for (token, times) in [
        (&in_url, 3),
        (&in_endpoint, 3),
        (&asked, 1),
        (&word.to_owned(), 3),
    ] {
        let seen = heads.iter().filter(|head| head.contains(token.as_str()));
        assert_eq!(seen.count(), times, "{heads:?}");
    }
    let listed = server.tool("api_list", json!({})).await.ok();
    assert_eq!(listed.facts()["two"]["url"], format!("{base}/?***"));
    assert_eq!(listed.facts()["two"]["health_check_endpoint"], "/200?***");
    for tool in ["task_logs", "system_diagnostics"] {
        server.tool(tool, json!({})).await.ok();
    }
    let echoed = json!({"alias": "web1", "cmd": format!("echo {in_endpoint} {asked}")});
    let echoed = server.tool("task_exec", echoed).await.ok();
    assert!(
        echoed.facts()["output"]
            .as_str()
            .unwrap()
            .starts_with("*****")
    );
    server.close_input();
    server.child.wait().await.unwrap();

    let mut seen = std::mem::take(&mut server.heard);
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            seen.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    for token in [in_url.as_str(), &in_endpoint, &asked, word] {
        assert!(!seen.contains(token), "{token}: {seen}");
    }
}

/// A token in an address that the original or a person wrote is encrypted from the first start.
#[tokio::test]
async fn a_token_in_an_address_does_not_stay_in_clear() {
    let (data, http) = (directory(), Http::start(None).await);
    let file = data.path().join("apis.json");
    let url = format!("http://127.0.0.1:{}/200", http.port);
    let apis = json!({"shop": {"url": format!("{url}?token=Zq-in-clear-1&a=b"), "owner": "me"}});
    std::fs::write(&file, apis.to_string()).unwrap();
    let client = Client::spawned(data.path(), &[]).await;
    let checked = client
        .call("api_check", json!({"alias": "shop"}))
        .await
        .ok();
    assert_eq!(checked.facts()["status"], "UP");
    let expected = "GET /200?token=Zq-in-clear-1&a=b ";
    assert!(http.heads()[0].starts_with(expected), "{:?}", http.heads());
    let kept: Value = crate::helper::read_json(&file);
    assert_eq!(kept["shop"]["url"], url);
    assert_eq!(kept["shop"]["owner"], "me");
    assert!(!kept.to_string().contains("in-clear"), "{kept}");
}

/// One letter again and again, as secret and as output: searched naively, it would take for ever.
#[tokio::test]
async fn a_long_secret_of_one_letter_holds_nobody_up() {
    const LONG: usize = 60_000;
    const PRINTED: usize = 300_000;
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    let mut login = sshd.login("web1");
    login["password"] = "a".repeat(LONG).into();
    login["passphrase"] = "aaaaaa".into();
    login["totpSecret"] = format!("A{}", "A".repeat(31)).into();
    client.register(login).await;
    let mut api = json!({"alias": "x", "url": "http://h", "auth_method": "api_key"});
    api["api_key"] = ":".repeat(LONG).into();
    client.call("api_add", api).await.ok();
    let print = |what: &str| format!("head -c {PRINTED} /dev/zero | tr '\\0' '{what}'");
    for (cmd, is_masked) in [
        (print("a"), true),
        (print(":"), true),
        (
            format!("{} | sed 's/.\\{{100\\}}/&\\n/g'", print("a")),
            true,
        ),
        (print("b"), false),
    ] {
        let ran = client.exec("web1", &cmd).await;
        let id = ran.facts()["id"].clone();
        let ended = client.wait(&id).await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        let page = json!({"id": id, "limit": 2000});
        let page = client.call("task_output", page).await.ok();
        assert_eq!(page.text().contains("****"), is_masked, "{cmd}");
        assert!(
            !page.text().contains("aaaaaaa") && !page.text().contains("::::"),
            "{cmd}"
        );
    }
    let answers = json!({"alias": "web1", "timeout": 20, "responses": {"Password": "a".repeat(LONG)},
        "cmd": format!("{}; {}", print("a"), print("b"))});
    let ran = client.call("task_exec_interactive", answers).await;
    let ended = client.wait(&ran.facts()["id"]).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
}
