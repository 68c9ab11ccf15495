//! The texts that are made from the grammar: help, completions for shells, the manual.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::CommandLine;
use crate::config::SETTINGS;

/// The text of `--help`.
pub fn help() -> String {
    CommandLine::grammar().render_long_help().to_string()
}

/// The part of the help that lists the settings.
pub(super) fn settings() -> String {
    let mut text =
        "Environment, then the file that --env-file names, then .env in the data directory \
        (and .env in the\nworking directory, if this program lies below it, as in its checkout):"
            .to_owned();
    for setting in SETTINGS {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [{}]", setting.default)
        };
        let meaning = setting.plain_meaning();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {:<32}{meaning}{default}", setting.name);
    }
    text
}

/// Prints the completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell, out: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(
        shell,
        &mut CommandLine::grammar(),
        env!("CARGO_PKG_NAME"),
        &mut text,
    );
    out.write_all(&text)
}

/// Prints the manual page, with a section for each command.
pub(super) fn manual(out: &mut impl Write) -> io::Result<()> {
    let mut grammar = CommandLine::grammar();
    grammar.build();
    clap_mangen::Man::new(grammar.clone()).render(out)?;
    grammar
        .get_subcommands()
        .try_for_each(|command| section(command, command.get_name(), out))
}

/// Prints the section of a command, and those of the commands below it.
fn section(command: &clap::Command, name: &str, out: &mut impl Write) -> io::Result<()> {
    if command.has_subcommands() {
        let mut below = command.get_subcommands();
        return below.try_for_each(|one| section(one, &format!("{name} {}", one.get_name()), out));
    }
    writeln!(out, ".SH \"COMMAND {}\"", name.to_uppercase())?;
    let page = clap_mangen::Man::new(command.clone());
    page.render_synopsis_section(out)?;
    page.render_options_section(out)
}
