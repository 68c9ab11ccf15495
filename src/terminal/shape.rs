//! The shapes of displays.

use std::num::NonZeroU16;

use super::new_text::HEAD;

/// The size of a display, and the text that it keeps until that is taken.
#[derive(Clone, Copy, Debug)]
pub struct DisplayShape {
    pub(super) columns: NonZeroU16,
    pub(super) rows: NonZeroU16,
    /// Bytes of new text that are kept from its beginning.
    pub(super) room: usize,
}

impl DisplayShape {
    /// A person's terminal, wide enough for most tables. Nobody reads the middle of a flood.
    pub const PERSON: Self = Self::of(120, 40, HEAD);

    /// A terminal whose text is taken as it comes, and wide enough to break no line.
    pub const TRANSCRIPT: Self = Self::of(250, 50, 8 * 1024 * 1024);

    const fn of(columns: u16, rows: u16, room: usize) -> Self {
        Self {
            columns: NonZeroU16::new(columns).expect("it is not 0"),
            rows: NonZeroU16::new(rows).expect("it is not 0"),
            room,
        }
    }

    /// Its columns and rows.
    pub fn size(self) -> (u32, u32) {
        (self.columns.get().into(), self.rows.get().into())
    }
}
