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
    let overview = operator.call("server_overview", json!({"alias": "web1"}));
    let overview = overview.await;
    assert!(overview.contains('%'), "{overview}");
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
    let ask = json!({"alias": "web1,web2,db1", "cmd": "cat ~/shop/version"});
    let shown = operator.call("task_exec", ask).await;
    for (server, version) in [("web1", "2.4.1"), ("web2", "2.4.1"), ("db1", "2.3.9")] {
        assert!(shown.contains(server) && shown.contains(version), "{shown}");
    }
}

pub async fn logs_of_three_servers(operator: &mut Operator) {
    for alias in ["web1", "web2", "db1"] {
        let path = operator.server(alias).home("agent.log");
        let problem = if alias == "db1" { "disk full" } else { "sent" };
        std::fs::write(path, format!("started\n{problem}\n")).unwrap();
    }
    let tail = json!({"alias": "web*,db1", "filepath": "~/agent.log", "lines": 1});
    let shown = operator.call("tail_file", tail).await;
    assert!(
        shown.contains("disk full") && shown.contains("sent"),
        "{shown}"
    );
}
