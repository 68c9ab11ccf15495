//! Output as a model reads it: text in its right letters, as a terminal would leave it on its screen.

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Fixture, Folder, Sshd, directory, eventually_so, program, text,
};

async fn on_sshd() -> (Sshd, Client, Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

/// The file that holds what a task has printed.
fn file(data: &Folder, id: &Value) -> Vec<u8> {
    let name = format!("{}.stdout", id.as_str().unwrap());
    std::fs::read(data.path().join("output").join(name)).unwrap()
}

fn is_readable(answer: &Answer) {
    // As JSON spells it, for the text of an error is JSON.
    for said in [answer.text().to_owned(), answer.facts().to_string()] {
        for hidden in ["\x1b", "\\u001b", "\r", "\u{202e}", "\x08", "\0", "\\u0000"] {
            assert!(!said.contains(hidden), "{hidden:?} in {said}");
        }
    }
}

#[tokio::test]
async fn what_a_terminal_would_not_leave_is_left_out_and_the_file_keeps_every_byte() {
    let (_sshd, client, data) = on_sshd().await;
    let cmd = r"printf 'begun\r\n 10%%\r 50%%\r100%%\n\033[31mred\033[0m\033]0;title\007 file\342\200\256gpj.exe\nN\010NA\010A\n'";
    let expected = "begun\n100%\nred filegpj.exe\nNA";
    let raw = b"begun\r\n 10%\r 50%\r100%\n\x1b[31mred\x1b[0m\x1b]0;title\x07 file\xe2\x80\xaegpj.exe\nN\x08NA\x08A\n";
    let ran = client.exec("web1", cmd).await.ok();
    assert_eq!(ran.facts()["output"], expected);
    assert!(ran.text().contains(expected), "{}", ran.text());
    is_readable(&ran);
    let id = &ran.facts()["id"];
    assert_eq!(file(&data, id), raw);
    let page = client.call("task_output", json!({"id": id})).await.ok();
    assert_eq!(page.facts()["text"], format!("{expected}\n"));
    let line = json!({"id": id, "grep": "^red file"});
    let line = client.call("task_output", line).await.ok();
    assert_eq!(line.facts()["text"], "red filegpj.exe\n");
    for tool in ["task_status", "task_wait"] {
        is_readable(&client.call(tool, json!({"id": id})).await.ok());
    }
    is_readable(&client.call("task_queue", json!({})).await.ok());

    let arguments = json!({"alias": "web1", "cmd": cmd});
    let at_terminal = client.call("task_exec_interactive", arguments).await.ok();
    assert_eq!(at_terminal.facts()["output"], expected);
    let kept = file(&data, &at_terminal.facts()["id"]);
    assert_eq!(
        kept,
        [&b"begun\r\r\n"[..], &raw[7..]]
            .concat()
            .iter()
            .fold(Vec::new(), |mut bytes, byte| {
                // A terminal adds a carriage return to each newline.
                if *byte == b'\n' && !bytes.ends_with(b"\r\r") {
                    bytes.push(b'\r');
                }
                bytes.push(*byte);
                bytes
            })
    );

    let arguments = json!({"alias": "web1", "commands": [cmd, "echo next"]});
    let sequence = client.call("task_exec_sequence", arguments).await.ok();
    assert_eq!(sequence.facts()["results"][0]["output"], expected);
    let arguments = json!({"alias": "web1", "cmd": cmd, "detach": true});
    let detached = client.call("task_exec", arguments).await.ok();
    let ended = client.wait(&detached.facts()["id"]).await.ok();
    assert_eq!(ended.facts()["output"], expected);
}

#[tokio::test]
async fn a_progress_bar_that_takes_megabytes_is_one_line() {
    let fixture = Fixture::embedded().await;
    let cmd = r"seq 1 2000 | while read -r n; do printf '\r%50s%%' $n; done; echo; echo done";
    let ran = fixture.exec(cmd).await.ok();
    ran.has(&json!({"output": format!("{:>50}%\ndone", 2000)}));
    assert_eq!(ran.facts().get("truncated"), None);
    let last = json!({"id": ran.facts()["id"], "tail": 2, "maxBytes": 200_000});
    let last = fixture.client.call("task_output", last).await.ok();
    assert_eq!(last.facts()["text"], format!("{:>50}%\ndone\n", 2000));
}

#[tokio::test]
async fn binary_data_is_said_and_counted() {
    let (_sshd, client, data) = on_sshd().await;
    for (cmd, length) in [
        (r"printf '\177ELF\002\001\001\000\000\000'", 10),
        ("head -c 50000 /dev/urandom", 50_000),
        ("head -c 300000 /bin/bash", 300_000),
        ("seq 1 10000 | gzip", 0),
    ] {
        let ran = client.exec("web1", cmd).await.ok();
        let bytes = file(&data, &ran.facts()["id"]);
        assert!(
            length == 0 || bytes.len() == length,
            "{cmd}: {}",
            bytes.len()
        );
        let said = format!("[binary data, {} bytes: not shown]", bytes.len());
        assert_eq!(
            (&ran.facts()["output"], &ran.facts()["binary"]),
            (&json!(said), &json!(true)),
            "{cmd}"
        );
        assert!(ran.text().contains(&said), "{}", ran.text());
        let id = json!({"id": ran.facts()["id"], "limit": 1000});
        let page = client.call("task_output", id).await.ok();
        assert!(page.text().contains("\n[binary data, "), "{}", page.text());
    }
    // Text that only looks like it.
    for (cmd, expected) in [
        (r"printf 'caf\351\n'", "caf\u{FFFD}"),
        (r"printf 'a/b\000c d\000'", "a/b\nc d"),
    ] {
        let ran = client.exec("web1", cmd).await.ok();
        assert_eq!(ran.facts()["output"], expected, "{cmd}");
        assert_eq!(ran.facts().get("binary"), None, "{cmd}");
    }
}

#[tokio::test]
async fn a_server_s_own_encoding_is_read_and_written() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let register = async |encoding: &str| {
        let mut login = sshd.login("web1");
        login["encoding"] = json!(encoding);
        client.call("server_add", login).await
    };
    for (encoding, bytes, expected) in [
        ("gbk", r"\326\320\316\304", "中文"),
        ("Shift_JIS", r"\223\372\226\173", "日本"),
        ("cp850", r"\202\263", "é│"),
    ] {
        register(encoding).await.ok();
        let printed = client
            .exec("web1", &format!("printf '{bytes}\\n'"))
            .await
            .ok();
        assert_eq!(printed.facts()["output"], expected, "{encoding}");
        let id = json!({"id": printed.facts()["id"], "grep": expected});
        let page = client.call("task_output", id).await.ok();
        assert_eq!(page.facts()["text"], format!("{expected}\n"), "{encoding}");
        let octal = bytes.trim_start_matches('\\').replace('\\', " ");
        let sent = client
            .exec("web1", &format!("printf '{expected}' | od -An -to1"))
            .await
            .ok();
        let sent = sent.facts()["output"].as_str().unwrap().trim().to_owned();
        assert_eq!(sent, octal, "{encoding}");
        let ask = format!("printf '{bytes}? '; read -r a; printf '%s' \"$a\" | od -An -to1");
        let mut responses = json!({});
        responses[expected] = json!(expected);
        let arguments = json!({"alias": "web1", "cmd": ask, "responses": responses, "timeout": 20});
        let asked = client.call("task_exec_interactive", arguments).await.ok();
        let output = asked.facts()["output"].as_str().unwrap();
        assert!(
            output.starts_with(&format!("{expected}? {expected}")) && output.ends_with(&octal),
            "{output}"
        );
        let arguments = json!({"alias": "web1", "commands": [format!("printf '{bytes}'"), format!("printf '{expected}'")]});
        let steps = client.call("task_exec_sequence", arguments).await.ok();
        for step in steps.facts()["results"].as_array().unwrap() {
            assert_eq!(step["output"], expected, "{encoding}");
        }
        // A directory of such a name is found again by the next shell.
        let named = sshd.home(expected);
        let commands = json!([format!("mkdir '{named}' && cd '{named}'"), "exit 3", "pwd"]);
        let arguments = json!({"alias": "web1", "commands": commands, "continueOnError": true});
        let steps = client.call("task_exec_sequence", arguments).await.ok();
        let directory = steps.facts()["results"][2]["output"].as_str().unwrap();
        assert!(
            directory.ends_with(&format!("/{expected}")),
            "{encoding}: {directory}"
        );
        let long =
            format!("i=0; while [ $i -lt 20000 ]; do printf '{bytes} %s\\n' $i; i=$((i+1)); done");
        let long = client.exec("web1", &long).await.ok();
        let output = long.facts()["output"].as_str().unwrap();
        assert!(output.starts_with(&format!("{expected} 0\n{expected} 1\n")));
        assert!(output.ends_with(&format!("{expected} 19999")) && output.contains("left out"));
        let (id, mut offset, mut lines) = (&long.facts()["id"], json!(0), 0);
        loop {
            let page = json!({"id": id, "offset": offset, "limit": 33_333});
            let page = client.call("task_output", page).await.ok();
            let text = page.facts()["text"].as_str().unwrap();
            assert!(!text.contains('\u{FFFD}'), "{encoding}");
            lines += text.matches(&expected[..expected.len() - 3]).count();
            offset = page.facts()["nextOffset"].clone();
            if page.facts()["atEnd"] == true {
                break;
            }
        }
        assert_eq!(lines, 20_000, "{encoding}");
        let go = sshd.home(&format!("go-{encoding}"));
        let cmd = format!("printf '{bytes}\\n'; until [ -e {go} ]; do sleep 0.1; done");
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
        let running = client.call("task_exec", arguments).await.ok();
        let id = json!({"id": running.facts()["id"]});
        eventually_so("it is read while it runs", async || {
            let page = client.call("task_output", id.clone()).await.ok();
            page.facts()["text"] == format!("{expected}\n")
        })
        .await;
        std::fs::write(go, "").unwrap();
        let arguments =
            json!({"alias": "web1", "cmd": format!("printf '{bytes}'"), "detach": true});
        let detached = client.call("task_exec", arguments).await.ok();
        let ended = client.wait(&detached.facts()["id"]).await.ok();
        assert_eq!(ended.facts()["output"], expected, "{encoding}");
    }
    let error = register("klingon").await.error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "encoding", "{error}");
}

