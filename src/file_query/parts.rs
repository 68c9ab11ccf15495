//! The parts of a script's answer: each has a heading that begins with a token, on a line of its own.

/// A part of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AnswerPart<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// The words after the name.
    pub(super) words: &'a str,
    /// The bytes below.
    pub(super) content: &'a [u8],
}

/// The parts of an answer; none if it has no such heading. Whatever a login shell's start-up files print comes
/// before the first.
pub(super) fn parts<'a>(answer: &'a [u8], token: &str) -> Vec<AnswerPart<'a>> {
    let mark = format!("\n{token}: ");
    let mut starts = Vec::new();
    let mut from = 0;
    while let Some(start) = find(&answer[from..], mark.as_bytes()) {
        starts.push(from + start);
        from += start + mark.len();
    }
    let ends = starts.iter().skip(1).copied().chain([answer.len()]);
    let parts = starts.iter().zip(ends).filter_map(|(&start, end)| {
        let part = &answer[start + mark.len()..end];
        let line = part.iter().position(|byte| *byte == b'\n')?;
        let heading = std::str::from_utf8(&part[..line]).ok()?;
        let (name, words) = heading.split_once(' ').unwrap_or((heading, ""));
        Some(AnswerPart {
            name,
            words,
            content: &part[line + 1..],
        })
    });
    parts.collect()
}

/// The content of the part of this name.
pub(super) fn content<'a>(parts: &[AnswerPart<'a>], name: &str) -> Option<&'a [u8]> {
    let part = parts.iter().find(|part| part.name == name)?;
    Some(part.content)
}

/// The words in the heading of the part of this name.
pub(super) fn words<'a>(parts: &[AnswerPart<'a>], name: &str) -> Option<&'a str> {
    let part = parts.iter().find(|part| part.name == name)?;
    Some(part.words)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_by_the_token_alone() {
        let answer =
            b"Welcome!\nT0: x\n\nT1: path\n/a\nb\nT1: file 5 -\n\nT1: text\nT2: no\n\n\nT1: end\n";
        let parts = parts(answer, "T1");
        let names: Vec<_> = parts.iter().map(|part| part.name).collect();
        assert_eq!(names, ["path", "file", "text", "end"]);
        assert_eq!(content(&parts, "path"), Some(&b"/a\nb"[..]));
        assert_eq!(words(&parts, "file"), Some("5 -"));
        assert_eq!(content(&parts, "text"), Some(&b"T2: no\n\n"[..]));
        assert_eq!(content(&parts, "none"), None);
    }
}
