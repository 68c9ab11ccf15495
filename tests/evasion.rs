//! Ways to hide a command from the policy: each of them works, and each is found.

use std::path::Path;

use serde_json::json;

use crate::helper::{Client, Sshd, closed_port, directory};

/// Lines for bash that touch `HERE/pwned`, where `HERE` is a directory.
const HIDDEN: &[&str] = &[
    "touch${IFS}HERE/pwned",
    "touch$IFS$9HERE/pwned",
    "IFS=,; x=touch,HERE/pwned; $x",
    "sh -c 'touch${IFS}HERE/pwned'",
    "bash -c 'touch $0' HERE/pwned",
    "sh -c 'touch \"$1\"' x HERE/pwned",
    "bash -c '\"$@\"' x touch HERE/pwned",
    "bash +x -c 'touch $0' HERE/pwned",
    "bash -s -- HERE/pwned <<< 'touch $1'",
    "bash <(echo 'touch $1') HERE/pwned",
    "find HERE -maxdepth 0 -exec sh -c 'touch \"$1/pwned\"' _ {} \\;",
    "cd HERE && cd / && cd - > /dev/null && touch pwned",
    "pushd HERE > /dev/null; pushd / > /dev/null; popd > /dev/null; touch pwned",
    "(cd HERE; touch pwned)",
    "cd HERE/..; CDPATH=$PWD; cd /; cd ${OLDPWD}; cd HERE; touch pwned",
    "a=HERE/pwnedx; touch ${a%x}",
    "a=xxxHERE/pwned; touch ${a:3}",
    "a=HERE/x/pwned; touch \"${a/x\\//}\"",
    "a=pwned/y; touch \"HERE/${a%%/*}\"",
    "a=b; b=HERE/pwned; touch ${!a}",
    "a=(touch HERE/pwned); \"${a[@]}\"",
    "a=HERE; a+=/pwned; touch $a",
    ": ${a:=HERE/pwned}; touch $a",
    "set -- touch HERE/pwned; \"$@\"",
    "set -- x HERE/pwned; shift; touch \"$1\"",
    "printf -v x %s HERE/pwned; touch $x",
    "read x <<< HERE/pwned; touch $x",
    "IFS= read -r x <<< HERE/pwned; touch \"$x\"",
    "echo HERE/pwned | while read -r x; do touch \"$x\"; done",
    "declare x=HERE/pwned; touch $x",
    "f() { local x=$1; touch \"$x\"; }; f HERE/pwned",
    "set -- -d HERE/pwned; while getopts d: o; do touch \"$OPTARG\"; done",
    "touch $(dirname HERE/pwned/x)",
    "touch HERE/$(basename /x/pwned)",
    "touch $(echo HERE/pwned)",
    "$(printf '\\164ouch') HERE/pwned",
    "touch $(cd HERE && pwd)/pwned",
    "touch $(printf '%s\\n' x HERE/pwned | tail -n 1)",
    "f() { echo \"$1/pwned\"; }; touch $(f HERE)",
    "x=true; if true; then x='touch HERE/pwned'; fi; eval \"$x\"",
    "echo 'touch HERE/pwned' > HERE/script; sh HERE/script",
    "printf 'touch %s\\n' HERE/pwned | bash",
    "env X=HERE/pwned sh -c 'touch $X'",
    "X=1 cd HERE; touch pwned",
    "ln -s HERE HERE/link; touch HERE/link/pwned",
    "xargs touch <<< HERE/pwned",
];

fn script(line: &str) -> String {
    format!("bash <<'END'\n{line}\nEND")
}

