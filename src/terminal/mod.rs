//! Terminals: the look of their output, and the bytes that their keys send.
//!
//! | module | what it is |
//! |---|---|
//! | `plain` | output as plain text, without a screen |
//! | `display` | output as a person sees it: the screen, and the text that has come since the last look |
//! | `shape` | the sizes of displays |
//! | `new_text` | that text, as far as it has left the screen |
//! | `key` | the keys, and the bytes that they send |
//! | `limit` | the most that may be typed at once |

mod display;
mod key;
mod limit;
mod new_text;
mod plain;
mod shape;

pub use display::{DisplayPlace, DisplaySignal, TerminalDisplay};
pub use key::TerminalKey;
pub use limit::cannot_be_typed;
pub use new_text::ShownText;
pub use plain::Screen;
pub use shape::DisplayShape;
