//! `show`: one task.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::ConsoleError;
use super::style::TerminalStyle;
use super::tasks::{duration, told};
use crate::config::Config;
use crate::job::kind::fleet::FleetOutcome;
use crate::job::{Job, Stream};
use crate::observer::{ObservedTask, Observer, PrintedPart};

/// The last lines that are shown of each stream.
const LINES: usize = 20;
/// The most bytes of them.
const BYTES: usize = 16 * 1024;
/// The bytes of a whole output that are read at once.
const PART: usize = 256 * 1024;

/// The options of `show`.
#[derive(Debug, Args)]
pub struct ShowCommand {
    /// The task's ID
    id: String,
    /// The whole of what it has printed
    #[arg(long)]
    output: bool,
    /// The record as JSON
    #[arg(long)]
    json: bool,
}

impl ShowCommand {
    /// Prints the task.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<(), ConsoleError> {
        let observer = Observer::open(config).await?;
        let job = observer.task(&self.id)?;
        if self.json {
            writeln!(out, "{}", self.record(&observer, &job)?)?;
            return Ok(());
        }
        let style = TerminalStyle::of_stdout();
        head(&job, style, out)?;
        for stream in Stream::BOTH {
            let title = stream.name();
            if self.output {
                whole(&observer, &job, stream, |part, is_first| {
                    if is_first {
                        writeln!(out, "{}", style.faint(&format!("--- {title} ---")))?;
                    }
                    out.write_all(part.as_bytes())
                })?;
                continue;
            }
            let printed = observer.last_lines(&job, stream, LINES, BYTES)?;
            if !printed.text.is_empty() {
                let cut = if printed.is_cut {
                    ", its end; --output shows all"
                } else {
                    ""
                };
                writeln!(out, "{}", style.faint(&format!("--- {title}{cut} ---")))?;
                writeln!(out, "{}", printed.text.trim_end())?;
            }
        }
        Ok(())
    }

    /// The record, with outputs only where they are asked for.
    fn record(&self, observer: &Observer, job: &Job) -> Result<Value, ConsoleError> {
        let mut record = Observer::record(job);
        if let Some(fields) = record.as_object_mut() {
            for (stream, name) in Stream::BOTH.into_iter().zip(["output", "stderr"]) {
                fields.remove(name);
                if self.output {
                    let mut text = String::new();
                    whole(observer, job, stream, |part, _| {
                        text += part;
                        Ok(())
                    })?;
                    fields.insert(name.to_owned(), json!(text));
                }
            }
        }
        Ok(record)
    }
}

/// The lines about a task.
fn head(job: &Job, style: TerminalStyle, out: &mut impl Write) -> Result<(), ConsoleError> {
    let row = ObservedTask::of(job);
    let exit = row.exit_code.map(|code| format!(", exit {code}"));
    let took = duration(&row).map(|took| format!(" in {took}"));
    writeln!(
        out,
        "{} on {}: {}{}{}",
        row.id,
        style.strong(&row.alias),
        style.status(row.status.name(), row.status),
        exit.unwrap_or_default(),
        took.unwrap_or_default()
    )?;
    let servers = job.fleet().map(FleetOutcome::counts);
    let facts = [
        (
            "tool",
            Some(row.tool.to_owned()).filter(|tool| !tool.is_empty()),
        ),
        ("command", Some(row.command)),
        ("servers", servers),
        ("begun", Some(told(row.created_at))),
        ("ended", row.ended_at.map(told)),
        ("error", row.error),
        ("pending", row.awaited),
        ("part of", row.parent.map(|parent| parent.to_string())),
    ];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            writeln!(out, "  {} {fact}", style.faint(&format!("{name:<8}")))?;
        }
    }
    Ok(())
}

/// Passes on all that a task has printed to a stream, part by part.
fn whole(
    observer: &Observer,
    job: &Job,
    stream: Stream,
    mut take: impl FnMut(&str, bool) -> std::io::Result<()>,
) -> Result<(), ConsoleError> {
    let mut offset = 0;
    loop {
        let PrintedPart { text, next, .. } = observer.printed_from(job, stream, offset, PART)?;
        if text.is_empty() && next == offset {
            return Ok(());
        }
        take(&text, offset == 0)?;
        offset = next;
    }
}
