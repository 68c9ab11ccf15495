//! Monitoring and logs, against sshd; what is not on this machine is stood in for by commands that
//! print what the real ones do.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::helper::{Client, Folder, Pm2Daemon, Sshd, apart, assert_has, directory, numbers};

/// A server whose commands are looked for in `programs` first.
async fn with_programs(programs: &[(&str, &str)]) -> (Sshd, Client, Folder) {
    let (sshd, data) = (Sshd::with_programs(programs, ""), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

#[tokio::test]
async fn resources_are_those_of_the_server() {
    let (_sshd, client, _data) = with_programs(&[]).await;
    let shown = client
        .call("get_system_resources", json!({"alias": "web1"}))
        .await
        .ok();
    let (facts, text) = (shown.facts(), shown.text());
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
    let total = f64::from(u32::try_from(total / 1024).unwrap()) / 1024.0;
    let shown = facts["memory"]["total"].as_str().unwrap();
    let shown = shown
        .strip_suffix("Gi")
        .map_or(total, |gib| gib.parse().unwrap());
    assert!((shown - total).abs() <= 0.6, "{facts}");
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
    let percent = facts["disk"]["inodes_use_percent"].as_str();
    assert!(
        percent.is_none_or(|percent| percent.ends_with('%')),
        "{facts}"
    );
    for said in ["load ", "memory ", " free  "] {
        assert!(text.contains(said), "{text}");
    }
    let history = client.call("task_history", json!({})).await.ok();
    assert_eq!(
        history.facts()["entries"][0]["command"],
        "get_system_resources"
    );
}

const SYSTEMCTL: &str = "case $1 in
show) printf 'NRestarts=0\\nId=cron.service\\n\\nNRestarts=12\\nId=worker.service\\n' ;;
*) [ \"$2 $3\" = '--type=service --all' ] || exit 1
    echo 'cron.service loaded active running Regular background'
    echo '● nginx.service loaded failed failed A web server'
    echo 'worker.service loaded active running Worker'
    echo 'getty.service loaded inactive dead Getty' ;;
esac";
const DOCKER: &str = r#"case $1 in
ps) printf 'nginx\tnginx:1.27\trunning\tUp 3 hours\n' ;;
logs) for last; do :; done
    if [ "$last" != nginx ]; then echo "Error response from daemon: No such container: $last" >&2; exit 1; fi
    echo "$@"; echo oops >&2 ;;
esac"#;
const PM2: &str = r#"touch "$HOME/asked"
case $1 in
jlist) echo '[PM2] hello'
    echo '[{"pid":42,"name":"api-server","pm2_env":{"status":"online","KEY":"of-the-application","env":{"KEY":"of-the-application"}},"pm_id":0,"monit":{"memory":1,"cpu":0}}]' ;;
describe) [ "$2" = api-server ] ;;
logs) printf '[TAILING] Tailing last 200 lines for [api-server] process\n/root/.pm2/logs/api-server-error.log last 200 lines:\n'; echo "$@"; echo two ;;
esac"#;

