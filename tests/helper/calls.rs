//! Valid calls of every tool, and what each does: for the tests that walk through the server's own list.

use mcp_sftp_orchestrator::guard::Access;
use mcp_sftp_orchestrator::tools::Tools;
use serde_json::{Value, json};

/// The effect of a call, which decides who refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It shows what is here or on a server.
    Looks,
    /// It ends what runs, and begins nothing.
    Stops,
    /// It changes what is configured for all servers.
    Configures,
    /// It changes how one server is reached.
    Registers,
    /// It runs the caller's command on a server.
    Runs,
    /// It writes a file on a server.
    Writes,
    /// It lets a key log in to a server. Where sshd runs as the user of the tests, none may come that far: it would
    /// change that user's own file.
    Authorizes,
    /// It opens a tunnel to a server.
    Connects,
    /// It closes a tunnel or a shell, of which there is none here.
    Closes,
    /// It types into a shell, of which there is none here.
    Types,
}

/// The subjects of calls. The server of `alias` has the programs of [`PROGRAMS`], and PM2's daemon.
pub struct Calls {
    pub alias: String,
    /// The arguments that register a server.
    pub login: Value,
    pub command: String,
    /// A file on this machine, and where an upload puts it.
    pub upload: [String; 2],
    /// A file on the server.
    pub remote: String,
    /// A directory on this machine that downloads go to.
    pub downloads: String,
    /// A task that ran a command and failed, and one that uploaded a file and failed.
    pub failed: [Value; 2],
    /// A task that has created the file of `upload`.
    pub changed: Value,
    /// The address of an API. It is registered as `api` before it is looked at.
    pub url: String,
}

/// Programs that monitoring calls: they print their arguments.
pub const PROGRAMS: [(&str, &str); 3] = [
    ("docker", "printf '%s\\n' \"$@\""),
    (
        "pm2",
        "[ \"$1\" = jlist ] && echo '[]'\nprintf '%s\\n' \"$@\"",
    ),
    ("fail2ban-client", "printf '%s\\n' \"$@\""),
];

impl Calls {
    /// The calls of a tool, the plainest first.
    pub fn of(&self, tool: &str) -> Vec<(Effect, Value)> {
        let alias = &self.alias;
        let one = json!({"alias": alias});
        let looks = |arguments| vec![(Effect::Looks, arguments)];
        let configures = |arguments| vec![(Effect::Configures, arguments)];
        match tool {
            "server_add" => vec![(Effect::Registers, self.login.clone())],
            "server_remove" => {
                vec![(Effect::Registers, json!({"alias": self.login["alias"]}))]
            }
            "server_import" => vec![
                (Effect::Looks, json!({})),
                (Effect::Configures, json!({"add": true})),
            ],
            "server_trust" => {
                let nobody = format!("SHA256:{}", "A".repeat(43));
                let trust = json!({"alias": alias, "fingerprint": nobody});
                vec![(Effect::Looks, one), (Effect::Configures, trust)]
            }
            "task_input" => {
                let typed = json!({"id": self.failed[0], "text": self.command});
                vec![(Effect::Runs, typed)]
            }
            "shell_open" | "shell_send" | "shell_close" => vec![self.of_shells(tool)],
            "tunnel_open" | "tunnel_close" => vec![self.of_tunnels(tool)],
            "policy_blocklist_add" | "policy_blocklist_remove" => {
                configures(json!({"pattern": "halt"}))
            }
            "task_exec" => {
                let run = json!({"alias": alias, "cmd": self.command});
                vec![
                    (Effect::Runs, run.clone()),
                    (Effect::Runs, with(&run, "background")),
                    (Effect::Runs, with(&run, "detach")),
                ]
            }
            "task_exec_interactive" => {
                let run = json!({
                    "alias": alias, "cmd": self.command, "responses": {"name": "x"}, "timeout": 1,
                });
                vec![
                    (Effect::Runs, run.clone()),
                    (Effect::Runs, with(&run, "background")),
                    (Effect::Runs, with(&run, "detach")),
                ]
            }
            "task_exec_sequence" => {
                let run = json!({"alias": alias, "commands": [self.command]});
                vec![
                    (Effect::Runs, run.clone()),
                    (Effect::Runs, with(&run, "background")),
                ]
            }
            "task_transfer" | "task_transfer_multi" => self.of_transfers(tool),
            "file_edit" | "file_write" | "undo" => self.of_changes(tool),
            "server_authorize_key" => vec![(Effect::Authorizes, self.authorizing())],
            "task_retry" => {
                let [command, upload] = &self.failed;
                vec![
                    (Effect::Runs, json!({"id": command})),
                    (Effect::Writes, json!({"id": upload})),
                ]
            }
            "task_cancel" => vec![(Effect::Stops, json!({"id": self.failed[0]}))],
            "task_status" | "task_wait" => looks(json!({"id": self.failed[0]})),
            "task_output" => looks(json!({"id": self.failed[0], "stream": "stdout", "grep": "x"})),
            "task_queue" => looks(json!({"status": "failed"})),
            "task_history" => looks(json!({"alias": alias, "status": "failed"})),
            "task_logs" => looks(json!({"level": "error", "search": "x"})),
            "server_list"
            | "policy_blocklist_list"
            | "queue_stats"
            | "pool_stats"
            | "system_diagnostics"
            | "tunnel_list"
            | "api_list" => looks(json!({})),
            "server_overview" | "get_system_resources" | "get_services_status" => looks(one),
            "get_docker_logs" => {
                looks(json!({"alias": alias, "container": "nginx", "since": "1h"}))
            }
            "get_pm2_logs" => looks(json!({"alias": alias, "app": "api"})),
            "get_fail2ban_status" => looks(json!({"alias": alias, "jail": "sshd"})),
            "compare" | "file_search" | "file_list" | "file_read" => looks(self.of_questions(tool)),
            "tail_file" => looks(json!({"alias": alias, "filepath": self.remote})),
            "api_add" => configures(json!({
                "alias": "api", "url": self.url, "health_check_endpoint": "/x", "health_check_method": "GET",
                "auth_method": "both", "api_key": "k", "auth_header_name": "X-Key", "auth_scheme": "S",
                "htpasswd_user": "u", "htpasswd_pass": "p", "notes": "n",
            })),
            "api_remove" => configures(json!({"alias": "api"})),
            "api_check" => looks(json!({"alias": "api", "server_alias": alias})),
            "check_api_health" => looks(json!({"alias": alias, "url": self.url})),
            new => panic!(
                "{new} has no call in tests/helper/calls.rs, which every test of all tools needs"
            ),
        }
    }

