//! Lists the clients on this machine, and their registrations.

use std::fmt::Write;

use super::client::Client;
use super::clients::CLIENTS;
use super::file::Configuration;
use super::launch::typed_command;
use super::original::{self, Registration};
use super::places::Places;
use super::request::InstallRequest;

/// A warning for those who run the original and this program with the same data.
pub(super) const PASSWORDS: &str = "Where both use one data directory, the original can no longer read \
     its passwords once this program has encrypted them.\n";

/// Lists the clients that are here, one on a line, and the commands to go on with.
pub(super) fn clients(places: &Places, request: &InstallRequest) -> String {
    let (here, elsewhere): (Vec<_>, Vec<_>) = CLIENTS
        .iter()
        .partition(|client| client.is_installed(places));
    let lines: Vec<_> = here
        .iter()
        .map(|client| (client.name, state(client, places), client.file(places)))
        .collect();
    let wide = |column: fn(&(&str, String, std::path::PathBuf)) -> usize| {
        lines.iter().map(column).max().unwrap_or_default()
    };
    let names = wide(|line| line.0.len());
    let states = wide(|line| line.1.chars().count());
    let mut list = String::new();
    // Writing to a string cannot fail.
    for (name, state, file) in &lines {
        let _ = writeln!(list, "{name:<names$}  {state:<states$}  {}", file.display());
    }
    if lines.is_empty() {
        list += "No MCP client that is known was found.\n";
    }
    let program = typed_command();
    let settings = request.typed_settings();
    let example = here.first().map_or("NAME", |client| client.name);
    let _ = write!(
        list,
        "\nPut it in:    {program} install --client {example}{settings}\n\
         See first:    {program} install --client {example}{settings} --dry-run\n\
         Take it out:  {program} uninstall --client {example}\n"
    );
    if !elsewhere.is_empty() {
        let names: Vec<_> = elsewhere.iter().map(|client| client.name).collect();
        let _ = writeln!(list, "Known and not found here: {}", names.join(", "));
    }
    let _ = writeln!(
        list,
        "For any other client: {program} install --print{settings}"
    );
    list
}

fn state(client: &'static Client, places: &Places) -> String {
    let Ok(configuration) = Configuration::read(client, places) else {
        return "cannot be read".to_owned();
    };
    if let Some((name, _)) = configuration.own_entries().next() {
        return format!("registered as `{name}`");
    }
    let originals = original::registrations(configuration.document.value());
    match originals.first() {
        Some(original) => format!("the Node original as `{}`", original.name()),
        None => "not registered".to_owned(),
    }
}

/// All registrations of the original, with their clients.
pub(super) fn originals(places: &Places) -> Vec<(&'static Client, Registration)> {
    let read = CLIENTS
        .iter()
        .filter_map(|client| Configuration::read(client, places).ok());
    let found = read.flat_map(|configuration| {
        let originals = original::registrations(configuration.document.value());
        originals
            .into_iter()
            .map(move |original| (configuration.client, original))
    });
    found.collect()
}

/// Lists the registrations of the original that are left, with advice for each.
pub(super) fn remaining_originals(places: &Places) -> String {
    let mut told = String::new();
    for (client, original) in originals(places) {
        let advice = if original.is_among(client.servers) {
            let (program, client) = (typed_command(), client.name);
            format!("`{program} install --client {client}` takes its place")
        } else {
            "there it goes before this one; take it out by hand".to_owned()
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            told,
            "The Node original is still registered with {}: {}, in {}; {advice}.",
            client.title,
            original.keys.join(" › "),
            client.file(places).display()
        );
    }
    if !told.is_empty() {
        told += PASSWORDS;
    }
    told
}
