//! The hosts and groups of what `ansible-inventory --list` prints: an object with a field for each group, which
//! has `hosts` and `children`, and the variables of each host below `_meta`.

use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::host::InventoryHost;
use crate::store;

/// The groups that every host is in, or that only says that it is in no other.
const IMPLIED: [&str; 2] = ["all", "ungrouped"];

/// The whole of it.
#[derive(Deserialize)]
struct Inventory {
    #[serde(default, rename = "_meta")]
    meta: Meta,
    #[serde(flatten)]
    groups: IndexMap<String, InventoryGroup>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    hostvars: IndexMap<String, Map<String, Value>>,
}

#[derive(Default, Deserialize)]
struct InventoryGroup {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
}

/// The hosts in the order of the groups, each with its groups as tags. `None` for another kind of text.
pub(crate) fn hosts(text: &str) -> Option<Vec<InventoryHost>> {
    let inventory: Inventory = serde_json::from_str(text).ok()?;
    let mut groups_of: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for name in inventory.groups.keys() {
        for host in inventory.members(name) {
            groups_of.entry(host).or_default().push(name);
        }
    }
    for host in inventory.meta.hostvars.keys() {
        groups_of.entry(host).or_default();
    }
    let no_variables = Map::new();
    let hosts = groups_of.iter().map(|(name, groups)| {
        let variables = inventory.meta.hostvars.get(*name);
        let mut host = InventoryHost::of(name, variables.unwrap_or(&no_variables));
        tag(&mut host, groups);
        host
    });
    Some(hosts.collect())
}

impl Inventory {
    /// The hosts of a group and of those below it.
    fn members(&self, group: &str) -> IndexSet<&str> {
        let (mut members, mut seen, mut next) = (IndexSet::new(), IndexSet::new(), vec![group]);
        while let Some(name) = next.pop() {
            let Some((name, group)) = self.groups.get_key_value(name) else {
                continue;
            };
            if seen.insert(name) {
                members.extend(group.hosts.iter().map(String::as_str));
                next.extend(group.children.iter().rev().map(String::as_str));
            }
        }
        members
    }
}

/// Makes tags of a host's groups, and notes those whose names no tag can have.
fn tag(host: &mut InventoryHost, groups: &[&str]) {
    let groups = groups.iter().filter(|group| !IMPLIED.contains(group));
    let mut tags = Vec::new();
    for group in groups {
        match store::tags(vec![(*group).to_owned()]) {
            Ok(tag) => tags.extend(tag),
            Err(_) => host.notes.push(format!("the group `{group}` is no tag")),
        }
    }
    match store::tags(tags) {
        Ok(tags) => host.server.tags = Some(tags).filter(|tags| !tags.is_empty()),
        Err(error) => host.notes.push(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::servers::Server;

    fn of(inventory: &Value) -> Vec<InventoryHost> {
        hosts(&inventory.to_string()).unwrap()
    }

    #[test]
    fn groups_become_tags_also_those_above_and_a_circle_ends() {
        let found = of(&json!({
            "_meta": {"hostvars": {"db1": {"ansible_host": "192.0.2.1"}, "lone": {}}},
            "all": {"children": ["ungrouped", "prod", "odd name"]},
            "prod": {"children": ["web", "db"]},
            "web": {"hosts": ["web2", "web1"], "children": ["prod"]},
            "db": {"hosts": ["db1"]},
            "odd name": {"hosts": ["web1"]},
        }));
        let tags = found.iter().map(|host| {
            let tags = host.server.tags().join(" ");
            (host.name.as_str(), tags)
        });
        let expected = [
            ("web2", "prod web"),
            ("web1", "prod web"),
            ("db1", "db prod web"),
            ("lone", ""),
        ];
        let expected = expected.map(|(name, tags)| (name, tags.to_owned()));
        assert_eq!(tags.collect::<Vec<_>>(), expected);
        assert_eq!(found[1].notes, ["the group `odd name` is no tag"]);
    }

    #[test]
    fn variables_make_a_server() {
        let variables = json!({
            "ansible_host": "192.0.2.1", "ansible_port": "2222", "ansible_user": "deploy",
            "ansible_ssh_private_key_file": "~/.ssh/deploy", "ansible_ssh_pass": "hunter2",
            "ansible_ssh_common_args": "-o ProxyJump=bastion -C", "ansible_become": true, "colour": "red",
        });
        let host = &of(&json!({"_meta": {"hostvars": {"web1": variables}}}))[0];
        let expected = Server {
            host: "192.0.2.1".into(),
            port: Some(2222),
            user: "deploy".into(),
            key_path: Some("~/.ssh/deploy".into()),
            password: Some("hunter2".into()),
            ..Server::default()
        };
        assert_eq!((&host.server, &host.problem), (&expected, &None));
        assert_eq!(host.jump.as_deref(), Some("bastion"));
        assert_eq!(
            host.notes,
            [
                "of `ansible_ssh_common_args` only ProxyJump is taken",
                "not taken: ansible_become"
            ]
        );
    }

    #[test]
    fn a_host_without_a_login_follows_the_ssh_configuration() {
        for variables in [
            json!({"ansible_host": "h"}),
            json!({"ansible_host": "h", "ansible_password": "p"}),
        ] {
            let host = &of(&json!({"_meta": {"hostvars": {"web1": variables}}}))[0];
            assert_eq!(host.server.ssh_config_host.as_deref(), Some("h"));
            assert_eq!(host.server.host, "");
        }
    }

    #[test]
    fn what_cannot_be_taken_is_said_and_never_shown() {
        let vault = json!({"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n6162"});
        for (variables, problem, note) in [
            (json!({"ansible_password": vault}), "", "Vault"),
            (
                json!({"ansible_password": "$ANSIBLE_VAULT;1.1;AES256 6162"}),
                "",
                "Vault",
            ),
            (
                json!({"ansible_password": "{{ secret_6162 }}"}),
                "",
                "template",
            ),
            (json!({"ansible_host": "{{ secret_6162 }}"}), "template", ""),
            (json!({"ansible_host": ["6162"]}), "no text", ""),
            (json!({"ansible_port": 0}), "ports are", ""),
            (json!({"ansible_port": 65536}), "ports are", ""),
            (json!({"ansible_connection": "winrm"}), "`winrm`", ""),
            (
                json!({"ansible_ssh_common_args": "-J a,b"}),
                "single ProxyJump",
                "",
            ),
            (json!({"ansible_connection": "ansible.builtin.ssh"}), "", ""),
        ] {
            let host = &of(&json!({"_meta": {"hostvars": {"web1": variables}}}))[0];
            let found = host.problem.clone().unwrap_or_default();
            assert!(
                found.contains(problem) && found.is_empty() == problem.is_empty(),
                "{variables}: {found}"
            );
            assert!(
                host.notes.concat().contains(note),
                "{variables}: {:?}",
                host.notes
            );
            assert!(!format!("{found}{:?}", host.notes).contains("6162"));
            assert_eq!(host.server.password, None);
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "[web]\nweb1",
            "all:\n  hosts:",
            "[1]",
            r#"{"all": {"hosts": {"web1": {}}}}"#,
        ] {
            assert!(hosts(text).is_none(), "{text}");
        }
    }
}
