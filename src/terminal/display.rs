//! A terminal as a person sees it.

use vt100::capture::{BasicFormattedCaptureState, RowContents, basic_formatted_to_plain};

use super::new_text::{NewText, ShownText};
use super::shape::DisplayShape;

/// Signals that are kept until they are taken.
const MOST_SIGNALS: usize = 1000;

/// Bytes of answers to a program's questions that are kept until they are sent.
const MOST_ANSWERS: usize = 1000;

/// The answer to the question what the terminal can do (`CSI c`): a VT100 with advanced video.
const ATTRIBUTES: &[u8] = b"\x1b[?1;2c";

/// A place on the terminal: a row, counted from the very first one, and a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DisplayPlace {
    row: u64,
    column: u16,
}

/// A control sequence of our own that a program was made to print: `ESC ] token ; fields BEL`. It is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplaySignal {
    /// Its fields.
    pub fields: Vec<String>,
    /// The place of the cursor when it came.
    pub place: DisplayPlace,
}

/// The bytes since the last look after which plain text is a flood, of which nobody reads the middle.
const FLOOD: usize = 64 * 1024;

/// The most bytes of a flood that are held back, and those that stay when there are more.
const MOST_HELD: usize = 32 * 1024;
const STAY_HELD: usize = 8 * 1024;

/// A terminal's display.
pub struct TerminalDisplay {
    parser: vt100::Parser<ScreenWatcher>,
    shape: DisplayShape,
    /// The byte that was drawn last.
    last: u8,
    /// The bytes since the last look.
    unread: usize,
    /// The end of a flood, which is drawn once somebody looks.
    held: Vec<u8>,
}

/// The part that sees rows leave the screen, and sequences that the screen does not know.
struct ScreenWatcher {
    /// The word that begins the sequences of our own.
    token: String,
    /// Rows that have left the screen.
    gone_rows: u64,
    /// The place from which on the text is new.
    new_from: DisplayPlace,
    new_text: NewText,
    signals: Vec<DisplaySignal>,
    answers: Vec<u8>,
}

impl TerminalDisplay {
    /// An empty display of this shape that knows signals by this token.
    pub fn new(token: &str, shape: DisplayShape) -> Self {
        let watcher = ScreenWatcher {
            token: token.to_owned(),
            gone_rows: 0,
            new_from: DisplayPlace::default(),
            new_text: NewText::with_room(shape.room),
            signals: Vec::new(),
            answers: Vec::new(),
        };
        Self {
            parser: vt100::Parser::new_with_callbacks(shape.rows, shape.columns, 0, watcher),
            shape,
            last: 0,
            unread: 0,
            held: Vec::new(),
        }
    }

    /// Takes output of programs, in UTF-8. Drawing is slow: most of a flood of plain text is only counted.
    pub fn take(&mut self, bytes: &[u8]) {
        self.unread += bytes.len();
        let is_flood = self.unread > FLOOD.max(self.shape.room);
        if !is_flood || self.is_full_screen() || bytes.contains(&0x1b) {
            self.draw_held();
            self.draw(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() > MOST_HELD {
            self.skip(self.held.len() - STAY_HELD);
        }
    }

    /// Draws what is held back. A look at the display has to begin with that.
    pub fn draw_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.draw(&held);
    }

    /// Leaves out so many bytes of those held, and the rest of their last line if that ends.
    fn skip(&mut self, bytes: usize) {
        let line = self.held[bytes..].iter().position(|byte| *byte == b'\n');
        let gone: Vec<_> = self
            .held
            .drain(..line.map_or(bytes, |line| bytes + line + 1))
            .collect();
        let lines = gone.iter().filter(|byte| **byte == b'\n').count();
        let on_screen = self.new_on_screen();
        self.parser.process(b"\x1b[H\x1b[J");
        let place = self.cursor();
        let watcher = self.parser.callbacks_mut();
        watcher.new_from = place;
        watcher.new_text.leave_out(&on_screen, lines, gone.len());
    }

    fn draw(&mut self, bytes: &[u8]) {
        // Each part ends where the cursor may have moved back, so that it is seen what is written anew.
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if moves_back(self.last, *first) {
                self.note_cursor(true);
            }
            let sequence = sequence_length(rest);
            let mut pairs = rest.iter().zip(&rest[1..]);
            let length = sequence.or_else(|| {
                let next = pairs.position(|(before, next)| moves_back(*before, *next))?;
                Some(next + 1)
            });
            let (part, further) = rest.split_at(length.unwrap_or(rest.len()));
            self.parser.process(part);
            self.note_cursor(sequence.is_some());
            self.last = part.last().copied().unwrap_or(self.last);
            rest = further;
        }
    }

