//! An MCP client: its configuration, its entries, and the environment of the servers that it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::document::Format;
use super::launch::Launch;
use super::places::Places;
use crate::login_session::VARIABLES;

/// The setting of the answers that carry structured content.
const STRUCTURED: &str = "MCP_STRUCTURED";

/// An MCP client.
#[derive(Debug)]
pub struct Client {
    /// The name for `--client`.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// The language of its file.
    pub format: Format,
    /// The key of the servers in its file.
    pub servers: &'static str,
    /// Set if an entry names its transport.
    pub(super) names_transport: bool,
    /// The variables that it passes on to a server; all of them without a list.
    pub(super) passes_on: Option<&'static [&'static str]>,
    /// The way in which an entry asks for more of them.
    pub(super) asks: Asks,
    /// Set if its model sees the text of an answer and no structured content. An entry then has whole texts sent
    /// alone.
    pub(super) shows_text_alone: bool,
    pub(super) file: fn(&Places) -> PathBuf,
    /// The directory that exists if the client is installed.
    pub(super) home: fn(&Places) -> PathBuf,
}

/// The way in which an entry asks its client for more variables.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// It need not, or it cannot.
    Never,
    /// By a list of names under this key.
    ByName(&'static str),
    /// By references in `env`, with these texts before and after the name.
    ByReference(&'static str, &'static str),
}

impl Client {
    /// The path of its configuration.
    pub fn file(&self, places: &Places) -> PathBuf {
        (self.file)(places)
    }

    /// Says whether it is installed, or has been.
    pub fn is_installed(&self, places: &Places) -> bool {
        (self.home)(places).is_dir() || self.file(places).exists()
    }

    /// The fields of an entry, in their usual order. The entry that is replaced, if there is one, keeps the
    /// variables that it sets or asks for.
    pub fn entry(&self, launch: &Launch, present: Option<&Value>) -> Map<String, Value> {
        let mut fields = launch.fields();
        match self.asks {
            _ if VARIABLES.is_empty() => {}
            Asks::Never => {}
            Asks::ByName(key) => ask_by_name(&mut fields, key, present),
            Asks::ByReference(before, behind) => {
                let env = fields.entry("env").or_insert_with(|| Map::new().into());
                for name in VARIABLES {
                    let is_set = present.is_some_and(|entry| entry["env"].get(name).is_some());
                    if !is_set && env.get(name).is_none() {
                        env[name] = format!("{before}{name}{behind}").into();
                    }
                }
            }
        }
        if self.shows_text_alone {
            let is_set = present.is_some_and(|entry| entry["env"].get(STRUCTURED).is_some());
            let env = fields.entry("env").or_insert_with(|| Map::new().into());
            if !is_set && env.get(STRUCTURED).is_none() {
                env[STRUCTURED] = "never".into();
            }
        }
        let is_new = present.is_none();
        let transport = (self.names_transport && is_new).then(|| ("type".into(), "stdio".into()));
        transport.into_iter().chain(fields).collect()
    }

    /// Says whether it passes on only some of its variables.
    pub fn filters_environment(&self) -> bool {
        self.passes_on.is_some()
    }

    /// The environment of a server that it starts by this entry, if its own environment is `own`.
    pub fn environment_of(
        &self,
        entry: &Value,
        own: &BTreeMap<String, OsString>,
    ) -> BTreeMap<String, OsString> {
        let mut environment = own.clone();
        if let Some(names) = self.passes_on {
            let asked = match self.asks {
                Asks::ByName(key) => entry[key].as_array(),
                _ => None,
            };
            let asked: Vec<_> = asked.into_iter().flatten().filter_map(name_of).collect();
            environment.retain(|name, _| {
                let mut passed_on = names.iter().chain(&asked);
                passed_on.any(|passed_on| is_same_variable(passed_on, name))
            });
        }
        let expands = matches!(self.asks, Asks::ByReference(..)) || !self.filters_environment();
        let launch = Launch::read(entry).unwrap_or_default();
        for (name, value) in launch.env {
            let meant = referred(&value).filter(|_| expands);
            let meant = meant.and_then(|name| own.get(name).cloned());
            environment.insert(name, meant.unwrap_or_else(|| value.into()));
        }
        environment
    }
}

/// Adds the session's variables to those that an entry asks for already.
fn ask_by_name(fields: &mut Map<String, Value>, key: &str, present: Option<&Value>) {
    let mut asked = match present.and_then(|entry| entry.get(key)) {
        None => Vec::new(),
        Some(Value::Array(asked)) => asked.clone(),
        // A value of another type is left alone.
        Some(_) => return,
    };
    for name in VARIABLES {
        if !asked.iter().any(|asked| name_of(asked) == Some(name)) {
            asked.push((*name).into());
        }
    }
    fields.insert(key.to_owned(), asked.into());
}

/// The name in an element of Codex's list, which is a string, or a table with name and source.
fn name_of(asked: &Value) -> Option<&str> {
    asked.as_str().or_else(|| asked.get("name")?.as_str())
}

/// The variable that a value consists of: `$NAME`, `${NAME}` or `${env:NAME}`.
fn referred(value: &str) -> Option<&str> {
    let name = value.strip_prefix('$')?;
    let braced = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let name = braced.map_or(name, |name| name.strip_prefix("env:").unwrap_or(name));
    let is_name = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    Some(name).filter(is_name)
}

fn is_same_variable(one: &str, other: &str) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}
