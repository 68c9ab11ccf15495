//! Monitoring and logs, against sshd; what is not on this machine is stood in for by commands that
//! print what the real ones do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::helper::{Client, Folder, Sshd, directory, text};

/// A server whose commands are looked for in `programs` first.
async fn with_programs(programs: &[(&str, &str)]) -> (Sshd, Client, [Folder; 2]) {
    let (data, place) = (directory(), directory());
    for (name, script) in programs {
        let path = place.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("SetEnv PATH={}:/usr/bin:/bin", text(place.path()));
    let sshd = Sshd::start_with(&path);
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, [data, place])
}

#[tokio::test]
async fn resources_are_those_of_the_server() {
    let (_sshd, client, _folders) = with_programs(&[]).await;
    let shown = client
        .call("get_system_resources", json!({"alias": "web1"}))
        .await
        .ok();
    let facts = shown.facts();
    assert_eq!(facts["load_average"].as_array().unwrap().len(), 3);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap();
    let total: u64 = total.parse().unwrap();
    assert_eq!(facts["memory"]["total_bytes"], total * 1024);
    assert_eq!(
        facts["cpu"]["cores"],
        std::thread::available_parallelism().unwrap().get()
    );
    let usage = facts["cpu"]["usage_percent"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&usage));
    assert!(
        facts["disk"]["use_percent"]
            .as_str()
            .unwrap()
            .ends_with('%'),
        "{facts}"
    );
    assert!(facts["uptime_seconds"].as_u64().unwrap() > 0);
    let history = client.call("task_history", json!({})).await.ok();
    assert_eq!(
        history.facts()["entries"][0]["command"],
        "get_system_resources"
    );
}

const SYSTEMCTL: &str = "echo 'cron.service loaded active running Regular background'";
const DOCKER: &str = r#"case $1 in
ps) printf 'nginx\tnginx:1.27\trunning\tUp 3 hours\n' ;;
logs) for last; do :; done
    if [ "$last" != nginx ]; then echo "Error response from daemon: No such container: $last" >&2; exit 1; fi
    echo "$@"; echo oops >&2 ;;
esac"#;
const PM2: &str = r#"case $1 in
jlist) echo '[{"pid":42,"name":"api-server","pm2_env":{"status":"online"},"pm_id":0,"monit":{"memory":1,"cpu":0}}]' ;;
describe) [ "$2" = api-server ] ;;
logs) printf '[TAILING] Tailing last 200 lines for [api-server] process\n/root/.pm2/logs/api-server-error.log last 200 lines:\n'; echo "$@"; echo two ;;
esac"#;

#[tokio::test]
async fn services_and_their_logs() {
    let programs = [("systemctl", SYSTEMCTL), ("docker", DOCKER), ("pm2", PM2)];
    let (_sshd, client, _folders) = with_programs(&programs).await;
    let shown = client
        .call("get_services_status", json!({"alias": "web1"}))
        .await
        .ok();
    let facts = shown.facts();
    assert_eq!(facts["systemd"]["services"][0]["name"], "cron", "{facts}");
    assert_eq!(facts["docker"]["services"][0]["state"], "running");
    assert_eq!(facts["pm2"]["services"][0]["status"], "online");

    let docker = json!({"alias": "web1", "container": "nginx", "lines": 100, "since": "1h", "timestamps": true});
    let log = client.call("get_docker_logs", docker).await.ok();
    assert_eq!(
        log.facts()["lines"],
        "logs --tail 100 --since=1h --timestamps -- nginx\noops"
    );
    assert_eq!(log.facts()["lineCount"], 2);
    let none = json!({"alias": "web1", "container": "none"});
    let error = client
        .call("get_docker_logs", none)
        .await
        .error("MONITORING_ERROR");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("No such container: none"),
        "{error}"
    );

    let pm2 = json!({"alias": "web1", "app": "api-server", "lines": 200, "errors": true});
    let log = client.call("get_pm2_logs", pm2).await.ok();
    assert_eq!(
        log.facts()["lines"],
        "logs --nostream --raw --lines 200 --err api-server\ntwo"
    );
    let none = json!({"alias": "web1", "app": "none"});
    let error = client
        .call("get_pm2_logs", none)
        .await
        .error("MONITORING_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("`none`"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_installed_is_absent() {
    let (_sshd, client, _folders) = with_programs(&[]).await;
    let shown = client
        .call("get_services_status", json!({"alias": "web1"}))
        .await
        .ok();
    assert_eq!(shown.facts()["pm2"]["status"], "absent");
    client
        .call("get_pm2_logs", json!({"alias": "web1"}))
        .await
        .error("MONITORING_ERROR");
    let unknown = json!({"alias": "nobody"});
    client
        .call("get_system_resources", unknown)
        .await
        .error("UNKNOWN_ALIAS");
}