    /// Rows that are written once more are new once more, and within a row what is written over other text.
    fn note_cursor(&mut self, within_row: bool) {
        let place = self.cursor();
        if self.is_full_screen() {
            return;
        }
        let new_from = &mut self.parser.callbacks_mut().new_from;
        if place.row < new_from.row {
            *new_from = DisplayPlace { column: 0, ..place };
        } else if within_row {
            *new_from = place.min(*new_from);
        }
    }

    /// The place of the cursor.
    pub fn cursor(&self) -> DisplayPlace {
        place_of(self.parser.screen(), self.parser.callbacks().gone_rows)
    }

    /// Returns whether a program shows a screen of its own, such as an editor.
    pub fn is_full_screen(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Returns whether a program has asked for the application's cursor keys.
    pub fn has_application_keys(&self) -> bool {
        self.parser.screen().application_cursor()
    }

    /// The screen as it stands, without empty lines at its end.
    pub fn screen(&self) -> String {
        let contents = self.parser.screen().contents();
        let lines: Vec<_> = contents.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    /// The line that the cursor is in, up to the cursor.
    pub fn line_at_cursor(&self) -> String {
        let screen = self.parser.screen();
        let (row, column) = screen.cursor_position();
        screen.contents_between(self.first_row_of_line(), 0, row, column)
    }

    /// The row of the screen in which the line begins that the cursor is in.
    fn first_row_of_line(&self) -> u16 {
        let screen = self.parser.screen();
        let mut first = screen.cursor_position().0;
        while first > 0 && screen.row_wrapped(first - 1) {
            first -= 1;
        }
        first
    }

    /// The signals that have come since they were last taken.
    pub fn take_signals(&mut self) -> Vec<DisplaySignal> {
        std::mem::take(&mut self.parser.callbacks_mut().signals)
    }

    /// The answers to questions that programs have put to the terminal.
    pub fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.parser.callbacks_mut().answers)
    }

    /// Takes the text that has come since it was last taken, up to the end of what is on the screen. Text on a
    /// screen of a program's own is none of it.
    pub fn take_new(&mut self) -> ShownText {
        self.unread = 0;
        let on_screen = self.new_on_screen();
        let cursor = self.cursor();
        let is_full_screen = self.is_full_screen();
        let watcher = self.parser.callbacks_mut();
        if !is_full_screen {
            watcher.new_from = cursor;
        }
        watcher.new_text.take(&on_screen)
    }

    /// Takes the text that has come since, up to the line that the cursor is in, which may still change.
    pub fn take_lines(&mut self) -> ShownText {
        self.unread = 0;
        let first = self.first_row_of_line();
        let (row, column) = self.new_from_on_screen();
        let mut on_screen = String::new();
        if row < first && !self.is_full_screen() {
            let screen = self.parser.screen();
            on_screen = screen.contents_between(row, column, first, 0);
            let watcher = self.parser.callbacks_mut();
            watcher.new_from = DisplayPlace {
                row: watcher.gone_rows + u64::from(first),
                column: 0,
            };
        }
        self.parser.callbacks_mut().new_text.take(&on_screen)
    }

    /// The place on the screen from which on the text is new.
    fn new_from_on_screen(&self) -> (u16, u16) {
        let watcher = self.parser.callbacks();
        let from = watcher.new_from;
        match from.row.checked_sub(watcher.gone_rows) {
            Some(row) => {
                let last = self.shape.rows.get() - 1;
                (u16::try_from(row).unwrap_or(last), from.column)
            }
            None => (0, 0),
        }
    }

    /// The new text that is still on the screen.
    fn new_on_screen(&self) -> String {
        if self.is_full_screen() {
            return String::new();
        }
        let screen = self.parser.screen();
        let (row, column) = self.new_from_on_screen();
        let cursor = screen.cursor_position();
        let columns = self.shape.columns.get();
        let filled = screen.rows(0, columns).enumerate();
        let filled = filled.filter(|(_, text)| !text.trim().is_empty()).last();
        let last = filled.and_then(|(last, _)| u16::try_from(last).ok());
        match last {
            Some(last) if last > cursor.0 => screen.contents_between(row, column, last, columns),
            _ => screen.contents_between(row, column, cursor.0, cursor.1),
        }
    }
}

