//! What a shell's command line is made of.

use std::cell::OnceCell;
use std::rc::Rc;

/// Commands in their order.
pub(super) type List = Vec<Item>;

/// A pipeline with what joins it to the one before.
#[derive(Debug)]
pub(super) struct Item {
    /// Whether it runs only if the one before fails.
    pub(super) otherwise: bool,
    pub(super) background: bool,
    pub(super) commands: Vec<Command>,
}

/// One command of a pipeline.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirects: Vec<Redirect>,
    /// As it is written.
    pub(super) part: Rc<str>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
    /// Conditions, each with what it leads to, and what is left for none of them.
    If(Vec<(List, List)>, List),
    While(List, List),
    For(String, Option<Vec<Word>>, List),
    Case(Word, Vec<(Vec<Word>, List)>),
    Function(String, Rc<Command>),
    /// `[[ … ]]` and `(( … ))`.
    Test(Vec<Word>),
}

#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) flow: Flow,
    pub(super) word: Word,
    /// The text of a here-document, which stands on later lines.
    pub(super) body: Rc<OnceCell<Word>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flow {
    Output,
    Input,
    /// `<<` and `<<-`.
    Document,
    /// `<<<`.
    Text,
    /// To or from an open file.
    Duplicate,
}

pub(super) type Word = Vec<Piece>;

#[derive(Debug)]
pub(super) enum Piece {
    Bare(char),
    Quoted(char),
    /// An empty pair of quotes, which still makes an argument.
    Nothing,
    /// `~` or `~user`.
    Tilde(String),
    Variable {
        name: String,
        change: Change,
        quoted: bool,
    },
    /// `$(…)` and backticks.
    Output(List, bool),
    /// `$((…))`.
    Number(Word),
    /// `@(…)` and its like.
    Pattern(Word),
    /// `<(…)` and `>(…)`.
    Process(List),
    /// `(…)` after an assignment's `=`.
    Array(Vec<Word>),
}

/// What is done to a variable's value.
#[derive(Debug)]
pub(super) enum Change {
    None,
    /// `:-`, `-`, `:=` and `=`.
    Default(Word),
    /// `:?` and `?`.
    Demand,
    /// `:+` and `+`.
    Instead(Word),
    Other(Word),
}

/// The text of a word in which nothing is quoted or expanded.
pub(super) fn bare(word: &[Piece]) -> Option<String> {
    word.iter()
        .map(|piece| match piece {
            Piece::Bare(one) => Some(*one),
            _ => None,
        })
        .collect()
}
