//! The real PM2 and the real Fail2Ban, which `tests/run` installs where it can.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::helper::{
    Client, Folder, Sshd, assert_has, directory, eventually_so, program, test_tool, text,
};

/// A server with further directories on its PATH.
async fn with_path(directories: &[&Path]) -> (Sshd, Client, Folder) {
    let data = directory();
    let places: Vec<_> = directories.iter().map(|place| text(place)).collect();
    let path = format!(
        "SetEnv PATH={}:/usr/local/bin:/usr/bin:/bin",
        places.join(":")
    );
    let sshd = Sshd::start_with(&path);
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

/// PM2's own processes, which end with the test.
struct Pm2 {
    program: PathBuf,
    home: PathBuf,
}

impl Pm2 {
    fn run(&self, arguments: &[&str]) -> bool {
        let status = Command::new(&self.program)
            .args(arguments)
            .env("PM2_HOME", self.home.join(".pm2"))
            .current_dir(&self.home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        self.run(&["kill"]);
    }
}

#[tokio::test]
async fn pm2_for_real() {
    let Some(program) = test_tool("node_modules/.bin/pm2") else {
        return;
    };
    let programs = program.parent().unwrap();
    let (sshd, client, _data) = with_path(&[programs]).await;
    let home = sshd.directory.path().to_owned();
    let app =
        "console.log('ready on 3000'); console.error('a warning'); setInterval(() => {}, 1000);";
    std::fs::write(home.join("app.js"), app).unwrap();
    let pm2 = Pm2 { program, home };
    assert!(pm2.run(&["start", "app.js", "--name", "api-server"]));

    let services = client
        .call(
            "get_services_status",
            json!({"alias": "web1", "name": "api-*"}),
        )
        .await
        .ok();
    let service = &services.facts()["pm2"]["services"][0];
    assert_has(service, &json!({"name": "api-server", "status": "online"}));
    let errors = json!({"alias": "web1", "app": "api-server", "lines": 200, "errors": true});
    eventually_so("its error log has what it wrote", async || {
        let log = client.call("get_pm2_logs", errors.clone()).await.ok();
        log.facts()["lines"] == "a warning" && log.facts()["lineCount"] == 1
    })
    .await;
    let both = client
        .call("get_pm2_logs", json!({"alias": "web1"}))
        .await
        .ok();
    let lines = both.facts()["lines"].as_str().unwrap();
    assert!(
        lines.contains("ready on 3000") && lines.contains("a warning"),
        "{lines}"
    );
    let none = json!({"alias": "web1", "app": "nobody"});
    let error = client
        .call("get_pm2_logs", none)
        .await
        .error("MONITORING_ERROR");
    assert!(error.to_string().contains("`nobody`"), "{error}");
    // A command that would print for ever.
    let tail = json!({"alias": "web1", "cmd": "pm2 logs --raw", "streamTimeout": 2});
    let tail = client.call("task_exec", tail).await.ok();
    assert_eq!(tail.facts()["bounded"], true, "{}", tail.facts());
    assert!(tail.text().contains("ready on 3000"), "{}", tail.text());
}

struct Fail2Ban(Child);

impl Fail2Ban {
    /// Starts it with one jail, which watches `log`.
    fn start(fail2ban: &Path, place: &Path, log: &Path) -> Self {
        let conf = place.join("conf");
        for folder in ["", "action.d", "filter.d"] {
            std::fs::create_dir_all(conf.join(folder)).unwrap();
        }
        std::fs::write(log, "").unwrap();
        let (socket, process) = (text(&place.join("socket")), text(&place.join("process")));
        let own = text(&place.join("log"));
        let main = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {own}\nsyslogsocket = auto\nsocket = {socket}\n\
             pidfile = {process}\ndbfile = None\ndbpurgeage = 1d\ndbmaxmatches = 10\nallowipv6 = auto\n"
        );
        let jail = format!(
            "[shop]\nenabled = true\nbackend = polling\nfilter = shop\nlogpath = {}\nmaxretry = 2\n\
             findtime = 1h\nbantime = 1h\n",
            text(log)
        );
        std::fs::write(conf.join("fail2ban.conf"), main).unwrap();
        std::fs::write(conf.join("jail.conf"), jail).unwrap();
        let filter =
            "[Definition]\nfailregex = ^wrong password from <HOST>$\ndatepattern = {NONE}\n";
        std::fs::write(conf.join("filter.d/shop.conf"), filter).unwrap();
        let process = Command::new(fail2ban.join("bin/fail2ban-server"))
            .env("PYTHONPATH", fail2ban.join("lib/python3/dist-packages"))
            .args([
                "-f",
                "-c",
                &text(&conf),
                "-s",
                &socket,
                "-p",
                &process,
                "start",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(process.unwrap())
    }
}

impl Drop for Fail2Ban {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn fail2ban_for_real() {
    let Some(fail2ban) = test_tool("fail2ban/usr") else {
        return;
    };
    let (place, programs) = (directory(), directory());
    let log = place.path().join("shop.log");
    // The server's own client, which only looks elsewhere for its configuration and socket.
    let script = format!(
        "PYTHONPATH={fail2ban}/lib/python3/dist-packages exec {fail2ban}/bin/fail2ban-client -c {conf} -s {socket} \"$@\"",
        fail2ban = text(&fail2ban),
        conf = text(&place.path().join("conf")),
        socket = text(&place.path().join("socket")),
    );
    program(programs.path(), "fail2ban-client", &script);
    let (_sshd, client, _data) = with_path(&[programs.path()]).await;
    let _fail2ban = Fail2Ban::start(&fail2ban, place.path(), &log);
    let state = async || {
        client
            .call("get_fail2ban_status", json!({"alias": "web1"}))
            .await
    };
    eventually_so("it is ready", async || !state().await.is_error()).await;
    std::fs::write(&log, "wrong password from 192.0.2.4\n".repeat(3)).unwrap();
    eventually_so("it bans", async || {
        let state = state().await.ok();
        state.facts()["jails"][0]["banned_addresses"] == json!(["192.0.2.4"])
    })
    .await;
    let state = state().await.ok();
    let jail = &state.facts()["jails"][0];
    assert_has(jail, &json!({"name": "shop", "currently_banned": 1}));
    assert!(jail["total_failed"].as_u64() >= Some(2), "{jail}");
    let none = json!({"alias": "web1", "jail": "none"});
    let error = client
        .call("get_fail2ban_status", none)
        .await
        .error("MONITORING_ERROR");
    assert!(error.to_string().contains("none"), "{error}");
}