#[tokio::test]
async fn services_and_their_logs() {
    let programs = [("systemctl", SYSTEMCTL), ("docker", DOCKER), ("pm2", PM2)];
    let (sshd, client, _data) = with_programs(&programs).await;
    let _pm2 = Pm2Daemon::start(sshd.directory.path());
    let shown = client
        .call("get_services_status", json!({"alias": "web1"}))
        .await
        .ok();
    let facts = shown.facts();
    assert_eq!(
        facts["systemd"]["counts"],
        json!({"failed": 1, "inactive": 1, "active": 2}),
        "{facts}"
    );
    let shown = facts["systemd"]["services"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|service| &service["name"]).collect();
    assert_eq!(shown, ["nginx", "worker"], "{facts}");
    assert_eq!(facts["systemd"]["services"][1]["restarts"], 12);
    assert_eq!(facts["docker"]["counts"], json!({"running": 1}));
    let select = async |more: Value| {
        let mut arguments = json!({"alias": "web1"});
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        let shown = client.call("get_services_status", arguments).await.ok();
        shown.facts().clone()
    };
    let named = select(json!({"name": "nginx"})).await;
    assert_eq!(named["systemd"]["services"][0]["active"], "failed");
    assert_eq!(named["docker"]["services"][0]["status"], "Up 3 hours");
    let inactive = select(json!({"state": "inactive"})).await;
    assert_eq!(inactive["systemd"]["services"][0]["name"], "getty");
    let all = select(json!({"all": true})).await;
    assert_eq!(
        all["systemd"]["others"],
        json!({"active": ["cron"], "inactive": ["getty"]})
    );
    let bad = json!({"alias": "web1", "name": "[x"});
    let refused = client.call("get_services_status", bad).await;
    assert_eq!(
        refused.error("INVALID_ARGUMENT")["details"]["parameter"],
        "name"
    );

    let docker = json!({"alias": "web1", "container": "nginx", "lines": 100, "since": "1h", "timestamps": true});
    let log = client.call("get_docker_logs", docker).await.ok();
    log.has(&json!({"lines": "logs --tail 100 --since=1h --timestamps -- nginx\noops"}));
    assert_eq!(log.facts()["lineCount"], 2);
    let none = json!({"alias": "web1", "container": "none"});
    let error = client
        .call("get_docker_logs", none)
        .await
        .error("MONITORING_ERROR");
    assert!(
        error.to_string().contains("No such container: none"),
        "{error}"
    );

    let pm2 = json!({"alias": "web1", "app": "api-server", "lines": 200, "errors": true});
    let log = client.call("get_pm2_logs", pm2).await.ok();
    log.has(&json!({"lines": "logs --nostream --raw --lines 200 --err api-server\ntwo"}));
    let none = json!({"alias": "web1", "app": "none"});
    let error = client
        .call("get_pm2_logs", none)
        .await
        .error("MONITORING_ERROR");
    assert!(error.to_string().contains("`none`"), "{error}");
}

#[tokio::test]
async fn pm2_s_list_comes_without_what_is_secret_in_it() {
    if !Path::new("/usr/bin/node").exists() {
        eprintln!("not run: there is no node, which PM2 runs on");
        return;
    }
    let (sshd, client, data) = with_programs(&[("pm2", PM2)]).await;
    let _pm2 = Pm2Daemon::start(sshd.directory.path());
    let services = json!({"alias": "web1", "state": "online"});
    let shown = client.call("get_services_status", services).await.ok();
    let service = &shown.facts()["pm2"]["services"][0];
    assert_has(
        service,
        &json!({"name": "api-server", "status": "online", "pid": 42}),
    );
    let queue = client
        .call("task_queue", json!({"tool": "get_services_status"}))
        .await
        .ok();
    let id = json!({"id": queue.facts()["tasks"][0]["id"]});
    for tool in ["task_status", "task_output"] {
        let shown = client.call(tool, id.clone()).await.ok();
        assert!(shown.text().contains("api-server"), "{}", shown.text());
        assert!(!format!("{shown:?}").contains("of-the-application"));
    }
    let found = std::process::Command::new("grep")
        .args(["-r", "of-the-application"])
        .arg(data.path())
        .output();
    assert!(found.unwrap().stdout.is_empty());
}

