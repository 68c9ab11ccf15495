//! The part of a file that an answer shows, and the call that shows more.

use super::content::FileContent;
use super::context::QueryContext;
use super::read::ReadQuery;
use super::report::{FileReport, call};
use super::text::{TextForm, visible};
use crate::error::Error;
use crate::hex::digits;
use crate::text::{first, fitting_end, fitting_start};

/// Bytes of binary data that are shown.
const BINARY_SHOWN: usize = 64;
/// Bytes of binary data on a line.
const BINARY_LINE: usize = 16;

/// Says that characters are shown that nobody would see otherwise.
const CONTROLS: &str = "(control characters are shown as pictures, such as \u{241b} for ESC)";

impl ReadQuery {
    /// Puts a file's content into words.
    pub(super) fn report(
        &self,
        file: &FileContent,
        context: QueryContext<'_>,
    ) -> Result<FileReport, Error> {
        (context.may_read)(&file.names(), file.holds_key())?;
        let mut report = FileReport {
            heading: file.heading(),
            sha256: file.sha256.clone(),
            ..FileReport::default()
        };
        if file.is_link {
            let note = format!("(`{}` is a link, and leads there)", visible(&self.path));
            report.notes.push(note);
        }
        let sample = if file.is_wide { &[][..] } else { &file.sample };
        if let Some(form) = TextForm::of(sample, &file.text, file.locale) {
            self.show(file, form, context.alias, &mut report);
        } else {
            report.heading.push_str(", binary data");
            let first = &file.sample[..file.sample.len().min(BINARY_SHOWN)];
            let note = format!("(the first {} bytes in hex)", first.len());
            report.notes.push(note);
            report.text = in_hex(first);
        }
        Ok(report)
    }

    /// Adds the lines that were asked for.
    fn show(&self, file: &FileContent, form: TextForm, alias: &str, report: &mut FileReport) {
        let words = form.words().map(|words| format!("({words})"));
        report.notes.extend(words);
        if file.is_wide {
            report.notes.push("(UTF-16)".to_owned());
        }
        let is_cut = file.text.len() as u64 >= self.most_bytes();
        let part = if self.tail.is_some() && is_cut {
            after_first_line(&file.text)
        } else {
            &file.text
        };
        let shown = form.show(part);
        if shown.has_controls {
            report.notes.push(CONTROLS.to_owned());
        }
        let whole = self.numbered(&shown.text, file);
        let text = if self.tail.is_some() {
            &whole[fitting_end(whole.as_bytes(), self.budget(), false)..]
        } else {
            first(
                &whole,
                fitting_start(whole.as_bytes(), self.budget(), is_cut),
            )
        };
        let is_cut = is_cut || text.len() < whole.len();
        self.say_extent(file, text, is_cut, alias, report);
        text.strip_suffix('\n')
            .unwrap_or(text)
            .clone_into(&mut report.text);
    }

    /// The text with a number before each line, where that was asked for. Around a match they always have one.
    fn numbered(&self, text: &str, file: &FileContent) -> String {
        if self.around.is_some() {
            return renumbered(text, self.first() - 1);
        }
        let Some(first) = self.first_shown(text, file).filter(|_| self.numbers) else {
            return text.to_owned();
        };
        let lines = (first..).zip(text.split_inclusive('\n'));
        let lines = lines.flat_map(|(number, line)| [number.to_string(), format!("\t{line}")]);
        lines.collect()
    }

    /// The number of the first line of a text, where it is known.
    fn first_shown(&self, text: &str, file: &FileContent) -> Option<u64> {
        let count = text.lines().count() as u64;
        match self.tail {
            None => Some(self.first()),
            Some(_) => Some((file.total_lines()? + 1).saturating_sub(count).max(1)),
        }
    }

    /// Says which lines are shown, and the call that shows more.
    fn say_extent(
        &self,
        file: &FileContent,
        text: &str,
        is_cut: bool,
        alias: &str,
        report: &mut FileReport,
    ) {
        let (shown, total) = (text.lines().count() as u64, file.total_lines());
        if shown == 0 {
            report.notes.push(self.words_for_nothing(file));
            return;
        }
        let mut more = self.clone();
        if self.around.is_some() {
            let last = text.lines().filter_map(leading_number).next_back();
            more.from = last.map(|last| last + 1);
            if is_cut || self.lines.is_some_and(|lines| shown >= lines) {
                let more = call("file_read", alias, &more);
                report.notes.push(format!("(more may match: {more})"));
            }
            return;
        }
        let first = self.first_shown(text, file);
        let last = first.map(|first| first + shown - 1);
        if let (Some(first), Some(last)) = (first, last)
            && (first > 1 || total.is_none_or(|total| last < total))
        {
            let total = total
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            report.notes.push(format!("(lines {first}-{last}{total})"));
        }
        if is_cut && self.tail.is_some() {
            more.max_bytes = Some(4 * self.budget() as u64);
            let more = call("file_read", alias, &more);
            report.notes.push(format!("(begins earlier: {more})"));
        } else if is_cut {
            more.from = last.map(|last| last + 1);
            more.lines = self.lines.map(|lines| lines.saturating_sub(shown).max(1));
            let more = call("file_read", alias, &more);
            report.notes.push(format!("(goes on: {more})"));
        }
    }

