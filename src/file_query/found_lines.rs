//! Lines that a search has found.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// A line of a file that matches, or stands near one that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundLine {
    /// The file, without links.
    pub(super) path: Vec<u8>,
    pub(super) number: u64,
    pub(super) is_match: bool,
    pub(super) text: Vec<u8>,
}

/// A line of a program that puts no NUL after a path.
static WITHOUT_NUL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?s-u)^(/.*?)(:|-)([0-9]+)(?:(:|-))(.*)$";
    Regex::new(pattern).expect("it is a constant")
});

/// A number, the sign of a match or of a line near one, and the text.
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?s-u)^([0-9]+)(:|-)(.*)$";
    Regex::new(pattern).expect("it is a constant")
});

/// Separates groups of lines.
const SEPARATOR: &[u8] = b"--";

impl FoundLine {
    /// The lines that `grep -nH` or `rg -nH` has printed. After a path there is a NUL, where the program can do that.
    pub(super) fn all_of(printed: &[u8]) -> Vec<Self> {
        let (mut rest, mut found) = (printed, Vec::new());
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            let mut next = end.map_or(&[][..], |end| &rest[end + 1..]);
            if line != SEPARATOR {
                match with_nul(rest) {
                    // The NUL of a later line, where this one is not cut at its beginning.
                    Some((line, after))
                        if !line.path.contains(&b'\n')
                            || !is_without_nul(&rest[..line.path.len()]) =>
                    {
                        found.push(line);
                        next = after;
                    }
                    _ => found.extend(without_nul(line)),
                }
            }
            rest = next;
        }
        found
    }
}

/// The line at the beginning whose path ends with a NUL, and the bytes after it.
fn with_nul(printed: &[u8]) -> Option<(FoundLine, &[u8])> {
    let nul = printed.iter().position(|byte| *byte == 0)?;
    let (path, rest) = (&printed[..nul], &printed[nul + 1..]);
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len());
    let parts = NUMBERED.captures(&rest[..end])?;
    let line = FoundLine {
        path: path.to_vec(),
        number: std::str::from_utf8(&parts[1]).ok()?.parse().ok()?,
        is_match: &parts[2] == b":",
        text: parts[3].to_vec(),
    };
    Some((line, rest.get(end + 1..).unwrap_or_default()))
}

fn is_without_nul(lines: &[u8]) -> bool {
    let first = lines.split(|byte| *byte == b'\n').next();
    first.is_some_and(|line| WITHOUT_NUL.is_match(line))
}

fn without_nul(line: &[u8]) -> Option<FoundLine> {
    let parts = WITHOUT_NUL.captures(line)?;
    Some(FoundLine {
        path: parts[1].to_vec(),
        number: std::str::from_utf8(&parts[3]).ok()?.parse().ok()?,
        is_match: &parts[4] == b":",
        text: parts[5].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, number: u64, is_match: bool, text: &str) -> FoundLine {
        FoundLine {
            path: path.into(),
            number,
            is_match,
            text: text.into(),
        }
    }

    #[test]
    fn lines_are_told_apart_with_and_without_a_nul() {
        let printed = b"/a b\x001-x\n/a b\x002:y:3:z\n--\n/two\nlines\x0010:\n";
        let expected = [
            line("/a b", 1, false, "x"),
            line("/a b", 2, true, "y:3:z"),
            line("/two\nlines", 10, true, ""),
        ];
        assert_eq!(FoundLine::all_of(printed), expected);
        let printed = b"/a-b-1-x\n/a-b:2:y:3:z\n--\n/c:10:cut";
        let expected = [
            line("/a-b", 1, false, "x"),
            line("/a-b", 2, true, "y:3:z"),
            line("/c", 10, true, "cut"),
        ];
        assert_eq!(FoundLine::all_of(printed), expected);
        assert_eq!(FoundLine::all_of(b"/a\x00"), []);
    }
}
