//! Importing servers from an Ansible inventory.

use std::path::Path;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use crate::helper::{
    Client, Fixture, Folder, Sshd, assert_has, binary_of, directory, program, read_json, text,
    user, write,
};

/// An inventory with a server that is there, one behind it, and some that cannot be taken.
fn inventory(sshd: &Sshd) -> Value {
    json!({
        "_meta": {"hostvars": {
            "gate": {
                "ansible_host": "127.0.0.1", "ansible_port": sshd.port, "ansible_user": user(),
                "ansible_ssh_private_key_file": text(&sshd.directory.path().join("user")),
                "ansible_become_password": "hunter22",
            },
            "inner": {
                "ansible_host": "127.0.0.1", "ansible_port": sshd.port, "ansible_user": user(),
                "ansible_ssh_private_key_file": text(&sshd.directory.path().join("user")),
                "ansible_ssh_common_args": "-o ProxyJump=gate",
            },
            "sealed": {
                "ansible_host": "192.0.2.9", "ansible_user": "me",
                "ansible_password": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n6161"},
            },
            "told": {"ansible_host": "192.0.2.10", "ansible_user": "me", "ansible_password": "Xk29-frobnicate"},
            "stranded": {"ansible_host": "192.0.2.11", "ansible_ssh_common_args": "-J nobody"},
            "windows": {"ansible_connection": "winrm"},
        }},
        "all": {"children": ["ungrouped", "prod", "lab"]},
        "prod": {"children": ["web"]},
        "web": {"hosts": ["inner", "gate"]},
        "lab": {"hosts": ["sealed", "told", "stranded", "windows"]},
    })
}

/// The hosts of an answer, each with its state.
fn states(answer: &Value) -> Vec<(String, String)> {
    let word = |host: &Value, name: &str| host[name].as_str().unwrap().to_owned();
    let hosts = answer["hosts"].as_array().unwrap().iter();
    hosts
        .map(|host| (word(host, "name"), word(host, "state")))
        .collect()
}

fn host<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let mut hosts = answer["hosts"].as_array().unwrap().iter();
    hosts.find(|host| host["name"] == name).unwrap()
}

/// A client in whose user's SSH configuration nothing stands.
async fn client_of(data: &Folder) -> Client {
    Client::in_process(data.path(), |_| {}).await
}

#[tokio::test]
async fn hosts_become_servers_and_groups_become_tags() {
    let (sshd, data, files) = (Sshd::start(), directory(), directory());
    let path = files.path().join("inventory.json");
    write(&path, inventory(&sshd).to_string());
    let client = client_of(&data).await;
    let import = json!({"inventory": path});
    let shown = client.call("server_import", import).await.ok();
    let found = [
        ("gate", "found"),
        ("inner", "found"),
        ("sealed", "found"),
        ("told", "found"),
        ("windows", "broken"),
        ("stranded", "broken"),
    ];
    let mut seen = states(shown.facts());
    let mut expected = found.map(|(name, state)| (name.to_owned(), state.to_owned()));
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    assert!(
        !data.path().join("servers.json").exists(),
        "listing adds nothing"
    );
    assert!(shown.text().contains("through gate"), "{}", shown.text());
    for (name, words) in [
        ("gate", "not taken: ansible_become_password"),
        ("sealed", "encrypted by Ansible Vault"),
        ("windows", "by `winrm`"),
        ("stranded", "jump host `nobody` is no server"),
    ] {
        let told = host(shown.facts(), name).to_string();
        assert!(told.contains(words), "{told}");
    }
    let import = json!({"inventory": path, "add": true, "tags": ["new"], "notes": "from Ansible"});
    let added = client.call("server_import", import.clone()).await.ok();
    assert_eq!(host(added.facts(), "inner")["state"], "added");
    let listed = client.call("server_list", json!({})).await.ok();
    for (alias, fields) in [
        (
            "gate",
            json!({"host": "127.0.0.1", "port": sshd.port, "notes": "from Ansible"}),
        ),
        ("gate", json!({"tags": ["new", "prod", "web"]})),
        (
            "inner",
            json!({"jump": "gate", "tags": ["new", "prod", "web"]}),
        ),
        (
            "sealed",
            json!({"user": "me", "sshConfigHost": "192.0.2.9", "tags": ["lab", "new"]}),
        ),
        ("told", json!({"host": "192.0.2.10", "password": "***"})),
    ] {
        assert_has(&listed.facts()[alias], &fields);
    }
    assert_eq!(listed.facts().as_object().unwrap().len(), 4);
    let stored = read_json(&data.path().join("servers.json"));
    let password = stored["told"]["password"].as_str().unwrap();
    assert!(password.starts_with("sealed:"), "{password}");
    let shown = format!("{}{}", added.text(), added.facts());
    for secret in ["hunter22", "Xk29-frobnicate", "6161"] {
        assert!(!shown.contains(secret) && !stored.to_string().contains(secret));
    }
    let ran = client.exec("inner", "echo there").await.ok();
    assert_eq!(ran.facts()["output"], "there");
    let again = client.call("server_import", import).await.ok();
    assert_eq!(host(again.facts(), "gate")["state"], "known");
}

