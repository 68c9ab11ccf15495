//! Overviews of captured outputs.

use serde_json::json;

use super::*;

/// Dropbear takes lines of 9000 bytes; longer scripts go by standard input.
#[test]
fn the_script_is_short_enough_for_a_command_line() {
    let line = crate::shell::quote(&command());
    assert!(line.len() < 7900, "{} bytes", line.len());
}

#[test]
fn a_server_fits_on_one_screen() {
    let overview = parse(include_str!("../captured/overview-linux.txt")).unwrap();
    assert_eq!(
        overview.text(),
        "shop-1: Debian GNU/Linux 12 (bookworm), Linux 6.1.0-9-amd64 x86_64\n\
         stands out: / 93% used; failed: backup.service; needs a reboot (asked for by linux-image-6.1.0-13-amd64)\n\
         load 0.42 0.30 0.28, 2 cores, CPU 4 %, up 3 days\n\
         memory 1.5Gi of 3.8Gi used (40 %), 2.3Gi available, swap 0B of 977Mi used\n\
         /  93% of 39Gi used  977Mi free  inodes 12%  /dev/sda1\n\
         logged in: deploy ×2 from 192.0.2.7\n\
         packages by apt, 12 updates\n\
         listens:\n\
         22/tcp                 sshd          ssh.service\n\
         443/tcp                nginx         nginx.service      shop.example.org\n\
         3000/tcp on 127.0.0.1  node          shop.service       shop.example.org\n\
         8080/tcp               docker-proxy  container metrics"
    );
    let facts = serde_json::to_value(&overview).unwrap();
    assert_eq!(
        facts["listeners"][2],
        json!({"port": 3000, "protocol": "tcp", "addresses": ["127.0.0.1"], "process": "node",
            "unit": "shop.service", "names": ["shop.example.org"]})
    );
    assert_eq!(facts["failed_units"], json!(["backup.service"]));
    assert_eq!(facts["packages"], json!({"manager": "apt", "updates": 12}));
    assert_eq!(facts["disk"]["use_percent"], "93%");
    assert_eq!(facts.get("age_seconds"), None);
}

#[test]
fn what_a_system_does_not_say_is_left_out() {
    let freebsd = include_str!("../captured/resources-freebsd.txt");
    let more = "@@ kernel\nFreeBSD 14.1-RELEASE-p5 amd64\n@@ hostname\nb1\n@@ os\nFreeBSD 14.1-RELEASE-p5\n@@ users\n\
        @@ installed kernels\n14.1-RELEASE-p5\n@@ package manager\npkg\n@@ updates\n@@ unprivileged\n\
        @@ sockstat\nroot sshd 812 4 tcp4 *:22 *:*\n@@ cgroups\n@@ sites\nprogram nginx\n";
    let overview = parse(&format!("{freebsd}{more}")).unwrap();
    let text = overview.text();
    assert!(
        text.starts_with("b1: FreeBSD 14.1-RELEASE-p5, FreeBSD 14.1-RELEASE-p5 amd64\n"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "nobody is logged in at a terminal\npackages by pkg\n\
             listens (processes of other users are not shown to this one):\n22/tcp  sshd"
        ),
        "{text}"
    );
    let facts = serde_json::to_value(&overview).unwrap();
    for absent in ["failed_units", "reboot_needed", "routed_containers"] {
        assert_eq!(facts.get(absent), None, "{absent}");
    }
}

#[test]
fn a_recent_overview_stands_for_the_same_place_only() {
    let recent = RecentOverviews::default();
    let overview = parse(include_str!("../captured/overview-linux.txt")).unwrap();
    recent.put("web1", "root@192.0.2.1:22", &overview);
    let found = recent.get("web1", "root@192.0.2.1:22").unwrap();
    assert_eq!(found.age_seconds, Some(0));
    assert!(
        found.text().contains(" ago; `fresh` asks again)\n"),
        "{}",
        found.text()
    );
    assert!(recent.get("web1", "root@192.0.2.2:22").is_none());
    assert!(recent.get("web2", "root@192.0.2.1:22").is_none());
}
