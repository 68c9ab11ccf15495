//! Jobs on files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::session::Operator;
use crate::helper::write;

pub async fn full_disk(operator: &mut Operator) {
    let one = json!({"alias": "web1"});
    operator.call("get_system_resources", one).await;
    let largest = operator
        .run("du -ah ~/spool ~/logs ~/cache | sort -rh | head -n 8")
        .await;
    assert!(largest.contains("core.812"), "{largest}");
    operator.run("rm ~/spool/core.* && du -sh ~/spool").await;
    let left = std::fs::read_dir(operator.server("web1").home("spool")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["orders.db"]);
}

pub async fn edit_and_test(operator: &mut Operator) {
    let path = operator.server("web1").home("site/site.conf");
    let old = std::fs::read_to_string(&path).unwrap();
    let read = json!({"alias": "web1", "path": path});
    let before = operator.call("file_read", read).await;
    assert!(before.contains("listen 443;"), "{before}");
    let edit = json!({
        "alias": "web1", "path": path, "check": "cd ~/site && sh check",
        "edits": [{"old": "listen 443;", "new": "listen 443 ssl;"}],
    });
    let tested = operator.call("file_edit", edit).await;
    assert!(tested.contains("site.conf is well"), "{tested}");
    let new = std::fs::read_to_string(&path).unwrap();
    assert_eq!(new, old.replace("443;", "443 ssl;"));
}

pub async fn equal_change_on_three_servers(operator: &mut Operator) {
    let servers = ["web1", "web2", "db1"];
    let change = json!({
        "alias": servers, "cmd": "printf 'sessions = 20\\n' >> ~/limits.conf",
        "check": "grep -qx 'sessions = 20' ~/limits.conf",
    });
    let changed = operator.call("task_exec", change).await;
    assert!(
        changed.starts_with("done on 3 of 3 servers in "),
        "{changed}"
    );
    for alias in servers {
        let limits = operator.server(alias).home("limits.conf");
        assert_eq!(std::fs::read_to_string(limits).unwrap(), "sessions = 20\n");
    }
}

pub async fn deployed_tree(operator: &mut Operator) {
    let release = operator.fixture.here("release");
    for number in 0..40 {
        let path = format!("part{}/page{number}.html", number % 4);
        write(release.join(path), format!("<p>{number}</p>\n"));
    }
    write(release.join("version"), "shop 2.5.0\n");
    let upload = json!({
        "alias": "web1", "direction": "upload", "local": release, "verify": true,
        "remote": operator.fixture.remote("releases/2.5.0"),
    });
    operator.call("task_transfer", upload).await;
    let switched = operator
        .run("ln -sfn ~/releases/2.5.0 ~/current && cat ~/current/version && find ~/current/ -type f | wc -l")
        .await;
    assert!(switched.contains("shop 2.5.0\n41"), "{switched}");
    let current = operator.server("web1").home("current");
    let page = Path::new(&current).join("part3/page39.html");
    assert_eq!(std::fs::read_to_string(page).unwrap(), "<p>39</p>\n");
}

pub async fn copy_between_servers(operator: &mut Operator) {
    let copy = json!({
        "alias": "db1", "direction": "upload", "source_alias": "web1", "verify": true,
        "local": operator.fixture.remote("spool/orders.db"),
        "remote": operator.server("db1").home("restore/orders.db"),
    });
    operator.call("task_transfer", copy).await;
    let copy = std::fs::read(operator.server("db1").home("restore/orders.db"));
    assert_eq!(copy.unwrap(), vec![1; 100_000]);
}

pub async fn old_files(operator: &mut Operator) {
    let old = "find ~/cache -type f -mtime +30";
    let counted = operator
        .run(&format!("{old} | wc -l; {old} | head -n 5; du -sh ~/cache"))
        .await;
    assert!(counted.contains("\n100\n"), "{counted}");
    operator
        .run(&format!("{old} -delete && find ~/cache -type f | wc -l"))
        .await;
    let left = std::fs::read_dir(operator.server("web1").home("cache"));
    assert_eq!(left.unwrap().count(), 20);
}

pub async fn rotated_log(operator: &mut Operator) {
    operator.run("ls -l ~/logs").await;
    let steps = json!([
        "cd ~/logs",
        "gzip -c old.log > old.log.1.gz",
        "gzip -t old.log.1.gz",
        ": > old.log",
        "ls -l",
    ]);
    let sequence = json!({"alias": "web1", "commands": steps});
    operator.call("task_exec_sequence", sequence).await;
    let size = |name: &str| {
        let path = operator.server("web1").home(name);
        std::fs::metadata(path).unwrap().len()
    };
    assert_eq!(size("logs/old.log"), 0);
    assert!((1..5000).contains(&size("logs/old.log.1.gz")));
}

pub async fn permission_denied(operator: &mut Operator) {
    let path = operator.server("db1").home("db.log");
    write(&path, "checkpoint complete\n");
    let set = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    set(0o200);
    let tail = json!({"alias": "db1", "filepath": "~/db.log"});
    let denied = operator.refused("Permission denied", "tail_file", tail.clone());
    denied.await;
    let look = json!({"alias": "db1", "cmd": "id -un; ls -l ~/db.log"});
    let seen = operator.call("task_exec", look).await;
    assert!(seen.contains("--w-------"), "{seen}");
    let allow = json!({"alias": "db1", "cmd": "chmod u+r ~/db.log"});
    operator.call("task_exec", allow).await;
    let shown = operator.call("tail_file", tail).await;
    assert!(shown.contains("checkpoint complete"), "{shown}");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
