//! The entry that `install` makes.

use std::io::{self, IsTerminal, Write};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::client::Client;
use super::error::InstallError;
use super::file::Configuration;
use super::launch::{DATA_DIR, ENV_FILE, FLAGS, Launch, data_directory};
use super::list;
use super::original::{self, Registration};
use super::places::Places;
use super::request::{InstallRequest, NAME};
use crate::config::{Overrides, SETTINGS, default_of};
use crate::fs::expand_home;

/// The entry that is to be made.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) fields: Map<String, Value>,
    pub(super) launch: Launch,
}

impl Plan {
    pub(super) fn make(
        request: &InstallRequest,
        configuration: &Configuration,
        places: &Places,
    ) -> Result<Self, InstallError> {
        let client = configuration.client;
        if let Some((name, entry)) = configuration.own_entry(request)? {
            return Self::renewed(request, client, name, entry);
        }
        let originals = original::registrations(configuration.document.value());
        let mut in_place: Vec<_> = originals
            .iter()
            .filter(|original| original.is_among(client.servers) && request.means(original.name()))
            .collect();
        in_place.sort_by_key(|original| original.name() != NAME);
        let Some(original) = in_place.first() else {
            let settings = request.settings_from_elsewhere(places)?;
            return Self::added(request, configuration, settings);
        };
        let question = format!(
            "{} starts the Node original as `{}`, with its data in {}.\n\
             Take over its place, its settings and its data?",
            client.title,
            original.name(),
            data_directory(&original.settings).display()
        );
        if !request.decided(&question)? {
            return Self::added(request, configuration, IndexMap::new());
        }
        let launch = request.launch(with_data_directory(request.settings_of(original)?))?;
        let present = &configuration.document.value()[client.servers][original.name()];
        Ok(Self {
            name: original.name().to_owned(),
            fields: client.entry(&launch, Some(present)),
            launch,
        })
    }

    /// Makes a new entry.
    fn added(
        request: &InstallRequest,
        configuration: &Configuration,
        settings: IndexMap<String, String>,
    ) -> Result<Self, InstallError> {
        let name = request.name.clone().unwrap_or(NAME.to_owned());
        if let Some((_, entry)) = configuration.servers().find(|(taken, _)| **taken == name) {
            let command = entry.get("command").or(entry.get("url"));
            return Err(InstallError::Taken {
                name,
                path: configuration.path.clone(),
                command: command.and_then(Value::as_str).unwrap_or("?").to_owned(),
            });
        }
        let launch = request.launch(settings)?;
        Ok(Self {
            name,
            fields: configuration.client.entry(&launch, None),
            launch,
        })
    }

    /// Updates an existing entry with the present path of this program and the options.
    fn renewed(
        request: &InstallRequest,
        client: &Client,
        name: &str,
        entry: &Value,
    ) -> Result<Self, InstallError> {
        let mut launch = request.own_launch(IndexMap::new())?;
        let mut old = Launch::read(entry).unwrap_or_default();
        if old.installs_first() {
            launch.command.clone_from(&old.command);
        }
        if !launch.args.is_empty() {
            old.take_flag(ENV_FILE);
        }
        launch.args.extend(std::mem::take(&mut old.args));
        for (flag, variable) in FLAGS {
            // An argument would override the variable.
            if launch.env.contains_key(variable) {
                launch.take_flag(flag);
            }
        }
        if !launch.tells_data_directory() && !old.tells_data_directory() {
            let directory = request.with_env_file(&launch).usual_data_directory()?;
            launch.env.insert(DATA_DIR.to_owned(), directory);
        }
        let fields = client.entry(&launch, Some(entry));
        for (variable, value) in old.env {
            launch.env.entry(variable).or_insert(value);
        }
        Ok(Self {
            name: name.to_owned(),
            fields,
            launch,
        })
    }
}

impl InstallRequest {
    /// The settings of an original that is registered with another client, if the user wants them.
    fn settings_from_elsewhere(
        &self,
        places: &Places,
    ) -> Result<IndexMap<String, String>, InstallError> {
        let with_settings = |(_, found): &(_, Registration)| {
            self.takes_over == Some(true) || !found.settings.is_empty() || found.unread.is_some()
        };
        let Some((client, original)) = list::originals(places).into_iter().find(with_settings)
        else {
            return match self.takes_over {
                Some(true) => Err(InstallError::NoOriginal),
                _ => Ok(IndexMap::new()),
            };
        };
        if self.overrides.data_dir.is_some() {
            return Ok(IndexMap::new());
        }
        let question = format!(
            "{} has the Node original, with its data in {}.\nUse its settings and its data here too?",
            client.title,
            data_directory(&original.settings).display()
        );
        if !self.decided(&question)? {
            return Ok(IndexMap::new());
        }
        let mut settings = with_data_directory(self.settings_of(&original)?);
        settings.retain(|name, _| SETTINGS.iter().any(|setting| setting.name == name));
        // Not every client expands variables as this one does.
        if let Some((name, _)) = settings.iter().find(|(_, value)| value.contains('$')) {
            let place = original.keys.join(" › ");
            return Err(InstallError::Unclear(format!("`{name}` in {place}")));
        }
        Ok(settings)
    }

    /// The original's settings, if they are certain to tell its data directory.
    fn settings_of(
        &self,
        original: &Registration,
    ) -> Result<IndexMap<String, String>, InstallError> {
        match &original.unread {
            Some(file) if self.overrides.data_dir.is_none() => {
                Err(InstallError::Unclear(format!("`{}`", file.display())))
            }
            _ => Ok(original.settings.clone()),
        }
    }

    /// This request with the `--env-file` of an entry.
    fn with_env_file(&self, launch: &Launch) -> Self {
        let file = launch.clone().take_flag(ENV_FILE);
        Self {
            overrides: Overrides {
                env_file: file.as_deref().map(expand_home),
                ..self.overrides.clone()
            },
            ..Self::default()
        }
    }

    fn decided(&self, question: &str) -> Result<bool, InstallError> {
        if let Some(decided) = self.takes_over {
            return Ok(decided);
        }
        ask(question).ok_or_else(|| InstallError::Undecided(question.to_owned()))
    }
}

/// Adds the default data directory of the original to its settings, if they have none.
fn with_data_directory(mut settings: IndexMap<String, String>) -> IndexMap<String, String> {
    let default = default_of(DATA_DIR).to_owned();
    settings.entry(DATA_DIR.to_owned()).or_insert(default);
    settings
}

/// Asks the person at the terminal; `None` if there is none.
fn ask(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let mut answer = String::new();
    loop {
        write!(io::stderr(), "{question} [Y/n] ").ok()?;
        answer.clear();
        if io::stdin().read_line(&mut answer).ok()? == 0 {
            return None;
        }
        match answer.trim().to_lowercase().as_str() {
            "" | "y" | "yes" => return Some(true),
            "n" | "no" => return Some(false),
            _ => {}
        }
    }
}
