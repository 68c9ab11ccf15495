//! The language of POSIX shells. Commands from callers are parsed; words in this program's own commands are
//! quoted.
//!
//! | module | what it is |
//! |---|---|
//! | [`syntax`], [`parse`] | the tree of a text's commands, and the parser that makes it |
//! | [`argument`], [`options`] | the arguments of programs, as far as the text tells them, and the options among them |
//! | [`wrapper`] | commands that run the command behind them: `sudo`, `env`, `nice` |
//! | [`streaming`], [`screen`], [`background`] | commands that never end, that draw on a screen, and processes that outlive their command |
//! | [`reading`], [`usual`] | commands that only read; the form by which a command is remembered |
//! | [`mod@quote`] | quoting of a word |

pub(crate) mod argument;
mod background;
pub(crate) mod options;
pub(crate) mod parse;
mod quote;
mod reading;
mod screen;
mod streaming;
pub(crate) mod syntax;
mod usual;
pub(crate) mod wrapper;

pub(crate) use background::leaves_behind;
pub(crate) use quote::{quote, quote_path, quote_to_type};
pub(crate) use reading::only_reads;
pub(crate) use screen::screen_program;
pub(crate) use streaming::is_streaming;
pub(crate) use usual::{usual_form, usual_in_words};

/// Bytes of a text that is parsed.
pub(crate) const MAX_TEXT: usize = 1024 * 1024;
/// Commands within commands.
pub(crate) const MAX_DEPTH: usize = 48;
/// Bytes of an argument that are kept.
pub(crate) const MAX_VALUE: usize = 4096;
