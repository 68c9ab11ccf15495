//! The arguments and the environment with which a client starts this program.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;

use super::client::Client;
use super::error::InstallError;
use super::file::Configuration;
use super::launch::Launch;
use super::places::Places;
use super::request::InstallRequest;
use crate::login_session::VARIABLES;

/// The arguments and the environment with which a client starts this program.
#[derive(Debug)]
pub struct ClientStart {
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: BTreeMap<String, OsString>,
    client: &'static Client,
    /// The name of the client's entry, and its file.
    registered: Option<(String, PathBuf)>,
    /// Variables of the login session that are set here, and that the client does not pass on.
    missing: Vec<&'static str>,
    set: Vec<String>,
}

impl ClientStart {
    /// Reads the client's entry, or takes the one that `install` would make.
    pub fn of(request: &InstallRequest) -> Result<Self, InstallError> {
        let places = Places::of_user().ok_or(InstallError::NoHome)?;
        let client = request.client()?.ok_or(InstallError::NoClient)?;
        let configuration = Configuration::read(client, &places)?;
        let meant = configuration.own_entry(request)?;
        let entry = match meant {
            Some((_, entry)) => entry.clone(),
            None => Value::Object(client.entry(&request.launch(IndexMap::new())?, None)),
        };
        let own = env::vars_os();
        let own = own.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let own = own.collect();
        let environment = client.environment_of(&entry, &own);
        let is_missing =
            |name: &&&str| own.contains_key(**name) && !environment.contains_key(**name);
        let launch = Launch::read(&entry).unwrap_or_default();
        // The arguments of an entry that installs this program first are for a shell.
        let is_own = !launch.installs_first();
        let own = launch.args.iter().filter(|_| is_own).map(OsString::from);
        Ok(Self {
            missing: VARIABLES.iter().filter(is_missing).copied().collect(),
            set: launch.env.keys().cloned().collect(),
            arguments: own.chain(request.arguments()).collect(),
            environment,
            client,
            registered: meant.map(|(name, _)| (name.clone(), configuration.path.clone())),
        })
    }
}

impl fmt::Display for ClientStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.client.title;
        match &self.registered {
            Some((name, file)) => {
                writeln!(f, "As {title} starts it by `{name}` in {}", file.display())?;
            }
            None => writeln!(f, "As {title} would start it, which does not have it yet")?,
        }
        let is_passed = |name: &&str| !self.set.iter().any(|set| set == name);
        let passed = self
            .environment
            .keys()
            .map(String::as_str)
            .filter(is_passed);
        let passed = match passed.collect::<Vec<_>>() {
            all if !self.client.filters_environment() => {
                format!("all {} of this terminal", all.len())
            }
            some => some.join(", "),
        };
        writeln!(f, "  variables passed on  {passed}")?;
        writeln!(f, "  set by its entry     {}", list(&self.set))?;
        writeln!(f, "  not passed on        {}\n", list(&self.missing))
    }
}

fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
