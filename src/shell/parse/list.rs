//! Lists and pipelines.

use super::{Fault, Parsed, Parser};
use crate::shell::syntax::{Command, Item, List};

impl Parser {
    /// Whether a list ends here.
    pub(super) fn closes(&self) -> bool {
        const CLOSERS: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];
        match self.peek() {
            None | Some(')') => true,
            Some(';') => self.sees(";;") || self.sees(";&"),
            Some(_) => CLOSERS.contains(&self.keyword().as_str()),
        }
    }

    pub(super) fn list(&mut self) -> Parsed<List> {
        let mut items = Vec::new();
        loop {
            self.lines()?;
            if self.closes() {
                return Ok(items);
            }
            if self.take(";") {
                self.step()?;
                continue;
            }
            self.and_or(&mut items)?;
            self.blanks()?;
            let ends = matches!(self.peek(), Some(';' | '\n'));
            if !ends && !self.closes() && items.last().is_none_or(|item| !item.background) {
                return Err(Fault::Syntax);
            }
        }
    }

    fn and_or(&mut self, items: &mut List) -> Parsed<()> {
        let mut otherwise = false;
        loop {
            let commands = self.pipeline()?;
            self.blanks()?;
            let (and, or) = (self.take("&&"), self.take("||"));
            items.push(Item {
                otherwise,
                background: !and && !or && self.take("&"),
                commands,
            });
            if !and && !or {
                return Ok(());
            }
            otherwise = or;
            self.lines()?;
        }
    }

    fn pipeline(&mut self) -> Parsed<Vec<Command>> {
        let mut commands = Vec::new();
        loop {
            self.blanks()?;
            while self.take_keyword("!") {
                self.blanks()?;
            }
            commands.push(self.nested(Self::command)?);
            self.blanks()?;
            if self.sees("||") || !self.take("|") {
                return Ok(commands);
            }
            self.take("&");
            self.lines()?;
        }
    }
}