#[tokio::test]
async fn nothing_is_started_where_pm2_does_not_run() {
    let (sshd, client, _data) = with_programs(&[("pm2", PM2)]).await;
    std::fs::create_dir(sshd.home(".pm2")).unwrap();
    // The number of a process that is no daemon of PM2's. Not this one's: a runner may name the test in its
    // command line.
    let mut other = apart(tokio::process::Command::new("cat"));
    let other = other.stdin(Stdio::piped()).spawn().unwrap();
    let number = other.id().unwrap().to_string();
    for left in [None, Some(number.as_str()), Some("nonsense")] {
        if let Some(left) = left {
            std::fs::write(sshd.home(".pm2/pm2.pid"), left).unwrap();
        }
        let server = json!({"alias": "web1"});
        let shown = client.call("get_services_status", server.clone()).await;
        assert_eq!(
            shown.ok().facts()["pm2"],
            json!({"status": "present", "reason": "its daemon is not running", "services": []})
        );
        let error = client
            .call("get_pm2_logs", server)
            .await
            .error("MONITORING_ERROR");
        assert!(error.to_string().contains("not running"));
        assert!(!Path::new(&sshd.home("asked")).exists());
    }
}

#[tokio::test]
async fn a_long_log_shows_its_ends_and_says_what_it_leaves_out() {
    let (sshd, client, _data) = with_programs(&[]).await;
    // More than the first 8 MiB.
    std::fs::write(sshd.home("log"), numbers(1_300_000)).unwrap();
    let tail = json!({"alias": "web1", "filepath": sshd.home("log"), "lines": 1_250_000});
    let log = client.call("tail_file", tail).await.ok();
    let (facts, text) = (log.facts(), log.text());
    assert_has(facts, &json!({"lineCount": 1_250_000, "truncated": true}));
    let lines = facts["lines"].as_str().unwrap();
    assert!(lines.starts_with("50001\n") && lines.ends_with("\n1300000"));
    assert!(lines.len() < 40 * 1024 && text.len() < 40 * 1024);
    let id = facts["taskId"].as_str().unwrap();
    assert!(
        text.contains("1250000 lines")
            && text.contains(&format!("task_output {{\"id\":\"{id}\",\"offset\":")),
        "{}",
        &text[..200]
    );
    let rest = json!({"id": id, "grep": "^640000$"});
    let rest = client.call("task_output", rest).await.ok();
    assert_eq!(rest.facts()["text"], "640000\n");
}

#[tokio::test]
async fn what_is_not_installed_is_absent() {
    let (_sshd, client, _data) = with_programs(&[]).await;
    let shown = client
        .call("get_services_status", json!({"alias": "web1"}))
        .await
        .ok();
    assert_eq!(shown.facts()["pm2"]["status"], "absent");
    assert!(
        shown.text().contains("not found on the PATH"),
        "{}",
        shown.text()
    );
    let error = client
        .call("get_pm2_logs", json!({"alias": "web1"}))
        .await
        .error("MONITORING_ERROR");
    assert!(
        error
            .to_string()
            .contains("`pm2` was not found on the PATH"),
        "{error}"
    );
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
    let (_sshd, client, _data) = with_programs(&[("fail2ban-client", FAIL2BAN)]).await;
    for arguments in [
        json!({"alias": "web1"}),
        json!({"alias": "web1", "jail": "sshd"}),
    ] {
        let shown = client.call("get_fail2ban_status", arguments).await.ok();
        let jail = &shown.facts()["jails"][0];
        assert_has(jail, &json!({"name": "sshd", "total_banned": 2}));
        assert_eq!(jail["banned_addresses"], json!(["192.0.2.4"]));
    }
    let none = json!({"alias": "web1", "jail": "none"});
    let error = client
        .call("get_fail2ban_status", none)
        .await
        .error("MONITORING_ERROR");
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn the_end_of_a_file() {
    let (sshd, client, _data) = with_programs(&[]).await;
    std::fs::write(sshd.home("a b"), "one\ntwo\nthree").unwrap();
    let arguments = json!({"alias": "web1", "filepath": sshd.home("a b"), "lines": 2});
    let shown = client.call("tail_file", arguments).await.ok();
    shown.has(&json!({"lines": "two\nthree", "lineCount": 2}));
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
    assert!(error.to_string().contains("/none"), "{error}");
}
