//! `tasks`: the tasks of all programs on the data directory.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use clap::Args;

use super::style::TerminalStyle;
use super::table::TableColumns;
use super::{ConsoleError, LOOK};
use crate::config::Config;
use crate::observer::{ObservedTask, Observer};
use crate::time::{Timestamp, brief};

/// The options of `tasks`.
#[derive(Debug, Args)]
pub struct TasksCommand {
    /// Only of this server
    #[arg(long, value_name = "SERVER")]
    alias: Option<String>,
    /// The most tasks
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Also the parts of tasks on several servers, and questions of monitoring
    #[arg(long)]
    all: bool,
    /// Go on: a line whenever a task begins or ends
    #[arg(long, short)]
    follow: bool,
    /// A JSON object for each task
    #[arg(long)]
    json: bool,
}

impl TasksCommand {
    /// Prints the tasks that run, then the newest; with `--follow`, prints changes for ever.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<(), ConsoleError> {
        let observer = Observer::open(config).await?;
        let all = self.rows(&observer)?;
        let mut rows = all.clone();
        rows.sort_by_key(|row| !row.status.is_live());
        rows.truncate(self.limit);
        if rows.is_empty() && !self.json && !self.follow {
            writeln!(out, "no tasks")?;
        }
        self.print(&rows, out)?;
        if self.follow {
            self.go_on(&observer, all, out).await?;
        }
        Ok(())
    }

    /// Prints a line whenever a task begins or ends, for ever.
    async fn go_on(
        &self,
        observer: &Observer,
        printed: Vec<Arc<ObservedTask>>,
        out: &mut impl Write,
    ) -> Result<(), ConsoleError> {
        let state = |row: Arc<ObservedTask>| (row.id.clone(), row.status);
        let mut known: HashMap<_, _> = printed.into_iter().map(state).collect();
        loop {
            tokio::time::sleep(LOOK).await;
            let mut rows = self.rows(observer)?;
            rows.reverse();
            rows.retain(|row| known.get(&row.id) != Some(&row.status));
            self.print(&rows, out)?;
            known.extend(rows.into_iter().map(state));
        }
    }

    /// The tasks that are asked for, newest first.
    fn rows(&self, observer: &Observer) -> Result<Vec<Arc<ObservedTask>>, ConsoleError> {
        let tasks = observer.tasks()?;
        let wanted = tasks.iter().filter(|job| {
            let alias = self.alias.as_ref();
            let is_part = job.parent.is_some() && alias.is_none();
            alias.is_none_or(|alias| job.alias == *alias)
                && (self.all || !is_part && !job.is_question)
        });
        Ok(wanted.cloned().collect())
    }

    fn print(&self, rows: &[Arc<ObservedTask>], out: &mut impl Write) -> Result<(), ConsoleError> {
        if self.json {
            for row in rows {
                writeln!(out, "{}", serde_json::json!(**row))?;
            }
        } else {
            let style = TerminalStyle::of_stdout();
            let cells: Vec<_> = rows.iter().map(|row| cells(row)).collect();
            let columns = TableColumns::of(&cells);
            for (row, cells) in rows.iter().zip(&cells) {
                let styled = |column, text: &str| match column {
                    0 => style.faint(text),
                    1 => style.status(text, row.status),
                    2 => style.strong(text),
                    _ => text.to_owned(),
                };
                writeln!(out, "{}", columns.row(cells, style.width, styled))?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn cells(row: &ObservedTask) -> [String; 6] {
    let exit = row.exit_code.filter(|code| *code != 0);
    let remark = row.error.as_ref().or(row.awaited.as_ref());
    let remark = remark.map(|remark| format!(" ({remark})"));
    [
        row.id.to_string(),
        row.status.to_string(),
        row.alias.clone(),
        when(row),
        exit.map(|code| format!("exit {code}")).unwrap_or_default(),
        format!("{}{}", row.command, remark.unwrap_or_default()),
    ]
}

/// The time since a task ended, or for which it has been running.
pub(super) fn when(row: &ObservedTask) -> String {
    match row.ended_at {
        None => format!("for {}", row.created_at.age()),
        Some(ended) => format!("{} ago", ended.age()),
    }
}

/// A time for people, with the time passed since then.
pub(super) fn told(time: Timestamp) -> String {
    let text = time.in_seconds().replace('T', " ").replace('Z', " UTC");
    format!("{text} ({} ago)", time.age())
}

/// The duration of a task, if it is known.
pub(super) fn duration(row: &ObservedTask) -> Option<String> {
    let milliseconds = std::time::Duration::from_millis(row.duration?);
    Some(brief(milliseconds))
}
