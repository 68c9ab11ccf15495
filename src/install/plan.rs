//! What an installation puts in, and where.

use std::io::{self, IsTerminal, Write};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::client::Places;
use super::file::Configuration;
use super::launch::{FLAGS, Launch, data_directory};
use super::original;
use super::refusal::Refusal;
use super::removal::Removal;
use super::{NAME, Request, is_own, list};

/// What is to be put in, and where.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) fields: Map<String, Value>,
    pub(super) launch: Launch,
    /// Whether the present file is kept as what it was before this program.
    pub(super) makes_backup: bool,
}

impl Plan {
    pub(super) fn make(
        request: &Request,
        configuration: &Configuration,
        places: &Places,
    ) -> Result<Self, Refusal> {
        let client = configuration.client;
        let is_wanted = |name: &str| request.name.as_ref().is_none_or(|wanted| wanted == name);
        let own = configuration
            .servers()
            .find(|(name, entry)| is_wanted(name) && is_own(entry));
        if let Some((name, entry)) = own {
            return Self::renewed(request, configuration, name, entry);
        }
        let originals = original::registrations(configuration.document.value());
        let mut in_place: Vec<_> = originals
            .iter()
            .filter(|original| original.is_among(client.servers) && is_wanted(original.name()))
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
        let launch = request.launch(original.settings.clone())?;
        Ok(Self {
            name: original.name().to_owned(),
            fields: launch.fields(),
            launch,
            makes_backup: true,
        })
    }

    /// For an entry where there is none of that name.
    fn added(
        request: &Request,
        configuration: &Configuration,
        settings: IndexMap<String, String>,
    ) -> Result<Self, Refusal> {
        let name = request.name.clone().unwrap_or(NAME.to_owned());
        if let Some((_, entry)) = configuration.servers().find(|(taken, _)| **taken == name) {
            let command = entry.get("command").or(entry.get("url"));
            return Err(Refusal::Taken {
                name,
                path: configuration.path.clone(),
                command: command.and_then(Value::as_str).unwrap_or("?").to_owned(),
            });
        }
        let launch = request.launch(settings)?;
        Ok(Self {
            name,
            fields: configuration.client.entry(&launch),
            launch,
            makes_backup: true,
        })
    }

    /// For an entry that is there already: where this program lies now, and what was asked for.
    fn renewed(
        request: &Request,
        configuration: &Configuration,
        name: &str,
        entry: &Value,
    ) -> Result<Self, Refusal> {
        let mut launch = request.launch(IndexMap::new())?;
        let old = Launch::read(entry).unwrap_or_default();
        if old.installs_first() {
            launch.command.clone_from(&old.command);
        }
        launch.args = old.args;
        for (flag, variable) in FLAGS {
            // An argument would go before the variable.
            if launch.env.contains_key(variable) {
                launch.args.retain(|argument| !argument.starts_with(flag));
            }
        }
        let fields = launch.fields();
        for (variable, value) in old.env {
            launch.env.entry(variable).or_insert(value);
        }
        let has_more =
            || Ok::<_, Refusal>(Removal::make(configuration, name, entry)?.after.is_some());
        Ok(Self {
            name: name.to_owned(),
            fields,
            launch,
            // An older one shows the file without this program.
            makes_backup: !configuration.backup().exists() && has_more()?,
        })
    }
}

impl Request {
    /// The settings of an original that another client has, if they are wanted.
    fn settings_from_elsewhere(
        &self,
        places: &Places,
    ) -> Result<IndexMap<String, String>, Refusal> {
        if self.overrides.data_dir.is_some() {
            return Ok(IndexMap::new());
        }
        let found = list::originals(places);
        let Some((client, registration)) = found
            .into_iter()
            .find(|(_, found)| !found.settings.is_empty())
        else {
            return Ok(IndexMap::new());
        };
        let question = format!(
            "{} has the Node original, with its data in {}.\nUse its settings and its data here too?",
            client.title,
            data_directory(&registration.settings).display()
        );
        let wanted = self.decided(&question)?;
        Ok(if wanted {
            registration.settings
        } else {
            IndexMap::new()
        })
    }

    fn decided(&self, question: &str) -> Result<bool, Refusal> {
        if let Some(decided) = self.takes_over {
            return Ok(decided);
        }
        ask(question).ok_or_else(|| Refusal::Undecided(question.to_owned()))
    }
}

/// Asks the person at the terminal; `None` where there is none.
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