    /// A download and an upload by a tool for transfers.
    fn of_transfers(&self, tool: &str) -> Vec<(Effect, Value)> {
        let (alias, [local, remote]) = (&self.alias, &self.upload);
        let (download, upload) = if tool == "task_transfer" {
            let got = format!("{}/got", self.downloads);
            (
                json!({"alias": alias, "direction": "download", "local": got, "remote": self.remote}),
                json!({"alias": alias, "direction": "upload", "local": local, "remote": remote}),
            )
        } else {
            let (start, _) = self.remote.split_at(self.remote.len() - 1);
            let down = json!([{"local": format!("{}/all/", self.downloads), "remote": format!("{start}*")}]);
            let up = json!([{"local": local, "remote": remote}]);
            (
                json!({"alias": alias, "direction": "download", "files": down}),
                json!({"alias": alias, "direction": "upload", "files": up}),
            )
        };
        vec![(Effect::Looks, download), (Effect::Writes, upload)]
    }

    /// The arguments that let a key log in that nobody has.
    fn authorizing(&self) -> Value {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        json!({"alias": self.alias, "publicKey": format!("ssh-ed25519 {key} nobody")})
    }

    /// The call of a tool that opens or closes a tunnel.
    fn of_tunnels(&self, tool: &str) -> (Effect, Value) {
        let proxy = json!({"alias": self.alias, "direction": "socks", "ttl": 60});
        match tool {
            "tunnel_open" => (Effect::Connects, proxy),
            _ => (Effect::Closes, json!({"id": "00000000"})),
        }
    }

    /// The call of a tool for shells, of which none is open here.
    fn of_shells(&self, tool: &str) -> (Effect, Value) {
        match tool {
            "shell_open" => (
                Effect::Runs,
                json!({"alias": self.alias, "program": self.command}),
            ),
            "shell_send" => (
                Effect::Types,
                json!({"shell": "none", "input": self.command}),
            ),
            _ => (Effect::Closes, json!({"shell": "none"})),
        }
    }

    /// The call of a tool that looks at files.
    fn of_questions(&self, tool: &str) -> Value {
        let (alias, path) = (&self.alias, &self.remote);
        match tool {
            "compare" => {
                let place = format!("{alias}:{path}");
                json!({"sources": [place, place], "ignore": ["*.log"], "diff": true})
            }
            "file_search" => json!({"alias": alias, "path": path, "pattern": "x"}),
            _ => json!({"alias": alias, "path": path}),
        }
    }

    /// The calls of a tool that changes files.
    fn of_changes(&self, tool: &str) -> Vec<(Effect, Value)> {
        let alias = &self.alias;
        match tool {
            "file_edit" => {
                let edits = json!([{"old": "content", "new": "x", "all": true}]);
                let edit = |path| json!({"alias": alias, "path": path, "edits": edits});
                vec![
                    (Effect::Looks, with(&edit(&self.remote), "dryRun")),
                    (Effect::Writes, edit(&self.upload[1])),
                ]
            }
            "file_write" => {
                let write = |path| json!({"alias": alias, "path": path, "content": "a"});
                vec![
                    (Effect::Writes, write(&self.upload[1])),
                    (Effect::Looks, with(&write(&self.remote), "dryRun")),
                ]
            }
            _ => {
                let undo = json!({"id": self.changed});
                vec![
                    (Effect::Looks, with(&undo, "dryRun")),
                    (Effect::Writes, undo),
                ]
            }
        }
    }

    /// The calls of a tool that do this.
    pub fn that(&self, effect: Effect, tool: &str) -> Vec<Value> {
        let calls = self.of(tool).into_iter();
        calls
            .filter(|(does, _)| *does == effect)
            .map(|(_, arguments)| arguments)
            .collect()
    }
}

/// The arguments with one more, which is `true`.
fn with(arguments: &Value, name: &str) -> Value {
    let mut arguments = arguments.clone();
    arguments[name] = true.into();
    arguments
}

/// The declared access class of a tool.
pub fn access(tool: &str) -> Access {
    let tools = Tools::new();
    let declaration = tools.declaration(tool);
    declaration.expect("every tool is declared").access
}