impl vt100::Callbacks for ScreenWatcher {
    fn on_scroll(&mut self, row: RowContents<'_>, is_full_screen: bool) {
        if is_full_screen {
            return;
        }
        let number = self.gone_rows;
        self.gone_rows += 1;
        if number < self.new_from.row {
            return;
        }
        let (mut formatted, mut again) = (String::new(), String::new());
        let mut state = BasicFormattedCaptureState::new();
        // Before a further row a line break is written, unless this one goes on there.
        let written = row
            .write_formatted_basic(&mut formatted, &mut state)
            .and_then(|()| row.write_formatted_basic(&mut again, &mut state));
        if written.is_err() {
            return;
        }
        let text: String = basic_formatted_to_plain(&formatted).collect();
        let known = if number == self.new_from.row {
            usize::from(self.new_from.column)
        } else {
            0
        };
        let new: String = text.chars().skip(known).collect();
        self.new_text.add_row(&new, again.starts_with('\n'));
    }

    fn unhandled_osc(&mut self, screen: &mut vt100::Screen, params: &[&[u8]]) {
        let Some((token, fields)) = params.split_first() else {
            return;
        };
        if *token != self.token.as_bytes() || self.signals.len() >= MOST_SIGNALS {
            return;
        }
        let fields = fields.iter();
        self.signals.push(DisplaySignal {
            fields: fields
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect(),
            place: place_of(screen, self.gone_rows),
        });
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        action: char,
    ) {
        if self.answers.len() >= MOST_ANSWERS || first.is_some() {
            return;
        }
        let number = params.first().and_then(|param| param.first().copied());
        match (action, number) {
            ('c', None | Some(0)) => self.answers.extend(ATTRIBUTES),
            ('n', Some(5)) => self.answers.extend(b"\x1b[0n"),
            ('n', Some(6)) => {
                let (row, column) = screen.cursor_position();
                let answer = format!("\x1b[{};{}R", row + 1, column + 1);
                self.answers.extend(answer.as_bytes());
            }
            _ => {}
        }
    }
}

/// Returns whether the cursor may stand further back before `next` than it did: after a backspace, or after a carriage
/// return that is no part of a line's end. A sequence is looked at by itself.
fn moves_back(before: u8, next: u8) -> bool {
    match (before, next) {
        (_, 0x1b) => true,
        (8, next) => next != 8,
        (b'\r', next) => !matches!(next, b'\r' | b'\n' | 0),
        _ => false,
    }
}

/// The length of the control sequence (ECMA-48, section 5.4) at the beginning, if it is whole.
fn sequence_length(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let end = parameters
        .iter()
        .position(|byte| (0x40..=0x7e).contains(byte));
    end.map(|end| end + 3)
}

