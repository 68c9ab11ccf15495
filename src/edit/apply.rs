//! Edits of a content, done one after another.

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::nearest::nearest;
use super::style::{TextStyle, with_crlf};
use super::wide;
use crate::error::Error;

/// Most line numbers that a refusal names.
const LINES_NAMED: usize = 20;

/// A text in a file, and the text that stands there afterwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextEdit {
    /// The text, exactly as it stands there.
    pub old: String,
    /// The text that replaces it.
    pub new: String,
    /// True if it is replaced wherever it stands; else it has to stand there once.
    pub all: bool,
}

/// An edit in the bytes of a content.
struct ByteEdit {
    old: Vec<u8>,
    new: Vec<u8>,
}

/// Edits the content of the file at `path`. Each edit sees what those before it have left.
pub(crate) fn apply(path: &str, content: &[u8], edits: &[TextEdit]) -> Result<Vec<u8>, Error> {
    let Some((order, text)) = wide::decode(content) else {
        return apply_bytewise(path, content, edits);
    };
    let edited = apply_bytewise(path, text.as_bytes(), edits)?;
    Ok(order.encode(&String::from_utf8_lossy(&edited)))
}

fn apply_bytewise(path: &str, content: &[u8], edits: &[TextEdit]) -> Result<Vec<u8>, Error> {
    let style = TextStyle::of(content);
    let mut content = content.to_vec();
    for (index, edit) in edits.iter().enumerate() {
        content = apply_one(path, &content, style, index, edit)?;
    }
    Ok(content)
}

fn apply_one(
    path: &str,
    content: &[u8],
    style: TextStyle,
    index: usize,
    edit: &TextEdit,
) -> Result<Vec<u8>, Error> {
    let parameter = |name| format!("edits[{index}].{name}");
    if edit.old.is_empty() {
        return Err(Error::invalid(&parameter("old"), "is empty"));
    }
    let mut found = None;
    for spelling in spellings(style, edit) {
        let Some(new) = style.charset.encode_all(&spelling.new) else {
            let problem = "has characters that the file's encoding (Latin-1) lacks";
            return Err(Error::invalid(&parameter("new"), problem));
        };
        let old = style.charset.encode(&spelling.old);
        let places = places(content, &old)?;
        if !places.is_empty() {
            found = Some((ByteEdit { old, new }, places));
            break;
        }
    }
    let Some((ByteEdit { old, new }, places)) = found else {
        return Err(Error::OldNotFound {
            path: path.to_owned(),
            parameter: parameter("old"),
            nearest: nearest(content, style, &edit.old),
        });
    };
    if places.len() > 1 && !edit.all {
        let lines = places.iter().take(LINES_NAMED);
        return Err(Error::NotUnique {
            path: path.to_owned(),
            parameter: parameter("old"),
            count: places.len(),
            lines: line_numbers(content, lines.copied()),
        });
    }
    Ok(replace(content, &places, old.len(), &new))
}

/// An edit as the lines of the content may end.
fn spellings(style: TextStyle, edit: &TextEdit) -> Vec<TextEdit> {
    let as_crlf = TextEdit {
        old: with_crlf(&edit.old),
        new: with_crlf(&edit.new),
        all: edit.all,
    };
    let is_same = as_crlf.old == edit.old;
    match (style.has_crlf, is_same) {
        (true, true) => vec![as_crlf],
        (true, false) => vec![as_crlf, edit.clone()],
        (false, true) => vec![edit.clone()],
        (false, false) => vec![edit.clone(), as_crlf],
    }
}

/// The offsets at which a text stands.
fn places(content: &[u8], old: &[u8]) -> Result<Vec<usize>, Error> {
    let search = AhoCorasick::new([old]).map_err(|error| Error::Internal {
        reason: error.to_string(),
    })?;
    Ok(search
        .find_iter(content)
        .map(|found| found.start())
        .collect())
}

