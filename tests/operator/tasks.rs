//! Jobs that go on while nobody waits.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::session::{Operator, task};
use crate::helper::write;

pub async fn followed_log(operator: &mut Operator) {
    let path = operator.server("web1").home("logs/app.log");
    let writing = tokio::spawn(async move {
        let mut log = File::options().append(true).open(path).unwrap();
        for number in 0.. {
            let line = if number == 20 {
                "server ready"
            } else {
                "loading"
            };
            writeln!(log, "2026-11-26 08:00:01 {line} {number}").unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let seen = operator
        .run("tail -n 1 -F ~/logs/app.log | sed '/server ready/q'")
        .await;
    writing.abort();
    assert!(seen.contains("server ready 20"), "{seen}");
    assert!(!seen.contains("loading 21"), "{seen}");
}

pub async fn dump_that_outlives_the_client(operator: &mut Operator) {
    let dump = "mkdir -p ~/backup && pg_dump shop > ~/backup/shop.sql";
    let dump = json!({"alias": "web1", "cmd": dump, "background": true});
    operator.call("task_exec", dump).await;
    operator.come_back_later().await;
    let running = json!({"status": "running"});
    let queue = operator.call("task_queue", running).await;
    write(operator.server("web1").home("disk-is-quick"), "");
    let wait = json!({"id": task(&queue)});
    operator.call("task_wait", wait).await;
    let dumped = std::fs::read_to_string(operator.server("web1").home("backup/shop.sql"));
    let dumped = dumped.unwrap();
    assert!(dumped.ends_with("VALUES (2000);\n-- complete\n"));
}

pub async fn retried_transfer(operator: &mut Operator) {
    let archive = operator.fixture.here("shop.tar");
    write(&archive, vec![7; 20_000]);
    let upload = json!({
        "alias": "web1", "direction": "upload", "local": archive,
        "remote": operator.fixture.remote("drop/shop.tar"),
    });
    let failed = operator
        .refused("TRANSFER_FAILED", "task_transfer", upload)
        .await;
    operator.run("ls -ld ~/drop && rm ~/drop").await;
    let again = json!({"id": task(&failed)});
    operator.call("task_retry", again).await;
    let arrived = std::fs::read(operator.server("web1").home("drop/shop.tar"));
    assert_eq!(arrived.unwrap(), vec![7; 20_000]);
}

pub async fn history(operator: &mut Operator) {
    let history = operator
        .call("task_history", json!({"alias": "web1"}))
        .await;
    assert!(
        history.contains("pg_dump shop") && history.contains("rm ~/drop"),
        "{history}"
    );
    let failed = operator.call("task_queue", json!({"status": "failed"}));
    let failed = failed.await;
    assert!(failed.contains("shop.tar"), "{failed}");
}