const FAIL2BAN: &str = r#"[ "$1" = ping ] && exit 0
case $2 in
'') printf 'Status\n|- Number of jail:\t1\n`- Jail list:\tsshd\n' ;;
sshd) printf 'Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t1\n|  `- Total failed:\t5\n`- Actions\n   |- Currently banned:\t1\n   |- Total banned:\t2\n   `- Banned IP list:\t192.0.2.4\n' ;;
*) echo "Sorry but the jail '$2' does not exist" >&2; exit 255 ;;
esac"#;

#[tokio::test]
async fn fail2ban_s_jails() {
    let (_sshd, client, _folders) = with_programs(&[("fail2ban-client", FAIL2BAN)]).await;
    for arguments in [
        json!({"alias": "web1"}),
        json!({"alias": "web1", "jail": "sshd"}),
    ] {
        let shown = client.call("get_fail2ban_status", arguments).await.ok();
        let jail = &shown.facts()["jails"][0];
        assert_eq!(
            (&jail["name"], &jail["total_banned"]),
            (&json!("sshd"), &json!(2))
        );
        assert_eq!(jail["banned_addresses"], json!(["192.0.2.4"]));
    }
    let none = json!({"alias": "web1", "jail": "none"});
    let error = client
        .call("get_fail2ban_status", none)
        .await
        .error("MONITORING_ERROR");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn the_end_of_a_file() {
    let (sshd, client, _folders) = with_programs(&[]).await;
    std::fs::write(sshd.home("a b"), "one\ntwo\nthree").unwrap();
    let arguments = json!({"alias": "web1", "filepath": sshd.home("a b"), "lines": 2});
    let shown = client.call("tail_file", arguments).await.ok();
    assert_eq!(
        (&shown.facts()["lines"], &shown.facts()["lineCount"]),
        (&json!("two\nthree"), &json!(2))
    );
    let home = json!({"alias": "web1", "filepath": "~/a b", "lines": 1});
    assert_eq!(
        client.call("tail_file", home).await.ok().facts()["lines"],
        "three"
    );
    let none = json!({"alias": "web1", "filepath": "/none"});
    let error = client
        .call("tail_file", none)
        .await
        .error("MONITORING_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("/none"),
        "{error}"
    );
}

#[tokio::test]
async fn no_argument_becomes_syntax() {
    let (sshd, client, _folders) = with_programs(&[
        ("docker", DOCKER),
        ("pm2", PM2),
        ("fail2ban-client", FAIL2BAN),
    ])
    .await;
    let pwned = sshd.home("pwned");
    for nasty in [
        format!("; touch {pwned}"),
        format!("$(touch {pwned})"),
        format!("`touch {pwned}`"),
        format!("x\ntouch {pwned}"),
        format!("' ; touch {pwned}; '"),
        format!("\" ; touch {pwned}; \""),
        "--help".to_owned(),
        "-n".to_owned(),
        "\0".to_owned(),
    ] {
        for (tool, arguments) in [
            ("tail_file", json!({"alias": "web1", "filepath": nasty})),
            (
                "get_docker_logs",
                json!({"alias": "web1", "container": nasty}),
            ),
            (
                "get_docker_logs",
                json!({"alias": "web1", "container": "nginx", "since": nasty}),
            ),
            ("get_pm2_logs", json!({"alias": "web1", "app": nasty})),
            (
                "get_fail2ban_status",
                json!({"alias": "web1", "jail": nasty}),
            ),
        ] {
            client.call(tool, arguments).await;
            assert!(!Path::new(&pwned).exists(), "{tool}: {nasty:?}");
        }
    }
}
