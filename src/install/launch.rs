//! The command line and environment of a server in a client's configuration.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::config::data_dir_of;
use crate::fs::expand_home;
use crate::shell::quote_to_type;

const NAME: &str = env!("CARGO_PKG_NAME");

/// The argument that names a file of settings.
pub const ENV_FILE: &str = "--env-file";

/// The variable that every entry sets, so that no stray file of settings can.
pub const DATA_DIR: &str = "MCP_DATA_DIR";

/// Arguments that this program and the original take, and the variables that they override.
pub const FLAGS: [(&str, &str); 2] = [
    ("--data-dir", DATA_DIR),
    ("--sync-timeout", "MCP_SYNC_TIMEOUT_S"),
];

/// A command line, and the variables that are set for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables.
    pub env: IndexMap<String, String>,
}

impl Launch {
    /// Reads an entry of a configuration; `None` if it has no command.
    pub fn read(entry: &Value) -> Option<Self> {
        let command = entry.get("command")?.as_str()?.to_owned();
        let args = entry.get("args").and_then(Value::as_array);
        let env = entry.get("env").and_then(Value::as_object);
        Some(Self {
            command,
            args: args.into_iter().flatten().map(text).collect(),
            env: env
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        })
    }

    /// The fields of an entry.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("command".into(), self.command.clone().into());
        // Some clients require it.
        fields.insert("args".into(), self.args.clone().into());
        if !self.env.is_empty() {
            let env = self.env.iter();
            let env = env.map(|(name, value)| (name.clone(), value.clone().into()));
            fields.insert("env".into(), Value::Object(env.collect()));
        }
        fields
    }

    /// Removes a flag from the arguments, and returns its value.
    pub fn take_flag(&mut self, flag: &str) -> Option<String> {
        let place = self.args.iter().position(|argument| {
            let rest = argument.strip_prefix(flag);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })?;
        let argument = self.args.remove(place);
        match argument.split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            None => (place < self.args.len()).then(|| self.args.remove(place)),
        }
    }

    /// Says whether it sets the data directory.
    pub fn tells_data_directory(&self) -> bool {
        let [(flag, _), _] = FLAGS;
        let is_set = |value: &String| !value.trim().is_empty();
        self.clone().take_flag(flag).is_some() || self.env.get(DATA_DIR).is_some_and(is_set)
    }

    /// The data directory of the server.
    pub fn data_directory(&self) -> PathBuf {
        let [(flag, _), _] = FLAGS;
        let argument = self.clone().take_flag(flag);
        argument.map_or_else(|| data_directory(&self.env), |path| expand_home(&path))
    }

    /// Says whether it starts this program, in whatever directory that is.
    pub fn is_of_this_program(&self) -> bool {
        let program = Path::new(&self.command).file_name();
        let is_it = |program| program == NAME || program == concat!(env!("CARGO_PKG_NAME"), ".exe");
        program.is_some_and(is_it) || self.installs_first()
    }

    /// Says whether it installs this program first if it is missing.
    pub fn installs_first(&self) -> bool {
        let installs =
            |argument: &String| argument.contains(NAME) && argument.contains("cargo-binstall");
        self.args.iter().any(installs)
    }
}

/// Says whether an entry of a configuration starts this program.
pub fn is_own(entry: &Value) -> bool {
    Launch::read(entry).is_some_and(|launch| launch.is_of_this_program())
}

/// The data directory of a server with these settings.
pub fn data_directory(settings: &IndexMap<String, String>) -> PathBuf {
    data_dir_of(&[settings.clone().into_iter().collect()])
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The path of this program, through `PATH` if it is found there, because that path outlives an update.
pub fn this_program() -> PathBuf {
    in_path().unwrap_or_else(running)
}

/// The command that a person types to start this program.
pub fn typed_command() -> String {
    match in_path() {
        Some(_) => NAME.to_owned(),
        None => quote_to_type(&running().to_string_lossy()),
    }
}

fn running() -> PathBuf {
    env::current_exe().unwrap_or_else(|_| PathBuf::from(NAME))
}

fn in_path() -> Option<PathBuf> {
    let real = fs::canonicalize(running()).ok()?;
    let name = format!("{NAME}{}", env::consts::EXE_SUFFIX);
    let places = env::var_os("PATH")?;
    env::split_paths(&places)
        .filter(|place| place.is_absolute())
        .map(|place| place.join(&name))
        .find(|path| fs::canonicalize(path).is_ok_and(|path| path == real))
}