/// The lines, from 1, at these offsets, which ascend.
fn line_numbers(content: &[u8], offsets: impl Iterator<Item = usize>) -> Vec<usize> {
    let (mut line, mut counted) = (1, 0);
    let numbers = offsets.map(|offset| {
        let ends = content[counted..offset]
            .iter()
            .filter(|byte| **byte == b'\n');
        line += ends.count();
        counted = offset;
        line
    });
    numbers.collect()
}

fn replace(content: &[u8], places: &[usize], length: usize, new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(content.len() + new.len());
    let mut taken = 0;
    for place in places {
        replaced.extend_from_slice(&content[taken..*place]);
        replaced.extend_from_slice(new);
        taken = place + length;
    }
    replaced.extend_from_slice(&content[taken..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(old: &str, new: &str) -> TextEdit {
        TextEdit {
            old: old.to_owned(),
            new: new.to_owned(),
            all: false,
        }
    }

    fn applied(content: impl AsRef<[u8]>, edits: &[TextEdit]) -> Result<Vec<u8>, Error> {
        apply("/f", content.as_ref(), edits)
    }

    #[test]
    fn edits_apply_in_order_and_take_their_texts_as_they_are() {
        let edits = [edit("one", "$&two\\1"), edit("$&two", "three")];
        assert_eq!(applied("a one b", &edits).unwrap(), b"a three\\1 b");
        let all = TextEdit {
            all: true,
            ..edit("aa", "b")
        };
        assert_eq!(applied("aaaa aa", &[all]).unwrap(), b"bb b");
    }

    #[test]
    fn line_ends_marks_and_strange_bytes_stay() {
        let kept = |content: &[u8], old: &str, new: &str, expected: &[u8]| {
            assert_eq!(applied(content, &[edit(old, new)]).unwrap(), expected);
        };
        kept(b"a\r\nb\r\nc", "a\nb", "x\ny\nz", b"x\r\ny\r\nz\r\nc");
        kept(b"a\r\nb\r\n", "b", "b\nc", b"a\r\nb\r\nc\r\n");
        kept(b"a\nb\nc\r\nd\n", "c\nd", "x\ny", b"a\nb\nx\r\ny\n");
        kept(b"a\r\nb\r\nc\nd\r\n", "c\nd", "x\ny", b"a\r\nb\r\nx\ny\r\n");
        kept(b"a\r\nb\nc\r\nd\r\n", "b\nc", "x", b"a\r\nx\r\nd\r\n");
        kept(b"\xEF\xBB\xBFa\nb", "a", "x", b"\xEF\xBB\xBFx\nb");
        kept(b"caf\xE9 a", "caf\u{e9}", "th\u{e9}", b"th\xE9 a");
        kept(b"\xFF a", "a", "b", b"\xFF b");
        kept(
            b"\xC3\xA9\xC3\xA9\xFF a",
            "a",
            "\u{e9}",
            b"\xC3\xA9\xC3\xA9\xFF \xC3\xA9",
        );
        kept(
            b"\xFF\xFEa\0\r\0\n\0b\0",
            "a\nb",
            "\u{e9}\nb\n",
            b"\xFF\xFE\xE9\0\r\0\n\0b\0\r\0\n\0",
        );
        kept(b"\xFE\xFF\0a", "a", "\u{65e5}", b"\xFE\xFF\x65\xE5");
        let error = applied(b"caf\xE9", &[edit("caf", "\u{65e5}")]).unwrap_err();
        assert_eq!(error.code(), "INVALID_ARGUMENT");
        assert!(error.to_string().contains("edits[0].new"), "{error}");
    }

    #[test]
    fn what_stands_there_twice_or_not_at_all_is_refused() {
        let Err(Error::NotUnique { lines, count, .. }) = applied("x\na x\nb x", &[edit("x", "y")])
        else {
            panic!("it stands there three times");
        };
        assert_eq!((lines, count), (vec![1, 2, 3], 3));
        let Err(Error::OldNotFound { nearest, .. }) =
            applied("one\n\ttwo three\nfour", &[edit("two  three", "y")])
        else {
            panic!("it does not stand there");
        };
        assert_eq!(
            (nearest[0].line, nearest[0].text.as_str()),
            (2, "\ttwo three")
        );
    }
}
