//! `audit show`: the audit trail for people.

use std::collections::HashSet;
use std::io::Write;

use clap::Args;
use serde_json::{Map, Value};

use super::style::TerminalStyle;
use super::table::TableColumns;
use super::{ConsoleError, LOOK};
use crate::actor::Actor;
use crate::audit::TrailCall;
use crate::config::Config;
use crate::job::Stream;
use crate::observer::Observer;
use crate::time::brief;
use crate::tools::Since;

/// The most bytes of an output that is shown with its call.
const BYTES: usize = 16 * 1024;
/// The last lines of it.
const LINES: usize = 50;
/// The calls that `--follow` looks through for new ones.
const RECENT: usize = 1000;

/// The options of `audit show`.
#[derive(Debug, Args)]
pub struct TrailCommand {
    /// Only calls about this server
    #[arg(long, value_name = "SERVER")]
    alias: Option<String>,
    /// Only calls of this tool
    #[arg(long)]
    tool: Option<String>,
    /// Only later ones: 2h, or a time
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// The most calls
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Also the end of what each command has printed, while it is kept
    #[arg(long)]
    output: bool,
    /// Go on: a line whenever a call ends
    #[arg(long, short)]
    follow: bool,
    /// A JSON object for each call
    #[arg(long)]
    json: bool,
}

impl TrailCommand {
    /// Prints the last calls, the oldest first; with `--follow`, prints later ones for ever.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<(), ConsoleError> {
        let observer = Observer::open(config).await?;
        let length = observer.trail_length();
        let calls = observer.calls(self.limit, |call| self.wants(call))?;
        if calls.is_empty() && !self.json && !self.follow {
            writeln!(out, "no calls")?;
        }
        let ended = calls.iter().filter(|call| call.has_ended());
        let printed = ended.map(id).collect();
        self.print(&observer, calls, out)?;
        if self.follow {
            self.go_on(&observer, length, printed, out).await?;
        }
        Ok(())
    }

    /// Prints a line whenever a call ends, for ever.
    async fn go_on(
        &self,
        observer: &Observer,
        mut length: u64,
        mut printed: HashSet<String>,
        out: &mut impl Write,
    ) -> Result<(), ConsoleError> {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = observer.trail_length();
            if std::mem::replace(&mut length, now) != now {
                let mut calls = observer.calls(RECENT, |call| self.wants(call))?;
                calls.retain(|call| call.has_ended() && printed.insert(id(call)));
                self.print(observer, calls, out)?;
            }
        }
    }

    fn wants(&self, call: &TrailCall) -> bool {
        let alias = self.alias.as_ref();
        alias.is_none_or(|alias| call.concerns(alias))
            && self
                .tool
                .as_ref()
                .is_none_or(|tool| call.text("tool") == tool)
            && self.since.is_none_or(|since| {
                let time = serde_json::from_value(call.text("time").into());
                time.is_ok_and(|time| since.includes(time))
            })
    }

    fn print(
        &self,
        observer: &Observer,
        calls: Vec<TrailCall>,
        out: &mut impl Write,
    ) -> Result<(), ConsoleError> {
        let style = TerminalStyle::of_stdout();
        let rows: Vec<_> = calls.iter().map(cells).collect();
        let columns = TableColumns::of(&rows);
        for (call, cells) in calls.into_iter().zip(&rows) {
            let job = call.text("job").to_owned();
            if self.json {
                writeln!(out, "{}", Value::Object(Observer::fields(call)))?;
            } else {
                let styled = |column, text: &str| match column {
                    0 => style.faint(text),
                    2 => style.strong(text),
                    _ => text.to_owned(),
                };
                writeln!(out, "{}", columns.row(cells, style.width, styled))?;
            }
            if self.output && !self.json {
                print_output(observer, &job, out)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn id(call: &TrailCall) -> String {
    call.text("call").to_owned()
}

fn cells(call: &TrailCall) -> [String; 7] {
    let time = call.text("time").get(..19).unwrap_or_default();
    let milliseconds = call
        .number("durationMs")
        .map(std::time::Duration::from_millis);
    let fields = Observer::fields(call.clone());
    let actor = fields.get("actor").cloned();
    let actor = actor.and_then(|actor| serde_json::from_value::<Actor>(actor).ok());
    let outcome = match call.text("outcome") {
        "" => "no end",
        outcome => outcome,
    };
    let exit = call.number("exitCode").filter(|code| *code != 0);
    let exit = exit.map(|code| format!(" {code}")).unwrap_or_default();
    [
        time.replace('T', " "),
        call.text("tool").to_owned(),
        call.text("alias").to_owned(),
        format!("{outcome}{exit}"),
        milliseconds.map(brief).unwrap_or_default(),
        actor.map(|actor| actor.to_string()).unwrap_or_default(),
        words(fields.get("arguments").and_then(Value::as_object)),
    ]
}

/// Arguments in a line: the command alone, or all of them by their names.
fn words(arguments: Option<&Map<String, Value>>) -> String {
    let arguments = arguments.into_iter().flatten();
    let told = arguments.filter(|(name, value)| *name != "alias" && !value.is_null());
    let told = told.map(|(name, value)| match (name.as_str(), value) {
        ("cmd", Value::String(command)) => command.clone(),
        (name, Value::String(text)) => format!("{name}={text}"),
        (name, value) => format!("{name}={value}"),
    });
    told.collect::<Vec<_>>().join(" ").replace('\n', "⏎")
}

/// Prints the end of what the task of a call has printed, if it is still there.
fn print_output(observer: &Observer, job: &str, out: &mut impl Write) -> Result<(), ConsoleError> {
    let Ok(job) = observer.task(job) else {
        return Ok(());
    };
    for stream in Stream::BOTH {
        let printed = observer.last_lines(&job, stream, LINES, BYTES)?;
        for line in printed.text.lines() {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}
