//! Jobs that begin with a look at a server.

use serde_json::json;

use super::session::Operator;
use crate::helper::read_json;

pub async fn first_contact(operator: &mut Operator) {
    operator.call("server_list", json!({})).await;
    let mut login = operator.server("web1").login("web1");
    login.as_object_mut().unwrap().remove("verify");
    let added = operator.call("server_add", login).await;
    assert!(added.contains("logged in as"), "{added}");
    let one = json!({"alias": "web1"});
    let resources = operator.call("get_system_resources", one.clone()).await;
    assert!(resources.contains('%'), "{resources}");
    let services = operator.call("get_services_status", one).await;
    assert!(services.contains("shop"), "{services}");
    let servers = read_json(&operator.fixture.stored("servers.json"));
    assert_eq!(servers["web1"]["port"], operator.server("web1").port);
}

pub async fn dead_service(operator: &mut Operator) {
    let services = operator.call("get_services_status", json!({"alias": "web1"}));
    assert!(services.await.contains("failed"));
    let why = operator.run("systemctl status shop; journalctl -u shop -n 20 --no-pager");
    assert!(why.await.contains("port is no number"));
    let path = operator.server("web1").home("shop/shop.conf");
    let read = json!({"alias": "web1", "path": path});
    let configuration = operator.call("file_read", read).await;
    let port = configuration.lines().find(|line| line.starts_with("port"));
    let edit = json!({
        "alias": "web1", "path": path, "edits": [{"old": port, "new": "port = 8080"}],
        "check": "systemctl restart shop && systemctl is-active shop",
    });
    let mended = operator.call("file_edit", edit).await;
    assert!(mended.contains("active"), "{mended}");
    let home = |name: &str| std::fs::read_to_string(operator.server("web1").home(name)).unwrap();
    assert_eq!(home("shop/state"), "active\n");
    assert_eq!(home("shop/shop.conf"), "name = shop\nport = 8080\n");
}

pub async fn load_at_night(operator: &mut Operator) {
    let seen = operator.run("uptime; who; systemctl list-timers --no-pager; crontab -l");
    let seen = seen.await;
    assert!(
        seen.contains("192.0.2.44") && seen.contains("backup.timer"),
        "{seen}"
    );
    assert!(seen.contains("* * * * * backup --full"), "{seen}");
    let mended = "crontab -l > ~/table && sed -i 's/^[* ]* backup/0 3 * * * backup/' ~/table && crontab ~/table && crontab -l";
    operator.run(mended).await;
    let crontab = std::fs::read_to_string(operator.server("web1").home("crontab"));
    assert_eq!(crontab.unwrap(), "0 3 * * * backup --full\n");
}

pub async fn versions_on_three_servers(operator: &mut Operator) {
    let mut versions = Vec::new();
    for alias in ["web1", "web2", "db1"] {
        let ask = json!({"alias": alias, "cmd": "cat ~/shop/version; uname -r"});
        let shown = operator.call("task_exec", ask).await;
        let version = shown.lines().find_map(|line| line.strip_prefix("shop "));
        versions.push(version.unwrap_or_default().to_owned());
    }
    assert_eq!(versions, ["2.4.1", "2.4.1", "2.3.9"]);
}
