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
        assignments: Vec<Assignment>,
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
    /// `[[ … ]]`.
    Test(Vec<Word>),
    /// `(( … ))`.
    Number(Word),
}

/// `NAME=value`, `NAME+=value` or `NAME[index]=value`.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) index: Option<Word>,
    pub(super) appends: bool,
    pub(super) value: Word,
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
    Variable(Box<Variable>),
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

/// `$NAME` or `${…}`.
#[derive(Debug)]
pub(super) struct Variable {
    /// `@` for a script's or function's arguments.
    pub(super) name: String,
    /// Whether the value is the name of the variable that is meant.
    pub(super) is_indirect: bool,
    pub(super) part: Part,
    pub(super) change: Change,
    pub(super) quoted: bool,
}

/// Which part of a variable.
#[derive(Debug)]
pub(super) enum Part {
    Whole,
    /// Every element, a word each: `[@]`.
    Each,
    /// Every element, in one word: `[*]`.
    Joined,
    Element(Word),
}

/// What is done to a variable's value.
#[derive(Debug)]
pub(super) enum Change {
    None,
    /// `:-`, `-`, `:=` and `=`; whether the variable is set to it.
    Default(Word, bool),
    /// `:?` and `?`.
    Demand(Word),
    /// `:+` and `+`.
    Instead(Word),
    /// `${#NAME}`.
    Length,
    /// `#`, `##`, `%` and `%%`.
    Trim {
        pattern: Word,
        at_end: bool,
        longest: bool,
    },
    /// `:offset:length`.
    Slice(Word, Option<Word>),
    /// `/pattern/with`.
    Replace {
        pattern: Word,
        with: Word,
        how: Replacing,
    },
    /// `^`, `,` and their like.
    Case(Case),
    Other(Word),
}

impl Change {
    /// The words in it.
    pub(super) fn words(&self) -> Vec<&Word> {
        match self {
            Self::None | Self::Length | Self::Case(_) => Vec::new(),
            Self::Default(word, _)
            | Self::Demand(word)
            | Self::Instead(word)
            | Self::Trim { pattern: word, .. }
            | Self::Other(word) => vec![word],
            Self::Slice(start, length) => std::iter::once(start).chain(length).collect(),
            Self::Replace { pattern, with, .. } => vec![pattern, with],
        }
    }
}

/// Where a pattern is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Replacing {
    First,
    Every,
    AtStart,
    AtEnd,
}

/// Which letters become of which case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Case {
    Upper,
    Lower,
    FirstUpper,
    FirstLower,
    /// The other one each.
    Swapped,
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
