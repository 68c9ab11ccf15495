//! The questions of monitoring tools to servers, each with its script.

use serde::{Deserialize, Serialize};

use super::{fail2ban, logs, overview, resources, services};
use crate::error::Error;

/// A question, named after the tool that asks it. The script gets nothing from the caller but its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", content = "arguments", rename_all = "snake_case")]
pub enum Question {
    /// All that one screen has room for.
    ServerOverview,
    /// CPU, memory, disks.
    GetSystemResources,
    /// Services.
    GetServicesStatus,
    /// One jail of Fail2Ban, or all.
    GetFail2banStatus {
        /// The jail.
        jail: Option<String>,
    },
    /// The end of PM2's logs.
    GetPm2Logs {
        /// One application, or all.
        app: Option<String>,
        /// Lines of each log.
        lines: usize,
        /// True to show only the error logs.
        errors: bool,
    },
    /// The end of a container's log.
    GetDockerLogs {
        /// Its name or ID.
        container: String,
        /// Last lines to show.
        lines: usize,
        /// The time after which lines are shown.
        since: Option<String>,
        /// True to show each line's time.
        timestamps: bool,
    },
    /// The end of a file.
    TailFile {
        /// Its path on the server.
        filepath: String,
        /// Last lines to show.
        lines: usize,
    },
}

impl Question {
    /// The fields of a serialised question.
    pub const FIELDS: [&str; 2] = ["tool", "arguments"];

    /// The tool that asks it.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::ServerOverview => "server_overview",
            Self::GetSystemResources => "get_system_resources",
            Self::GetServicesStatus => "get_services_status",
            Self::GetFail2banStatus { .. } => "get_fail2ban_status",
            Self::GetPm2Logs { .. } => "get_pm2_logs",
            Self::GetDockerLogs { .. } => "get_docker_logs",
            Self::TailFile { .. } => "tail_file",
        }
    }

    /// The script that asks it. Refuses arguments that a script must not get.
    pub fn script(&self) -> Result<String, Error> {
        match self {
            Self::ServerOverview => Ok(overview::command()),
            Self::GetSystemResources => Ok(resources::command().to_owned()),
            Self::GetServicesStatus => Ok(services::command().to_owned()),
            Self::GetFail2banStatus { jail } => fail2ban::command(jail.as_deref()),
            Self::GetPm2Logs { app, lines, errors } => logs::pm2(app.as_deref(), *lines, *errors),
            Self::GetDockerLogs {
                container,
                lines,
                since,
                timestamps,
            } => logs::docker(container, *lines, since.as_deref(), *timestamps),
            Self::TailFile { filepath, lines } => logs::file(filepath, *lines),
        }
    }

    /// The arguments that are strings.
    pub(crate) fn arguments(&mut self) -> Vec<&mut String> {
        match self {
            Self::ServerOverview | Self::GetSystemResources | Self::GetServicesStatus => Vec::new(),
            Self::GetFail2banStatus { jail: text } | Self::GetPm2Logs { app: text, .. } => {
                text.iter_mut().collect()
            }
            Self::GetDockerLogs {
                container, since, ..
            } => [container].into_iter().chain(since).collect(),
            Self::TailFile { filepath, .. } => vec![filepath],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_found_by_the_name_of_its_tool() {
        for question in [
            Question::ServerOverview,
            Question::GetSystemResources,
            Question::GetServicesStatus,
            Question::GetFail2banStatus { jail: None },
            Question::GetPm2Logs {
                app: Some("shop".into()),
                lines: 5,
                errors: true,
            },
            Question::GetDockerLogs {
                container: "shop".into(),
                lines: 5,
                since: None,
                timestamps: false,
            },
            Question::TailFile {
                filepath: "/var/log/syslog".into(),
                lines: 5,
            },
        ] {
            let recorded = serde_json::to_value(&question).unwrap();
            assert_eq!(recorded["tool"], question.tool());
            assert_eq!(Question::deserialize(recorded).unwrap(), question);
        }
        for foreign in [
            json!({"tool": "task_exec", "arguments": {"cmd": "true"}}),
            json!({"tool": "tail_file"}),
        ] {
            assert!(Question::deserialize(&foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn no_argument_becomes_an_option() {
        let jail = Some("--help".into());
        assert!(Question::GetFail2banStatus { jail }.script().is_err());
    }
}