    fn words_for_nothing(&self, file: &FileContent) -> String {
        match (&self.around, file.total_lines()) {
            _ if file.sample.is_empty() => "(it is empty)".to_owned(),
            (Some(_), _) => "(no line matches)".to_owned(),
            (None, Some(total)) => format!("(there is no line {} of {total})", self.first()),
            (None, None) => format!("(there is no line {})", self.first()),
        }
    }
}

fn after_first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    match end.map(|end| &bytes[end + 1..]) {
        Some(rest) if !rest.is_empty() => rest,
        _ => bytes,
    }
}

/// The number that a line of `grep -n` begins with.
fn leading_number(line: &str) -> Option<u64> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line[..digits].parse().ok()
}

/// The output of `grep -n`, with as many lines added to its numbers as were left out before.
fn renumbered(text: &str, before: u64) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match leading_number(line) {
            Some(number) if before > 0 => {
                let rest = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
                format!("{}{rest}", number + before)
            }
            _ => line.to_owned(),
        });
    lines.collect()
}

/// Bytes in hexadecimal digits.
fn in_hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(BINARY_LINE).map(|line| {
        let pairs: Vec<_> = line.iter().map(|byte| digits(&[*byte])).collect();
        pairs.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Charset;

    fn report(query: &ReadQuery, bytes: &[u8], text: &[u8]) -> FileReport {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let file = FileContent {
            path: "/srv/x".into(),
            size: bytes.len() as u64,
            lines: Some((lines, !bytes.ends_with(b"\n"))),
            sample: bytes.to_vec(),
            text: text.to_vec(),
            ..FileContent::default()
        };
        let context = QueryContext {
            alias: "web1",
            charset: Charset::Utf8,
            may_read: &|_, _| Ok(()),
        };
        query.report(&file, context).unwrap()
    }

    fn query() -> ReadQuery {
        ReadQuery {
            path: "/srv/x".into(),
            ..ReadQuery::default()
        }
    }

    #[test]
    fn lines_are_cut_whole_and_the_rest_is_named() {
        let query = ReadQuery {
            max_bytes: Some(10),
            numbers: true,
            ..query()
        };
        let whole = b"one\ntwo\nthree\nfour\n";
        let shown = report(&query, whole, &whole[..11]);
        assert_eq!(shown.text, "1\tone");
        let more = r#"(goes on: file_read {"alias":"web1","path":"/srv/x","from":2,"numbers":true,"maxBytes":10})"#;
        assert_eq!(shown.notes, ["(lines 1-1 of 4)", more]);
    }

    #[test]
    fn matches_keep_their_numbers_in_the_file() {
        let query = ReadQuery {
            from: Some(101),
            around: Some("b".into()),
            ..query()
        };
        let shown = report(&query, b"a\nb\nc", b"1-a\n2:b\n--\n9:b\n");
        assert_eq!(shown.text, "101-a\n102:b\n--\n109:b");
        assert_eq!(report(&query, b"a\n", b"").notes, ["(no line matches)"]);
    }

    #[test]
    fn the_end_has_the_numbers_of_the_file() {
        let query = ReadQuery {
            tail: Some(2),
            numbers: true,
            ..query()
        };
        let shown = report(&query, b"a\nb\nc", b"b\nc");
        assert_eq!(shown.text, "2\tb\n3\tc");
        assert_eq!(shown.notes, ["(lines 2-3 of 3)"]);
    }

    #[test]
    fn binary_data_is_shown_by_its_first_bytes() {
        let bytes: Vec<u8> = b"\x7fELF\x02\x01\x01\0".repeat(40);
        let shown = report(&query(), &bytes, &bytes);
        assert!(shown.heading.ends_with("binary data"), "{}", shown.heading);
        assert_eq!(shown.text.lines().count(), 4);
        assert!(shown.text.starts_with("7f 45 4c 46 02"), "{}", shown.text);
    }
}
