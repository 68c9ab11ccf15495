//! `install` and `uninstall`: the registration of this program in a client's configuration.
//!
//! One entry is added or removed, and the rest of the file stays as it is written. A backup of the file is
//! kept beside it. If nothing else has changed since, `uninstall` brings that file back to the byte.

mod client;
mod clients;
mod deny;
mod document;
mod error;
mod file;
mod launch;
mod list;
mod original;
mod permissions;
mod places;
mod plan;
mod removal;
mod request;
mod start;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use indexmap::IndexMap;
use similar::TextDiff;

use crate::error::Error;
use client::Client;
pub use clients::names as client_names;
use deny::{DenyPlan, DenyRemoval};
use document::{ConfigDocument, Edit, Format};
pub use error::InstallError;
use file::Configuration;
pub use launch::{this_program, typed_command};
pub use original::is_left_over;
pub use permissions::{Tier, permissions};
use places::Places;
use plan::Plan;
use removal::Removal;
pub use request::{InstallRequest, NAME};
pub use start::ClientStart;

/// Registers this program in a client's configuration, or lists the clients.
pub fn install(request: &InstallRequest, out: &mut impl Write) -> Result<(), InstallError> {
    let name = request.checked_name()?;
    let client = request.client()?;
    if request.prints {
        let snippet = snippet(request, client, name.unwrap_or(NAME))?;
        return say(out, &snippet);
    }
    let places = Places::of_user().ok_or(InstallError::NoHome)?;
    let Some(client) = client else {
        return say(out, &list::clients(&places, request));
    };
    let configuration = Configuration::read(client, &places)?;
    let denied = request.denies_ssh;
    let denied = denied
        .then(|| DenyPlan::make(client, &places))
        .transpose()?;
    let plan = Plan::make(request, &configuration, &places)?;
    let after = configuration.edited(&plan.name, Edit::Put(&plan.fields))?;
    let told = if after == configuration.text() {
        format!(
            "{} has it already, as `{}` in {}.\n",
            client.title,
            plan.name,
            configuration.path.display()
        )
    } else if request.is_dry {
        let of_rules = denied.as_ref().map(difference_of_rules);
        let told = difference(&configuration, &after) + &of_rules.unwrap_or_default();
        return say(out, &(told + NOT_WRITTEN));
    } else {
        configuration.replace(Some(&after), configuration.wants_backup())?;
        registered(&configuration, &plan)
    };
    // Read again: some clients keep their rules in the same file.
    let denied = denied
        .map(|_| DenyPlan::make(client, &places))
        .transpose()?;
    let of_rules = denied.map(|denied| deny(client, &denied)).transpose()?;
    let told = told + &of_rules.unwrap_or_default();
    say(out, &(told + &list::remaining_originals(&places)))
}

/// Writes a client's rules against walking around this program, and says so.
fn deny(client: &Client, denied: &DenyPlan) -> Result<String, InstallError> {
    if denied.after != denied.file.text() {
        denied.file.replace(&denied.after)?;
    }
    Ok(format!(
        "{} refuses ssh, scp, sftp and this program's own approve, deny and resume by its rules in {}. They are a \
         guard rail: a script may still run them.\n",
        client.title,
        denied.file.path.display()
    ))
}

fn difference_of_rules(denied: &DenyPlan) -> String {
    lines_changed(&denied.file.path, denied.file.text(), &denied.after)
}

fn difference_without_rules(rules: &DenyRemoval) -> String {
    let after = rules.after.as_deref().unwrap_or_default();
    lines_changed(&rules.file.path, rules.file.text(), after)
}

fn registered(configuration: &Configuration, plan: &Plan) -> String {
    let Client { name, title, .. } = configuration.client;
    let backup = configuration.backup();
    let backup = if backup.exists() {
        format!("  as it was      {}\n", backup.display())
    } else {
        String::new()
    };
    format!(
        "{title} now starts it as `{}`.\n  configuration  {}\n{backup}  command        {}\n  \
         data           {}\nRestart {title}. `{} uninstall --client {name} --name {}` takes it out again.\n",
        plan.name,
        configuration.path.display(),
        plan.launch.command,
        plan.launch.data_directory().display(),
        typed_command(),
        plan.name,
    )
}

