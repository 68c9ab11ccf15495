//! The part of an output that an answer shows, with the calls that show the rest.

use std::io;

use regex::bytes::Regex;

use super::id::JobId;
use super::page::{ALL_LINES, Page, Selection};
use super::stream::Stream;
use crate::charset::Charset;
use crate::text::fits;

/// Bytes of output that an answer shows unless asked for otherwise, as JSON counts them: what a model can
/// usefully read at once.
pub const BUDGET: usize = 8 * 1024;

/// The part of outputs that a caller wants to see.
#[derive(Clone, Debug, Default)]
pub struct OutputView {
    /// Only the first so many lines.
    pub head: Option<usize>,
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Only lines that match.
    pub grep: Option<Regex>,
    /// The most bytes, [`BUDGET`] if `None`.
    pub most: Option<usize>,
}

impl OutputView {
    /// The most bytes of all streams together.
    pub fn budget(&self) -> usize {
        self.most.unwrap_or(BUDGET)
    }

    /// Returns whether a text is shown as it is.
    pub(super) fn takes(&self, text: &str, budget: usize) -> bool {
        self.head.is_none() && self.tail.is_none() && self.grep.is_none() && fits(text, budget)
    }
}

/// A stream of which an excerpt is made.
pub(super) struct StreamOf<'a, R> {
    pub(super) id: &'a JobId,
    pub(super) stream: Stream,
    pub(super) charset: Charset,
    /// The position at which the excerpt begins.
    pub(super) from: u64,
    /// Set while more may come.
    pub(super) grows: bool,
    /// Set if the end matters more than the beginning.
    pub(super) failed: bool,
    /// Reads a part of it.
    pub(super) read: R,
}

impl<R: Fn(&Selection) -> io::Result<Page>> StreamOf<'_, R> {
    /// The part that a view shows of the stream.
    pub(super) fn excerpt(&self, view: &OutputView, budget: usize) -> io::Result<String> {
        let selection = Selection {
            offset: self.from,
            limit: budget,
            whole_lines: true,
            grows: self.grows,
            charset: self.charset,
            ..Selection::default()
        };
        let text = match (&view.grep, view.head, view.tail) {
            (Some(_), ..) => self.matches(view, &selection)?,
            (None, Some(_), None) => self.first_lines(view, selection)?,
            (None, None, Some(_)) => self.last_lines(view, selection)?,
            (None, ..) => self.both_ends(view, selection)?,
        };
        Ok(text.trim_end_matches(['\n', '\r']).to_owned())
    }

    fn matches(&self, view: &OutputView, selection: &Selection) -> io::Result<String> {
        let page = (self.read)(&Selection {
            grep: view.grep.clone(),
            head: view.head,
            tail: view.tail,
            ..selection.clone()
        })?;
        if page.text.is_empty() {
            return Ok("(no line matches)".to_owned());
        }
        if view.tail.is_some() || view.head.is_some() || page.next >= page.length {
            return Ok(page.text);
        }
        let grep = serde_json::Value::from(view.grep.as_ref().map(Regex::as_str));
        let more = self.call(&format!(",\"grep\":{grep},\"offset\":{}", page.next));
        Ok(format!(
            "{}[… more may match: {more} …]",
            on_line(&page.text)
        ))
    }

    fn first_lines(&self, view: &OutputView, selection: Selection) -> io::Result<String> {
        let head = view.head;
        let page = (self.read)(&Selection { head, ..selection })?;
        if page.next >= page.length || head.is_some_and(|lines| page.text.lines().count() >= lines)
        {
            return Ok(page.text);
        }
        let rest = self.call(&format!(",\"offset\":{}", page.next));
        Ok(format!("{}[… goes on: {rest} …]", on_line(&page.text)))
    }

    fn last_lines(&self, view: &OutputView, selection: Selection) -> io::Result<String> {
        let tail = view.tail;
        let page = (self.read)(&Selection { tail, ..selection })?;
        if page.offset == 0 || tail.is_some_and(|lines| page.text.lines().count() >= lines) {
            return Ok(page.text);
        }
        let lines = tail.unwrap_or_default();
        let longer = self.call(&format!(
            ",\"tail\":{lines},\"maxBytes\":{}",
            4 * selection.limit
        ));
        Ok(format!("[… begins earlier: {longer} …]\n{}", page.text))
    }

    /// Its beginning and its end, or all of it where that is short.
    fn both_ends(&self, view: &OutputView, selection: Selection) -> io::Result<String> {
        if view.head.is_none() {
            let whole = (self.read)(&selection)?;
            if whole.next >= whole.length {
                return Ok(whole.text);
            }
        }
        let first = selection.limit / if self.failed { 4 } else { 2 };
        let start = (self.read)(&Selection {
            limit: first,
            head: view.head,
            ..selection.clone()
        })?;
        let end = (self.read)(&Selection {
            offset: start.next,
            limit: selection.limit - first,
            tail: Some(view.tail.unwrap_or(ALL_LINES)),
            ..selection
        })?;
        let left_out = end.offset.saturating_sub(start.next);
        if left_out == 0 {
            return Ok(start.text + &end.text);
        }
        let rest = self.call(&format!(",\"offset\":{}", start.next));
        let missing = end.missing.end - end.missing.start;
        let lost = match missing.min(left_out) {
            0 => String::new(),
            lost => format!(", {lost} of them kept nowhere"),
        };
        let before = on_line(&start.text);
        Ok(format!(
            "{before}[… {left_out} bytes left out{lost}: {rest} …]\n{}",
            end.text
        ))
    }

    /// The call that shows another part.
    fn call(&self, more: &str) -> String {
        output_call(self.id, self.stream, more)
    }
}

