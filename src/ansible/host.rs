//! A host's variables as a server.
//!
//! | variable | taken as |
//! |---|---|
//! | `ansible_host`, `ansible_port`, `ansible_user` | address and user |
//! | `ansible_ssh_private_key_file` | key |
//! | `ansible_password` | password |
//! | `ansible_ssh_common_args`, `ansible_ssh_extra_args` | jump host |
//!
//! The older names of each count as well. A host without a user, or without key and password, follows the user's
//! SSH configuration, which the `ssh` that Ansible runs reads, too.

use serde_json::{Map, Value};

use super::ssh_arguments::SshArguments;
use crate::secret::Secret;
use crate::store::servers::Server;

/// Begins the names of the variables that are Ansible's own.
const OWN: &str = "ansible_";
/// Begins a value that is encrypted.
const ENCRYPTED: &str = "$ANSIBLE_VAULT";

const HOST: [&str; 2] = ["ansible_host", "ansible_ssh_host"];
const PORT: [&str; 2] = ["ansible_port", "ansible_ssh_port"];
const USER: [&str; 2] = ["ansible_user", "ansible_ssh_user"];
const KEY: [&str; 2] = ["ansible_ssh_private_key_file", "ansible_private_key_file"];
const PASSWORD: [&str; 3] = [
    "ansible_password",
    "ansible_ssh_password",
    "ansible_ssh_pass",
];
const ARGUMENTS: [&str; 2] = ["ansible_ssh_common_args", "ansible_ssh_extra_args"];
const CONNECTION: &str = "ansible_connection";
/// The connections that are made by SSH.
const BY_SSH: [&str; 4] = ["ssh", "smart", "paramiko", "paramiko_ssh"];

/// A host of an inventory.
#[derive(Debug, Default)]
pub(crate) struct InventoryHost {
    /// Its name, which becomes the alias.
    pub(crate) name: String,
    /// Its server, without the jump host.
    pub(crate) server: Server,
    /// The jump host as it is written: `user@host:port`.
    pub(crate) jump: Option<String>,
    /// Remarks on what was left out.
    pub(crate) notes: Vec<String>,
    /// The reason why it cannot be a server.
    pub(crate) problem: Option<String>,
}

/// Variables of which some have been taken.
struct Variables<'v> {
    all: &'v Map<String, Value>,
    taken: Vec<&'static str>,
}

impl InventoryHost {
    /// A host with these variables.
    pub(super) fn of(name: &str, variables: &Map<String, Value>) -> Self {
        let mut host = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let mut variables = Variables {
            all: variables,
            taken: Vec::new(),
        };
        host.problem = host.read_address(&mut variables).err();
        host.read_login(&mut variables);
        if let Err(problem) = host.read_route(&mut variables) {
            host.problem.get_or_insert(problem);
        }
        let left_out = variables.left_out();
        if !left_out.is_empty() {
            host.notes
                .push(format!("not taken: {}", left_out.join(", ")));
        }
        host
    }

    fn read_address(&mut self, variables: &mut Variables<'_>) -> Result<(), String> {
        if let Some(connection) = variables.text(&[CONNECTION])?
            && !BY_SSH.contains(&connection.rsplit('.').next().unwrap_or_default())
        {
            return Err(format!(
                "Ansible does not reach it by SSH but by `{connection}`"
            ));
        }
        let host = variables.text(&HOST)?;
        self.server.host = host.unwrap_or_else(|| self.name.clone());
        self.server.user = variables.text(&USER)?.unwrap_or_default();
        if let Some(port) = variables.text(&PORT)? {
            let number = port.parse().ok().filter(|port| *port > 0);
            let problem = || format!("its port is `{port}`; ports are 1 to 65535");
            self.server.port = Some(number.ok_or_else(problem)?);
        }
        Ok(())
    }

    fn read_login(&mut self, variables: &mut Variables<'_>) {
        match variables.text(&KEY) {
            Ok(key) => self.server.key_path = key,
            Err(problem) => self.notes.push(problem),
        }
        match variables.text(&PASSWORD) {
            Ok(password) => {
                self.server.password = password.map(|password| Secret::from(password.as_str()));
            }
            Err(problem) => self
                .notes
                .push(format!("{problem}; give it with server_add")),
        }
        let server = &mut self.server;
        if server.user.is_empty() || !server.has_credentials() {
            server.ssh_config_host = Some(std::mem::take(&mut server.host));
        }
    }

    fn read_route(&mut self, variables: &mut Variables<'_>) -> Result<(), String> {
        for name in ARGUMENTS {
            let Some(text) = variables.text(&[name])? else {
                continue;
            };
            let arguments = SshArguments::parse(&text);
            if arguments.has_other_route {
                return Err(format!(
                    "`{name}` has a route that is not a single ProxyJump; add its jump host, then it with `jump`, by server_add"
                ));
            }
            if arguments.has_more {
                let note = format!("of `{name}` only ProxyJump is taken");
                self.notes.push(note);
            }
            self.jump = self.jump.take().or(arguments.jump);
        }
        Ok(())
    }
}

impl Variables<'_> {
    /// The text of the first of these variables that is set. The error is a sentence about it.
    fn text(&mut self, names: &[&'static str]) -> Result<Option<String>, String> {
        self.taken.extend(names);
        let mut set = names
            .iter()
            .filter_map(|name| Some((name, self.all.get(*name)?)));
        let Some((name, value)) = set.find(|(_, value)| !value.is_null()) else {
            return Ok(None);
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Object(fields) => match fields.get("__ansible_unsafe") {
                Some(Value::String(text)) => text.clone(),
                _ if fields.contains_key("__ansible_vault") => ENCRYPTED.to_owned(),
                _ => return Err(format!("`{name}` is no text")),
            },
            _ => return Err(format!("`{name}` is no text")),
        };
        if text.starts_with(ENCRYPTED) {
            return Err(format!(
                "`{name}` is encrypted by Ansible Vault and was not taken"
            ));
        }
        if text.contains("{{") || text.contains("{%") {
            return Err(format!("`{name}` is a template and was not taken"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The names of Ansible's own variables that were not asked for.
    fn left_out(&self) -> Vec<&str> {
        let own = self.all.keys().filter(|name| name.starts_with(OWN));
        let left = own.filter(|name| !self.taken.contains(&name.as_str()));
        left.map(String::as_str).collect()
    }
}