#[tokio::test]
async fn what_hides_works_and_is_found() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let place = sshd.home("place");
    let pwned = format!("{place}/pwned");
    let run = async |line: &str| {
        let cmd = script(&line.replace("HERE", &place));
        let run = json!({"alias": "web1", "cmd": cmd});
        client.call("task_exec", run).await
    };
    let fresh = || {
        // The first time, there is none.
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir(&place).unwrap();
    };
    for line in HIDDEN {
        fresh();
        run(line).await.ok();
        assert!(Path::new(&pwned).exists(), "{line} does not work");
    }
    let rule = format!("touch {pwned}");
    let added = json!({"pattern": rule});
    client.call("policy_blocklist_add", added).await.ok();
    let accepted = sshd.accepted();
    for line in HIDDEN {
        fresh();
        let error = run(line).await.error("POLICY_BLOCKED");
        assert_eq!(error["details"]["rule"], rule.as_str(), "{line}: {error}");
        assert!(!Path::new(&pwned).exists(), "{line} was run");
    }
    assert_eq!(sshd.accepted(), accepted);
    // Its neighbours go on.
    for line in [
        "touch${IFS}HERE/other",
        "a=HERE/otherx; touch ${a%x}",
        "ls HERE",
    ] {
        run(line).await.ok();
    }
    assert!(Path::new(&format!("{place}/other")).exists());
}

#[tokio::test]
async fn a_refusal_says_what_to_do_instead_of_this() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    // Should it be let through, it must not get anywhere.
    let nowhere = json!({"alias": "nowhere", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": "p"});
    client.register(nowhere).await;
    for (cmd, advice) in [
        ("reboot", "systemctl restart"),
        ("init 6", "systemctl restart"),
        ("systemctl stop sshd", "another way in"),
        ("iptables -t filter -F", "port of SSH"),
        ("kill -9 -1", "pgrep"),
        ("mkfs.ext4 /dev/sdb1", "lsblk"),
        ("echo x > /etc/passwd", "usermod"),
        ("rm -rf /etc", "Name the files"),
        ("rm -rf \"$DIR/\"", "${DIR:?}"),
        ("rm -rf /var/lib/mysql", "Dump"),
        ("crontab -r", "crontab FILE"),
        ("true | crontab -", "crontab FILE"),
        ("userdel -r deploy", "usermod -L"),
        ("docker volume prune -a", "docker volume rm"),
        ("echo k >> ~/.ssh/authorized_keys", "ssh-copy-id"),
        ("cp x /etc/sudoers.d/", "whoever runs the server"),
        ("cat x | sudo tee /etc/systemd/system/x.service", "in place"),
        ("install -m 755 x /etc/cron.daily/x", "in place"),
        ("ln -sf /tmp/x.so /etc/ld.so.preload", "in place"),
        (":(){ :|:& };:", "no more than once"),
    ] {
        let run = json!({"alias": "nowhere", "cmd": cmd});
        let error = client.call("task_exec", run).await.error("POLICY_BLOCKED");
        let hint = error["details"]["hint"].as_str().unwrap();
        assert!(hint.contains(advice), "{cmd}: {hint}");
    }
    // A rule of one's own is not explained by another.
    let own = json!({"pattern": "make deploy"});
    client.call("policy_blocklist_add", own).await.ok();
    let run = json!({"alias": "nowhere", "cmd": "make -j4 deploy"});
    let error = client.call("task_exec", run).await.error("POLICY_BLOCKED");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("whoever runs this orchestrator"), "{hint}");
    // Everyday files are not protected: the command gets as far as the closed port.
    for cmd in [
        "echo '{}' > /etc/app/config.json",
        "cp x.conf /etc/nginx/conf.d/x.conf",
        "rsync -a dist/ /var/www/app/",
        "ssh-copy-id deploy@web2",
        "mkfs.ext4 -n /dev/sdb1",
        "crontab -l | grep -v backup | crontab -",
    ] {
        let run = json!({"alias": "nowhere", "cmd": cmd});
        let error = client
            .call("task_exec", run)
            .await
            .error("CONNECTION_FAILED");
        assert!(error["message"].is_string(), "{cmd}: {error}");
    }
}
