//! The syntax tree of a shell's text, in the terms of POSIX (XCU, chapter 2) where it has one.

use std::cell::OnceCell;
use std::rc::Rc;

/// Pipelines in their order.
pub(crate) type CommandList = Vec<Pipeline>;

/// Commands that are joined by `|`.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) join: Join,
    /// True if an `&` follows. It sends the whole and-or list that ends here to the background.
    pub(crate) background: bool,
    pub(crate) commands: Vec<ShellCommand>,
}

/// The operator that joins a pipeline to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// `;`, `&`, a newline, or nothing at a list's beginning.
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
}

/// One command of a pipeline.
#[derive(Debug)]
pub(crate) struct ShellCommand {
    pub(crate) kind: CommandKind,
    pub(crate) redirects: Vec<Redirect>,
    /// The command as it is written.
    pub(crate) part: Rc<str>,
}

#[derive(Debug)]
pub(crate) enum CommandKind {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    /// `{ …; }`
    Group(CommandList),
    /// `( … )`
    Subshell(CommandList),
    /// Each condition with its branch, and the `else` branch.
    If(Vec<(CommandList, CommandList)>, CommandList),
    /// `while` and `until`: condition and body.
    While(CommandList, CommandList),
    /// Name, words (`None` for the arguments) and body.
    For(String, Option<Vec<Word>>, CommandList),
    Case(Word, Vec<(Vec<Word>, CommandList)>),
    Function(String, Rc<ShellCommand>),
    /// `[[ … ]]`
    Test(Vec<Word>),
    /// `(( … ))`
    Arithmetic(Word),
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
    pub(crate) kind: RedirectKind,
    pub(crate) word: Word,
    /// The text of a here-document, which stands on later lines.
    pub(crate) body: Rc<OnceCell<Word>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RedirectKind {
    Output,
    Input,
    /// `<<` and `<<-`
    HereDocument,
    /// `<<<`
    HereString,
    /// To or from an open file descriptor.
    Duplicate,
}

pub(crate) type Word = Vec<WordPart>;

#[derive(Debug)]
pub(crate) enum WordPart {
    /// An unquoted character.
    Bare(char),
    Quoted(char),
    /// An empty pair of quotes, which still makes an argument.
    Empty,
    /// `~` or `~user`
    Tilde(String),
    Variable(Box<ParameterExpansion>),
    /// `$(…)` or backticks, and whether it is quoted.
    Substitution(CommandList, bool),
    /// `$((…))`
    Arithmetic(Word),
    /// `@(…)` and its like.
    ExtendedGlob(Word),
    /// `<(…)` and `>(…)`
    ProcessSubstitution(CommandList),
    /// `(…)` after an assignment's `=`.
    Array(Vec<Word>),
}

impl WordPart {
    /// The words within this part.
    pub(crate) fn words(&self) -> Vec<&Word> {
        match self {
            Self::Arithmetic(word) | Self::ExtendedGlob(word) => vec![word],
            Self::Array(words) => words.iter().collect(),
            Self::Variable(variable) => {
                let index = match &variable.subscript {
                    Subscript::Element(index) => Some(index),
                    _ => None,
                };
                index.into_iter().chain(variable.modifier.words()).collect()
            }
            Self::Bare(_)
            | Self::Quoted(_)
            | Self::Empty
            | Self::Tilde(_)
            | Self::Substitution(..)
            | Self::ProcessSubstitution(_) => Vec::new(),
        }
    }

    /// Returns whether commands are run for its value.
    fn runs_commands(&self) -> bool {
        let is_substitution = matches!(self, Self::Substitution(..) | Self::ProcessSubstitution(_));
        is_substitution || self.words().into_iter().any(|word| runs_commands(word))
    }
}

/// `$NAME` or `${…}`.
#[derive(Debug)]
pub(crate) struct ParameterExpansion {
    /// `@` for the arguments of a script or function.
    pub(crate) name: String,
    /// True if the value is the name of the variable that is meant: `${!NAME}`.
    pub(crate) is_indirect: bool,
    pub(crate) subscript: Subscript,
    pub(crate) modifier: Modifier,
    pub(crate) quoted: bool,
}

/// The elements of an array that are meant.
#[derive(Debug)]
pub(crate) enum Subscript {
    None,
    /// `[@]`: every element, a word each.
    Each,
    /// `[*]`: every element, in one word.
    Joined,
    Element(Word),
}

/// The change that is made to a variable's value (POSIX: parameter expansion).
#[derive(Debug)]
pub(crate) enum Modifier {
    None,
    /// `:-`, `-`, `:=` and `=`; and whether the variable is set to it.
    Default(Word, bool),
    /// `:?` and `?`
    Demand(Word),
    /// `:+` and `+`
    Instead(Word),
    /// `${#NAME}`
    Length,
    /// `#`, `##`, `%` and `%%`
    Trim {
        pattern: Word,
        at_end: bool,
        longest: bool,
    },
    /// `:offset:length`
    Slice(Word, Option<Word>),
    /// `/pattern/with`
    Replace {
        pattern: Word,
        with: Word,
        how: Occurrence,
    },
    /// `^`, `,` and their like.
    Case(CaseChange),
    Other(Word),
}

impl Modifier {
    /// The words within it.
    fn words(&self) -> Vec<&Word> {
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

/// The occurrences of a pattern that are replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Occurrence {
    First,
    Every,
    AtStart,
    AtEnd,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum CaseChange {
    Upper,
    Lower,
    FirstUpper,
    FirstLower,
    /// Each letter becomes of the other case.
    Swapped,
}

/// The text of a word in which nothing is quoted or expanded.
pub(crate) fn bare(word: &[WordPart]) -> Option<String> {
    word.iter()
        .map(|part| match part {
            WordPart::Bare(one) => Some(*one),
            _ => None,
        })
        .collect()
}

/// Returns whether commands are run for the word's value.
pub(crate) fn runs_commands(word: &[WordPart]) -> bool {
    word.iter().any(WordPart::runs_commands)
}

/// The list's and-or lists: pipelines that are joined by `&&` and `||`, and share an `&`.
pub(crate) fn and_or_lists(list: &CommandList) -> impl Iterator<Item = &[Pipeline]> {
    list.chunk_by(|_, next| next.join != Join::Then)
}
