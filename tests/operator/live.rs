//! Jobs with what goes on between calls: a program that is talked to, and a tunnel.

use serde_json::json;
use tokio::process::Command;

use super::session::Operator;
use crate::helper::Http;

pub async fn count_in_a_repl(operator: &mut Operator) {
    let open = json!({"alias": "web1", "name": "py", "cwd": "~/logs", "program": "python3"});
    let opened = operator.call("shell_open", open).await;
    assert!(opened.contains("waiting at: >>>"), "{opened}");
    let read = "lines = open('access.log').read().splitlines()\nfailed = [line for line in lines if '\" 500 ' in line]\nlen(lines), len(failed)";
    let counted = operator
        .call("shell_send", json!({"shell": "py", "input": read}))
        .await;
    assert!(counted.ends_with("\n(27000, 3)"), "{counted}");
    // The program has kept the file.
    let first = json!({"shell": "py", "input": "failed[0].split()[2]"});
    let first = operator.call("shell_send", first).await;
    assert!(first.ends_with("'/item/4500'"), "{first}");
    operator.call("shell_close", json!({"shell": "py"})).await;
}

pub async fn page_on_their_loopback(operator: &mut Operator) {
    // The servers' loopback is this machine's.
    let site = Http::start(None).await;
    let open = json!({"alias": "db1", "to": site.port});
    let opened = operator.call("tunnel_open", open).await;
    let place = opened.split_whitespace().find_map(|word| {
        let word = word.trim_end_matches([',', '.', ':', ';']);
        word.starts_with("127.0.0.1:").then(|| word.to_owned())
    });
    let place = place.unwrap_or_else(|| panic!("{opened}"));
    assert_ne!(place, format!("127.0.0.1:{}", site.port));
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-w", " %{http_code}", &format!("http://{place}/200")]);
    assert_eq!(curl.output().await.unwrap().stdout, b"hi 200");
    let id = opened.split(' ').nth(1).unwrap();
    operator.call("tunnel_close", json!({"id": id})).await;
}
