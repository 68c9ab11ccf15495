//! Colours and widths, which only a terminal gets.

use std::env;
use std::io::{self, IsTerminal};

use ratatui::crossterm::style::{Attribute, Color, Stylize};
use ratatui::crossterm::terminal;

use crate::job::Status;

/// The style of what a command prints.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TerminalStyle {
    has_colours: bool,
    /// The columns of the terminal; `None` where lines are not cut.
    pub(super) width: Option<usize>,
}

impl TerminalStyle {
    /// The style for standard output.
    pub(super) fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self::default();
        }
        // https://no-color.org: set and not empty.
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        // A terminal that does not know its size has 0 columns.
        let columns = terminal::size().map_or(0, |(columns, _)| columns.into());
        Self {
            has_colours: !is_set("NO_COLOR") && !is_dumb,
            width: Some(columns).filter(|columns| *columns > 0),
        }
    }

    /// A status in its colour.
    pub(super) fn status(self, text: &str, status: Status) -> String {
        let colour = match status {
            Status::Pending | Status::Running => Color::Cyan,
            Status::Completed => Color::Green,
            Status::Partial | Status::Cancelled => Color::Yellow,
            Status::Failed | Status::Crashed => Color::Red,
        };
        self.apply(text, |text| text.with(colour).to_string())
    }

    /// A text that is less important.
    pub(super) fn faint(self, text: &str) -> String {
        self.apply(text, |text| text.attribute(Attribute::Dim).to_string())
    }

    /// A text that is more important.
    pub(super) fn strong(self, text: &str) -> String {
        self.apply(text, |text| text.attribute(Attribute::Bold).to_string())
    }

    fn apply(self, text: &str, styled: impl FnOnce(&str) -> String) -> String {
        if self.has_colours && !text.is_empty() {
            styled(text)
        } else {
            text.to_owned()
        }
    }
}