/// Takes this program out of a client's configuration, or lists the clients.
pub fn uninstall(request: &InstallRequest, out: &mut impl Write) -> Result<(), InstallError> {
    let client = request.client()?;
    let places = Places::of_user().ok_or(InstallError::NoHome)?;
    let Some(client) = client else {
        return say(out, &list::clients(&places, request));
    };
    let mut configuration = Configuration::read(client, &places)?;
    let is_last = configuration.own_entries().count() == 1;
    let is_there = configuration.own_entry(request)?.is_some();
    let rules = (is_last && is_there).then(|| DenyRemoval::make(client, &places));
    let rules = rules.transpose()?.flatten();
    if let Some(rules) = rules.as_ref().filter(|_| !request.is_dry) {
        let is_shared = rules.file.path == configuration.path;
        rules.file.give_back(rules.after.as_deref(), is_shared)?;
        // Some clients keep their rules in the same file.
        configuration = Configuration::read(client, &places)?;
    }
    let shown = configuration.path.display();
    let Some((name, entry)) = configuration.own_entry(request)? else {
        let told = format!("{} does not have it in {shown}.\n", client.title);
        return say(out, &told);
    };
    let removal = Removal::make(&configuration, name, entry)?;
    if request.is_dry {
        let after = removal.after.as_deref().unwrap_or_default();
        let of_rules = rules.as_ref().map(difference_without_rules);
        let mut told =
            difference(&configuration, after) + &of_rules.unwrap_or_default() + NOT_WRITTEN;
        if removal.after.is_none() {
            told += "The file would go as well.\n";
        }
        return say(out, &told);
    }
    configuration.replace(removal.after.as_deref(), false)?;
    if is_last {
        configuration.drop_backup();
    }
    let became = if removal.after.is_none() {
        format!("{shown}, which held nothing else, is removed")
    } else if removal.gives_back {
        format!("{shown} has what stood there before")
    } else {
        format!("all else in {shown} is as it was")
    };
    let title = client.title;
    let mut told = format!("`{name}` is taken out: {became}.\nRestart {title}.\n");
    if let Some(rules) = rules {
        let path = rules.file.path.display();
        // Writing to a string cannot fail.
        let _ = writeln!(
            told,
            "Its rules against ssh, which came with it, are out of {path}."
        );
    }
    if removal.gives_back {
        told += list::PASSWORDS;
    }
    say(out, &told)
}

/// A whole configuration with only this program's entry in it.
fn snippet(
    request: &InstallRequest,
    client: Option<&'static Client>,
    name: &str,
) -> Result<String, InstallError> {
    let launch = request.launch(IndexMap::new())?;
    let (format, key, fields) = match client {
        Some(client) => (client.format, client.servers, client.entry(&launch, None)),
        None => (Format::Json, "mcpServers", launch.fields()),
    };
    let empty = ConfigDocument::parse(format, "").expect("nothing is an empty configuration");
    let snippet = empty.edited(key, name, Edit::Put(&fields));
    Ok(snippet.expect("an entry can be put into an empty configuration"))
}

/// The end of a preview.
const NOT_WRITTEN: &str = "\nNothing was written.\n";

fn difference(configuration: &Configuration, after: &str) -> String {
    lines_changed(&configuration.path, configuration.text(), after)
}

fn lines_changed(path: &Path, before: &str, after: &str) -> String {
    let shown = path.display().to_string();
    let difference = TextDiff::from_lines(before, after);
    difference.unified_diff().header(&shown, &shown).to_string()
}

fn say(out: &mut impl Write, text: &str) -> Result<(), InstallError> {
    let said = out.write_all(text.as_bytes());
    said.map_err(|error| Error::storage("standard output", "write", error).into())
}