#[tokio::test]
async fn a_pattern_picks_hosts_of_an_inventory() {
    let (sshd, data, files) = (Sshd::start(), directory(), directory());
    let path = files.path().join("inventory.json");
    write(&path, inventory(&sshd).to_string());
    let client = client_of(&data).await;
    let import = json!({"inventory": path, "pattern": "ga*", "add": true});
    let added = client.call("server_import", import).await.ok();
    assert_eq!(
        states(added.facts()),
        [("gate".to_owned(), "added".to_owned())]
    );
}

#[tokio::test]
async fn references_to_commands_are_left_to_a_person() {
    let (data, files) = (directory(), directory());
    let path = files.path().join("inventory.json");
    let ran = files.path().join("ran");
    let command = format!("cmd:touch {}", ran.display());
    let variables =
        json!({"ansible_host": "192.0.2.1", "ansible_user": "me", "ansible_password": command});
    write(
        &path,
        json!({"_meta": {"hostvars": {"web1": variables}}}).to_string(),
    );
    let client = client_of(&data).await;
    let import = json!({"inventory": path, "add": true});
    let added = client.call("server_import", import).await.ok();
    assert_eq!(
        states(added.facts()),
        [("web1".to_owned(), "broken".to_owned())]
    );
    assert!(!ran.exists() && !data.path().join("servers.json").exists());
}

#[tokio::test]
async fn an_inventory_outside_the_allowed_directories_is_not_read() {
    let fixture = Fixture::rooted().await;
    let path = fixture.here("outside/inventory.json");
    write(&path, json!({"web": {"hosts": ["web1"]}}).to_string());
    let import = |path: &Path| json!({"inventory": path});
    let refused = fixture.client.call("server_import", import(&path)).await;
    refused.error("PATH_NOT_ALLOWED");
    let inside = fixture.here("inside/link.json");
    std::os::unix::fs::symlink("../outside/inventory.json", &inside).unwrap();
    let refused = fixture.client.call("server_import", import(&inside)).await;
    refused.error("PATH_NOT_ALLOWED");
    let own = fixture.stored("servers.json");
    let refused = fixture.client.call("server_import", import(&own)).await;
    refused.error("PATH_NOT_ALLOWED");
}

/// A client whose `ansible-inventory` is this script.
async fn client_with(script: &str, data: &Folder, home: &Folder) -> Client {
    program(home.path(), "ansible-inventory", script);
    let mut command = binary_of(home.path(), data.path());
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", home.path().display()));
    command.env("MCP_SECRET_KEY", "of this program");
    command.env("ANSIBLE_VAULT_PASSWORD_FILE", "/nowhere");
    Client::over(command).await
}

#[tokio::test]
async fn other_inventories_are_read_by_ansible_which_runs_none_of_them() {
    let (data, home) = (directory(), directory());
    let file = home.path().join("hosts.ini");
    write(&file, "[web]\nweb1 ansible_host=192.0.2.7\n");
    let printed = json!({
        "_meta": {"hostvars": {"web1": {"ansible_host": "192.0.2.7", "ansible_user": "me"}}},
        "web": {"hosts": ["web1"]},
    });
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2 $3\" = \"-i {} --list\" ] || exit 1\n\
         [ \"$ANSIBLE_INVENTORY_ENABLED\" = ini,yaml ] || exit 2\n\
         [ -z \"$MCP_SECRET_KEY$ANSIBLE_VAULT_PASSWORD_FILE\" ] || exit 3\n\
         [ \"$PWD\" = / ] || exit 4\necho '{printed}'\n",
        file.canonicalize().unwrap().display()
    );
    let client = client_with(&script, &data, &home).await;
    let shown = client
        .call("server_import", json!({"inventory": file}))
        .await
        .ok();
    assert_eq!(
        states(shown.facts()),
        [("web1".to_owned(), "found".to_owned())]
    );
}

#[tokio::test]
async fn a_program_that_fails_is_said_without_its_words() {
    let (data, home) = (directory(), directory());
    let file = home.path().join("hosts.ini");
    write(&file, "web1 ansible_password=Xk29-frobnicate\n");
    for script in [
        "#!/bin/sh\necho 'bad line: Xk29-frobnicate' >&2; exit 1\n",
        "#!/bin/sh\necho 'Xk29-frobnicate'\n",
    ] {
        let client = client_with(script, &data, &home).await;
        let refused = client
            .call("server_import", json!({"inventory": file}))
            .await;
        let error = refused.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "inventory");
        let said = error.to_string();
        assert!(
            said.contains("ansible-inventory") && !said.contains("Xk29"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused() {
    let data = directory();
    let change = |config: &mut Config| config.allowed_roots.clear();
    let client = Client::in_process(data.path(), change).await;
    let missing = data.path().with_file_name("nothing-there.json");
    let refused = client
        .call("server_import", json!({"inventory": missing}))
        .await;
    let error = refused.error("INVALID_ARGUMENT");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("cannot be read"),
        "{error}"
    );
}
