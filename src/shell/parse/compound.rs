//! Commands that hold others.

use std::rc::Rc;

use super::{ParseError, ParseResult, Parser};
use crate::shell::syntax::{CommandKind, CommandList, ShellCommand, Word, bare};

impl Parser {
    pub(super) fn command(&mut self) -> ParseResult<ShellCommand> {
        let start = self.at;
        let kind = match self.keyword().as_str() {
            "" if self.peek() == Some('(') => self.parentheses()?,
            "{" => {
                self.expect("{")?;
                CommandKind::Group(self.closed("}")?)
            }
            "if" => self.choice()?,
            "while" | "until" => {
                self.at += "while".len();
                let condition = self.list()?;
                CommandKind::While(condition, self.body()?)
            }
            "for" => self.repetition("for")?,
            "select" => self.repetition("select")?,
            "case" => self.cases()?,
            "function" => self.function()?,
            "[[" => self.test()?,
            "time" if self.times_compound()? => return self.command(),
            "coproc" => {
                self.at += "coproc".len();
                self.blanks()?;
                return self.nested(Self::command);
            }
            _ if self.closes() => return Err(ParseError::Syntax),
            _ => return self.simple(),
        };
        let mut redirects = Vec::new();
        loop {
            self.blanks()?;
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => break,
            }
        }
        let part = self.part(start);
        Ok(ShellCommand {
            kind,
            redirects,
            part,
        })
    }

    /// Skips `time` before what is no simple command.
    fn times_compound(&mut self) -> ParseResult<bool> {
        let start = self.at;
        self.at += "time".len();
        self.blanks()?;
        if self.take_keyword("-p") {
            self.blanks()?;
        }
        let compound = ["{", "if", "while", "until", "for", "case", "[["];
        let times = self.peek() == Some('(') || compound.contains(&self.keyword().as_str());
        if !times {
            self.at = start;
        }
        Ok(times)
    }

    /// The list up to a keyword, and that keyword.
    fn closed(&mut self, keyword: &str) -> ParseResult<CommandList> {
        let list = self.list()?;
        self.expect_keyword(keyword)?;
        Ok(list)
    }

    fn parentheses(&mut self) -> ParseResult<CommandKind> {
        if self.sees("((")
            && let Some(end) = self.arithmetic_end(2)?
        {
            let word = self.arithmetic(2, end)?;
            return Ok(CommandKind::Arithmetic(word));
        }
        self.expect("(")?;
        let list = self.list()?;
        self.expect(")")?;
        Ok(CommandKind::Subshell(list))
    }

    fn choice(&mut self) -> ParseResult<CommandKind> {
        let mut branches = Vec::new();
        self.expect("if")?;
        loop {
            let condition = self.closed("then")?;
            branches.push((condition, self.list()?));
            if self.take_keyword("elif") {
                continue;
            }
            let otherwise = if self.take_keyword("else") {
                self.list()?
            } else {
                Vec::new()
            };
            self.expect_keyword("fi")?;
            return Ok(CommandKind::If(branches, otherwise));
        }
    }

    fn body(&mut self) -> ParseResult<CommandList> {
        self.lines()?;
        if self.take_keyword("{") {
            return self.closed("}");
        }
        self.expect_keyword("do")?;
        self.closed("done")
    }

    fn repetition(&mut self, keyword: &str) -> ParseResult<CommandKind> {
        self.expect(keyword)?;
        self.blanks()?;
        if self.sees("((") {
            let end = self.arithmetic_end(2)?.ok_or(ParseError::Syntax)?;
            let word = self.arithmetic(2, end)?;
            self.blanks()?;
            self.take(";");
            let value = vec![vec![crate::shell::syntax::WordPart::Arithmetic(word)]];
            return Ok(CommandKind::For(String::new(), Some(value), self.body()?));
        }
        let name = self.word()?.as_deref().and_then(bare);
        let name = name.ok_or(ParseError::Syntax)?;
        self.lines()?;
        let mut words = None;
        if self.take_keyword("in") {
            let mut values = Vec::new();
            loop {
                self.blanks()?;
                match self.word()? {
                    Some(word) => values.push(word),
                    None => break,
                }
            }
            words = Some(values);
        }
        self.blanks()?;
        self.take(";");
        Ok(CommandKind::For(name, words, self.body()?))
    }

    fn cases(&mut self) -> ParseResult<CommandKind> {
        self.expect("case")?;
        self.blanks()?;
        let subject = self.word()?.ok_or(ParseError::Syntax)?;
        self.expect_keyword("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines()?;
            if self.take_keyword("esac") {
                return Ok(CommandKind::Case(subject, arms));
            }
            self.take("(");
            let mut patterns: Vec<Word> = Vec::new();
            loop {
                self.blanks()?;
                patterns.extend(self.word()?);
                self.blanks()?;
                if !self.take("|") {
                    break;
                }
            }
            self.expect(")")?;
            arms.push((patterns, self.list()?));
            if self.take(";;") || self.take(";&") {
                self.take("&");
            } else {
                self.expect_keyword("esac")?;
                return Ok(CommandKind::Case(subject, arms));
            }
        }
    }

    fn function(&mut self) -> ParseResult<CommandKind> {
        self.expect("function")?;
        self.blanks()?;
        let name = self.word()?.as_deref().and_then(bare);
        self.blanks()?;
        if self.take("(") {
            self.blanks()?;
            self.expect(")")?;
        }
        self.function_body(name.ok_or(ParseError::Syntax)?)
    }

    pub(super) fn function_body(&mut self, name: String) -> ParseResult<CommandKind> {
        self.lines()?;
        let body = self.nested(Self::command)?;
        Ok(CommandKind::Function(name, Rc::new(body)))
    }

    fn test(&mut self) -> ParseResult<CommandKind> {
        self.expect("[[")?;
        let mut words = Vec::new();
        loop {
            self.lines()?;
            if self.take_keyword("]]") {
                return Ok(CommandKind::Test(words));
            }
            // Operators and regular expressions are passed over.
            match self.word()? {
                Some(word) => words.push(word),
                None => drop(self.some()?),
            }
        }
    }
}