/// The call that shows a part of a job's output; `more` are further arguments.
pub fn output_call(id: &JobId, stream: Stream, more: &str) -> String {
    let stream = match stream {
        Stream::Stdout => "",
        Stream::Stderr => ",\"stream\":\"stderr\"",
    };
    format!("{}{stream}{more}}}", any_output_call(id))
}

/// The beginning of every call that shows a part of a job's output.
pub fn any_output_call(id: &JobId) -> String {
    format!("task_output {{\"id\":\"{id}\"")
}

/// A text that ends with its line.
fn on_line(text: &str) -> String {
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{newline}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, view: &OutputView, failed: bool) -> String {
        let id = JobId::from("a1b2c3d4");
        let stream = StreamOf {
            id: &id,
            stream: Stream::Stdout,
            charset: Charset::default(),
            from: 0,
            grows: false,
            failed,
            read: |selection: &Selection| selection.read_text(text),
        };
        stream.excerpt(view, view.budget()).unwrap()
    }

    fn numbers(last: usize) -> String {
        let lines = (1..=last).flat_map(|number| [number.to_string(), "\n".to_owned()]);
        lines.collect()
    }

    #[test]
    fn a_long_output_is_cut_at_line_ends_and_names_the_call_for_the_rest() {
        let text = numbers(5000);
        let shown = excerpt(&text, &OutputView::default(), false);
        let (before, rest) = shown.split_once("[… ").unwrap();
        let (said, after) = rest.split_once(" …]\n").unwrap();
        assert!(before.starts_with("1\n2\n") && after.ends_with("\n4999\n5000"));
        assert!(text.contains(&format!("\n{}", after.lines().next().unwrap())));
        let left_out = text.len() - before.len() - after.len() - 1;
        let call = format!(
            "task_output {{\"id\":\"a1b2c3d4\",\"offset\":{}}}",
            before.len()
        );
        assert_eq!(said, format!("{left_out} bytes left out: {call}"));
        let in_json = serde_json::to_string(&shown).unwrap();
        assert!((7500..8400).contains(&in_json.len()), "{}", in_json.len());
        let failed = excerpt(&text, &OutputView::default(), true);
        let (before, after) = failed.split_once("[… ").unwrap();
        assert!(after.len() > 2 * before.len());
    }

    #[test]
    fn a_view_takes_lines_from_either_end_and_those_that_match() {
        let text = numbers(3000);
        let view = |head, tail, grep: Option<&str>| OutputView {
            head,
            tail,
            grep: grep.map(|grep| Regex::new(grep).unwrap()),
            most: None,
        };
        assert_eq!(excerpt(&text, &view(Some(2), None, None), false), "1\n2");
        assert_eq!(excerpt(&text, &view(None, Some(1), None), false), "3000");
        let both = excerpt(&text, &view(Some(1), Some(1), None), false);
        assert!(
            both.starts_with("1\n[… ") && both.ends_with(" …]\n3000"),
            "{both}"
        );
        let grep = Some("99$");
        assert_eq!(excerpt(&text, &view(None, Some(1), grep), false), "2999");
        assert_eq!(excerpt(&text, &view(Some(1), None, grep), false), "99");
        let nothing = excerpt(&text, &view(None, None, Some("x")), false);
        assert_eq!(nothing, "(no line matches)");
        assert_eq!(
            excerpt("one\ntwo", &view(Some(5), Some(5), None), false),
            "one\ntwo"
        );
    }
}