#[tokio::test]
async fn the_encoding_that_the_server_s_locale_has_is_found() {
    let programs = directory();
    program(programs.path(), "locale", "echo GBK");
    let path = format!("SetEnv PATH={}:/usr/bin:/bin", text(programs.path()));
    let (sshd, data) = (Sshd::start_with(&path), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let ran = client.exec("web1", r"printf '\326\320\316\304'").await.ok();
    ran.has(&json!({"output": "中文", "encoding": "gbk"}));
}

#[tokio::test]
async fn what_a_server_says_in_errors_and_logs_is_readable_as_well() {
    let (sshd, client, _data) = on_sshd().await;
    let log = sshd.home("service.log");
    std::fs::write(&log, "\x1b[32mready\x1b[0m\r\n10%\r100%\n\u{202e}evil\n").unwrap();
    let tail = json!({"alias": "web1", "filepath": log});
    let tail = client.call("tail_file", tail).await.ok();
    assert_eq!(tail.facts()["lines"], "ready\n100%\nevil");
    is_readable(&tail);
    let missing = json!({"alias": "web1", "filepath": "/missing\u{1b}[31m"});
    let missing = client.call("tail_file", missing).await;
    is_readable(&missing);
    missing.error("MONITORING_ERROR");
    let arguments = json!({
        "alias": "web1", "direction": "download", "remote": "/missing\u{1b}[31m\u{202e}", "local": sshd.home("x"),
    });
    let refused = client.call("task_transfer", arguments).await;
    is_readable(&refused);
    refused.error("TRANSFER_FAILED");
}