fn place_of(screen: &vt100::Screen, gone_rows: u64) -> DisplayPlace {
    let (row, column) = screen.cursor_position();
    DisplayPlace {
        row: gone_rows + u64::from(row),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[&str]) -> String {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        for part in parts {
            display.take(part.as_bytes());
        }
        let shown = display.take_new();
        assert_eq!(shown.rest, None);
        shown.text
    }

    #[test]
    fn new_text_is_what_a_person_sees() {
        for (parts, text) in [
            (&["\x1b[32mgreen\x1b[0m\r\n"][..], "green\n"),
            (&["10%\r50%\r100%\r\ndone"], "100%\ndone"),
            (&["wrong\x08\x08\x08\x08\x08right"], "right"),
            (&["old\r\n\x1b[H\x1b[2J\x1b[3Jnew"], "new"),
            (&["é", "\u{1f600} ok"], "é\u{1f600} ok"),
        ] {
            assert_eq!(shown(parts), text, "{parts:?}");
        }
        let long = "x".repeat(300);
        assert_eq!(shown(&[&long]), long);
    }

    #[test]
    fn lines_that_have_left_the_screen_are_not_lost() {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        display.take(b"before");
        display.take_new();
        let long = "y".repeat(250);
        display.take(b" and after\r\n");
        for number in 0..60 {
            display.take(format!("{number} {long}\r\n").as_bytes());
        }
        let text = display.take_new();
        let (left_out, end) = text.rest.unwrap();
        assert!(text.text.starts_with(" and after\n0 yyy"), "{}", text.text);
        assert!(end.ends_with(&format!("\n59 {long}\n")));
        let shown = text.text.lines().count() + end.lines().count();
        assert_eq!(left_out.lines + shown as u64, 61);
        display.take(b"next\r\n");
        assert_eq!(display.take_new().text, "next\n");
    }

    #[test]
    fn of_a_flood_all_is_counted() {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        let numbers: Vec<_> = (0..200_000).map(|number| format!("{number}\r\n")).collect();
        let text = format!("begun\r\n{}", numbers.concat());
        for part in text.as_bytes().chunks(4000) {
            display.take(part);
        }
        display.draw_held();
        let shown = display.take_new();
        let (left_out, end) = shown.rest.unwrap();
        assert!(shown.text.starts_with("begun\n0\n1\n"), "{}", shown.text);
        assert!(end.ends_with("199998\n199999\n"), "{end}");
        let lines = shown.text.lines().count() + end.lines().count();
        assert_eq!(left_out.lines + lines as u64, 200_001);
        let numbers: Vec<u32> = end.lines().map(|line| line.parse().unwrap()).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{end}"
        );
    }

    #[test]
    fn a_screen_of_its_own_leaves_no_text() {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        display.take(b"$ vi\r\n\x1b[?1049h\x1b[H~\r\n~\r\n-- INSERT --");
        assert!(display.is_full_screen());
        assert_eq!(display.screen(), "~\n~\n-- INSERT --");
        assert_eq!(display.take_new().text, "");
        display.take(b"\x1b[?1049l$ ");
        assert!(!display.is_full_screen());
        assert_eq!(display.take_new().text, "$ vi\n$ ");
    }

    #[test]
    fn signals_are_not_seen_and_say_where_they_came() {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        for part in ["out\x1b]tok", "en;0;/a;b\x07", "\x1b]other;1\x07"] {
            display.take(part.as_bytes());
        }
        let [signal] = display.take_signals().try_into().unwrap();
        assert_eq!(signal.fields, ["0", "/a", "b"]);
        assert_eq!(signal.place, display.cursor());
        assert_eq!(display.line_at_cursor(), "out");
        assert_eq!(display.take_new().text, "out");
    }

    #[test]
    fn lines_are_taken_once_they_are_over() {
        let mut display = TerminalDisplay::new("token", DisplayShape::TRANSCRIPT);
        let (mut text, mut all) = (String::new(), String::new());
        for number in 0..200 {
            display.take(format!("line {number}\r\n --More-- ").as_bytes());
            text.push_str(&display.take_lines().text);
            assert_eq!(display.line_at_cursor().trim(), "--More--");
            display.take(b"\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08          \r");
            all.extend(["line ", &number.to_string(), "\n"]);
        }
        assert_eq!(text, all);
        let long = "x".repeat(600);
        display.take(long.as_bytes());
        assert_eq!(display.take_lines().text, "", "the line may go on");
        display.take(b"y\r\n");
        assert_eq!(display.take_lines().text, long + "y\n");
    }

    #[test]
    fn what_is_written_over_a_line_that_was_taken_is_new() {
        for erased in [
            "\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08",
            "\r        \r",
            "\r\x1b[K",
            "\x1b[8D        \x1b[8D",
        ] {
            let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
            display.take(b"one\r\n--More--");
            display.take_new();
            display.take(erased.as_bytes());
            display.take(b"two\r\n");
            assert_eq!(display.take_new().text, "two\n", "{erased:?}");
        }
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        display.take(b"> ");
        display.take_new();
        for part in ["ls\r", "\n", "file\r\n"] {
            display.take(part.as_bytes());
        }
        assert_eq!(display.take_new().text, "ls\nfile\n");
    }

    #[test]
    fn questions_to_the_terminal_are_answered() {
        let mut display = TerminalDisplay::new("token", DisplayShape::PERSON);
        display.take(b"ab\x1b[6n\x1b[c");
        assert_eq!(display.take_answers(), b"\x1b[1;3R\x1b[?1;2c");
        assert!(display.take_answers().is_empty());
    }
}
