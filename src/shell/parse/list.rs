//! Lists and pipelines.

use super::{ParseError, ParseResult, Parser};
use crate::shell::syntax::{CommandList, Join, Pipeline, ShellCommand};

impl Parser {
    /// Returns whether a list ends here.
    pub(super) fn closes(&self) -> bool {
        const CLOSERS: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];
        match self.peek() {
            None | Some(')') => true,
            Some(';') => self.sees(";;") || self.sees(";&"),
            Some(_) => CLOSERS.contains(&self.keyword().as_str()),
        }
    }

    pub(super) fn list(&mut self) -> ParseResult<CommandList> {
        let mut pipelines = Vec::new();
        loop {
            self.lines()?;
            if self.closes() {
                return Ok(pipelines);
            }
            if self.take(";") {
                self.step()?;
                continue;
            }
            self.and_or(&mut pipelines)?;
            self.blanks()?;
            let ends = matches!(self.peek(), Some(';' | '\n'));
            if !ends
                && !self.closes()
                && pipelines.last().is_none_or(|pipeline| !pipeline.background)
            {
                return Err(ParseError::Syntax);
            }
        }
    }

    fn and_or(&mut self, pipelines: &mut CommandList) -> ParseResult<()> {
        let mut join = Join::Then;
        loop {
            let commands = self.pipeline()?;
            self.blanks()?;
            let (and, or) = (self.take("&&"), self.take("||"));
            pipelines.push(Pipeline {
                join,
                background: !and && !or && self.take("&"),
                commands,
            });
            if !and && !or {
                return Ok(());
            }
            join = if or { Join::Or } else { Join::And };
            self.lines()?;
        }
    }

    fn pipeline(&mut self) -> ParseResult<Vec<ShellCommand>> {
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
