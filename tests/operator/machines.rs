//! The servers that the operator works on: `web1` and `web2` run a shop, `db1` its database.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::helper::{SshServer, Sshd, write};

/// The password that `sudo` asks for.
pub const SUDO_PASSWORD: &str = "correct-horse-7";

/// The services of `web1`, of which the shop's has failed until its configuration is right.
const SYSTEMCTL: &str = r#"state=$(cat "$HOME/shop/state" 2>/dev/null || echo failed)
case $1 in
list-units)
    for unit in apparmor blk-availability chrony console-setup containerd cron dbus docker finalrd getty@tty1 \
        irqbalance keyboard-setup kmod-static-nodes lvm2-monitor multipathd networkd-dispatcher nginx \
        packagekit plymouth-quit polkit qemu-guest-agent rsyslog setvtrgb snapd ssh systemd-binfmt \
        systemd-journal-flush systemd-journald systemd-logind systemd-modules-load systemd-networkd \
        systemd-random-seed systemd-resolved systemd-sysctl systemd-timesyncd systemd-udevd udisks2 ufw \
        unattended-upgrades user@1000; do
        echo "$unit.service loaded active running The service $unit of this machine"
    done
    if [ "$state" = active ]; then echo 'shop.service loaded active running The shop'
    else echo 'shop.service loaded failed failed The shop'; fi ;;
status)
    echo "shop.service - The shop"
    echo "   Active: $state (Result: exit-code)"
    [ "$state" = active ] || exit 3 ;;
restart)
    if grep -q '^port = [0-9]*$' "$HOME/shop/shop.conf"; then echo active >"$HOME/shop/state"
    else echo 'Job for shop.service failed.' >&2; exit 1; fi ;;
is-active) echo "$state"; [ "$state" = active ] ;;
list-timers) echo 'Fri 2026-11-27 03:00:00 UTC 9h left - - backup.timer backup.service' ;;
esac"#;

const PROGRAMS: [(&str, &str); 7] = [
    ("systemctl", SYSTEMCTL),
    (
        "journalctl",
        "echo 'shop[812]: reading shop.conf'\necho 'shop[812]: shop.conf:2: port is no number: 80a0'",
    ),
    (
        "crontab",
        r#"case $1 in -l) cat "$HOME/crontab" ;; *) cp "$1" "$HOME/crontab" ;; esac"#,
    ),
    (
        "who",
        "echo 'deploy   pts/0        2026-11-26 07:58 (192.0.2.44)'",
    ),
    (
        "sudo",
        r#"stty -echo </dev/tty; printf '[sudo] password for deploy: ' >/dev/tty
read -r given </dev/tty; stty echo </dev/tty; echo >/dev/tty
if [ "$given" = correct-horse-7 ]; then exec "$@"; fi
echo 'Sorry, try again.' >&2; exit 1"#,
    ),
    (
        "pg_dump",
        r#"seq -f 'INSERT INTO orders VALUES (%g);' 2000
until [ -e "$HOME/disk-is-quick" ]; do sleep 0.05; done
echo '-- complete'"#,
    ),
    ("reindex", "while :; do sleep 0.2; done"),
];

pub struct Machines {
    web1: Sshd,
    web2: Sshd,
    db1: Sshd,
}

impl Machines {
    pub fn start() -> Self {
        let machines = Self {
            web1: Sshd::with_programs(&PROGRAMS, ""),
            web2: Sshd::start(),
            db1: Sshd::start_bound(),
        };
        for (sshd, version) in [
            (&machines.web1, "2.4.1"),
            (&machines.web2, "2.4.1"),
            (&machines.db1, "2.3.9"),
        ] {
            write(
                sshd.home("shop/version"),
                format!("shop {version}\nbuilt 2026-11-20\n"),
            );
        }
        machines.furnish();
        machines
    }

    pub fn named(&self, alias: &str) -> &Sshd {
        match alias {
            "web1" => &self.web1,
            "web2" => &self.web2,
            "db1" => &self.db1,
            _ => panic!("there is no {alias}"),
        }
    }

    /// Puts on `web1` what the jobs are about.
    fn furnish(&self) {
        let home = |name: &str| self.web1.home(name);
        write(home("shop/shop.conf"), "name = shop\nport = 80a0\n");
        write(home("crontab"), "* * * * * backup --full\n");
        write(home("spool/core.812"), vec![1; 3_000_000]);
        write(home("spool/core.977"), vec![1; 2_000_000]);
        write(home("spool/orders.db"), vec![1; 100_000]);
        write(home("site/site.conf"), site());
        write(
            home("site/check"),
            "grep -q 'listen 443 ssl;' site.conf && echo 'site.conf is well'\n",
        );
        write(
            home("shop/build.sh"),
            "set -e\nmkdir -p out\ncp sources/main.js out/main.js\necho built\n",
        );
        write(home("shop/src/main.js"), "serve(8080);\n");
        write(home("logs/access.log"), access_log());
        write(home("logs/app.log"), "2026-11-26 08:00:00 starting\n");
        write(home("logs/old.log"), "an old line\n".repeat(5000));
        write(home("drop"), "a file where a directory should be\n");
        let now = SystemTime::now();
        for number in 0..120 {
            let path = home(&format!("cache/page-{number:03}.html"));
            write(&path, "<p>cached</p>\n");
            let days = if number < 20 { 1 } else { 40 };
            let then = now - Duration::from_secs(days * 24 * 3600);
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(then).unwrap();
        }
    }
}

impl SshServer for Machines {
    fn login(&self, alias: &str) -> Value {
        self.named(alias).login(alias)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.web1.path(name)
    }
}

fn site() -> String {
    let locations = (1..=20).map(|number| {
        format!("    location /part{number}/ {{\n        proxy_pass http://127.0.0.1:80{number:02};\n    }}\n")
    });
    let locations: String = locations.collect();
    format!("server {{\n    listen 443;\n    server_name shop.example;\n{locations}}}\n")
}

fn access_log() -> String {
    let line = |number: usize| {
        let status = if number % 9000 == 4500 { 500 } else { 200 };
        format!(
            "192.0.2.{} \"GET /item/{number} HTTP/1.1\" {status} {}\n",
            number % 250,
            number * 7 % 5000
        )
    };
    (0..27_000).map(line).collect()
}
