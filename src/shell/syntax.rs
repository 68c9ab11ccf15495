//! What a shell's command line is made of.

use std::cell::OnceCell;
use std::rc::Rc;

/// Commands in their order.
pub(crate) type List = Vec<Item>;

/// A pipeline with what joins it to the one before.
#[derive(Debug)]
pub(crate) struct Item {
    /// Whether it runs only if the one before fails.
    pub(crate) otherwise: bool,
    pub(crate) background: bool,
    pub(crate) commands: Vec<Command>,
}

/// One command of a pipeline.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) kind: Kind,
    pub(crate) redirects: Vec<Redirect>,
    /// As it is written.
    pub(crate) part: Rc<str>,
}

#[derive(Debug)]
pub(crate) enum Kind {
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
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) index: Option<Word>,
    pub(crate) appends: bool,
    pub(crate) value: Word,
}

#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) flow: Flow,
    pub(crate) word: Word,
    /// The text of a here-document, which stands on later lines.
    pub(crate) body: Rc<OnceCell<Word>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flow {
    Output,
    Input,
    /// `<<` and `<<-`.
    Document,
    /// `<<<`.
    Text,
    /// To or from an open file.
    Duplicate,
}

pub(crate) type Word = Vec<Piece>;

#[derive(Debug)]
pub(crate) enum Piece {
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
pub(crate) struct Variable {
    /// `@` for a script's or function's arguments.
    pub(crate) name: String,
    /// Whether the value is the name of the variable that is meant.
    pub(crate) is_indirect: bool,
    pub(crate) part: Part,
    pub(crate) change: Change,
    pub(crate) quoted: bool,
}

/// Which part of a variable.
#[derive(Debug)]
pub(crate) enum Part {
    Whole,
    /// Every element, a word each: `[@]`.
    Each,
    /// Every element, in one word: `[*]`.
    Joined,
    Element(Word),
}

/// What is done to a variable's value.
#[derive(Debug)]
pub(crate) enum Change {
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
    pub(crate) fn words(&self) -> Vec<&Word> {
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
pub(crate) enum Replacing {
    First,
    Every,
    AtStart,
    AtEnd,
}

/// Which letters become of which case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Upper,
    Lower,
    FirstUpper,
    FirstLower,
    /// The other one each.
    Swapped,
}

/// The text of a word in which nothing is quoted or expanded.
pub(crate) fn bare(word: &[Piece]) -> Option<String> {
    word.iter()
        .map(|piece| match piece {
            Piece::Bare(one) => Some(*one),
            _ => None,
        })
        .collect()
}
