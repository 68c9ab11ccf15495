//! Calls that devices cannot serve: they have a terminal, and nothing beside it.

use super::Guard;
use crate::error::Error;

/// A thing that devices do not have, and the way that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLack {
    lacks: &'static str,
    instead: &'static str,
}

impl DeviceLack {
    /// Files that are reached over SFTP or by a shell.
    pub const FILES: Self = Self {
        lacks: "files for this tool",
        instead: "read its configuration with task_exec (show running-config, display current-configuration, /export), and move files with its own copy command",
    };

    /// A shell that answers questions about the system.
    pub const FIGURES: Self = Self {
        lacks: "shell that could be asked for this",
        instead: "ask it in its own words with task_exec: show processes cpu, display cpu-usage, /system/resource/print, show logging",
    };

    /// Directory, variables, input and scripts of a command.
    pub const SUPPLIES: Self = Self {
        lacks: "shell that takes cwd, env, stdin or a script",
        instead: "give task_exec its commands as lines, or task_exec_sequence as steps",
    };

    /// Directories, variables and programs of shells.
    pub const PROGRAMS: Self = Self {
        lacks: "shell that takes cwd, env or a program",
        instead: "open the shell without them: it is the terminal of the device",
    };

    /// Control characters in a command: what is typed is to be what was judged.
    pub const KEYS: Self = Self {
        lacks: "way to take control characters in a command",
        instead: "write each command in a line of its own without them; keys are for shell_send",
    };

    /// Work that goes on without a terminal.
    pub const DETACHED: Self = Self {
        lacks: "way to go on with a command once its terminal closes",
        instead: "call without detach",
    };

    /// Other users.
    pub const SUDO: Self = Self {
        lacks: "sudo",
        instead: "begin with its own command for a higher level, as a step of task_exec_sequence: enable types the stored sudoPassword",
    };
}

impl DeviceLack {
    /// The lack for a command line, if a device cannot take it.
    pub fn for_line(line: &str) -> Option<Self> {
        let typed = line.replace("\r\n", "\n");
        let has_keys = typed.contains(|letter: char| letter.is_control() && letter != '\n');
        has_keys.then_some(Self::KEYS)
    }
}

impl Guard {
    /// Returns whether a server is a device.
    pub fn is_device(&self, alias: &str) -> Result<bool, Error> {
        self.servers.get(alias).map(|server| server.is_device())
    }

    /// Refuses what a server lacks that is a device.
    pub fn may_take(&self, alias: &str, lack: DeviceLack) -> Result<(), Error> {
        if !self.is_device(alias)? {
            return Ok(());
        }
        Err(Error::NotOnDevice {
            alias: alias.to_owned(),
            lacks: lack.lacks,
            instead: lack.instead,
        })
    }
}
