//! Trees with the checksums of their files, as a server's shell tells them.

use std::time::Duration;

use super::{Script, ScriptFailure};
use crate::ssh::pool::Pool;

const SCRIPT: &str = include_str!("../scripts/tree.sh");

/// The longest answer: some 150,000 files.
const LONGEST: usize = 32 * 1024 * 1024;

/// Digits of a SHA-256.
const SUM_DIGITS: usize = 64;

/// The shell's answer about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldTree {
    /// A file or a directory, with everything below it.
    Entries {
        /// The entries; the path itself has an empty name.
        entries: Vec<ToldEntry>,
        /// Complaints about what could not be listed.
        complaints: Vec<String>,
    },
    /// Nothing is there.
    Missing,
    /// The directory may not be entered.
    Denied,
    /// A device, a pipe or the like.
    Special,
    /// The server lacks the programs, or its answer is not complete.
    Unable,
}

/// An entry as the shell tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldEntry {
    /// The path below the root.
    pub name: Vec<u8>,
    /// Type and permission bits; `None` if the entry has vanished meanwhile.
    pub facts: Option<ToldFacts>,
    /// The content.
    pub content: ToldContent,
}

/// The facts of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldFacts {
    /// Type and permission bits.
    pub mode: u32,
    /// User and group, by their numbers.
    pub owner: (u32, u32),
    /// User and group, by their names.
    pub owner_names: String,
    /// Length in bytes.
    pub size: u64,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldContent {
    /// A file's SHA-256; `None` if it could not be read.
    File(Option<String>),
    /// A symbolic link's target.
    Link(Vec<u8>),
    /// A directory, or something special.
    Other,
}

/// Lists a file or tree on `alias` with checksums, without what `passed_over` (words of `find`) covers.
pub async fn tell(
    pool: &Pool,
    alias: &str,
    path: &str,
    passed_over: &[String],
    limit: Duration,
) -> Result<ToldTree, ScriptFailure> {
    // No program takes it for an option.
    let dot = if path.starts_with('-') { "./" } else { "" };
    let script = Script::new("tree", SCRIPT.to_owned(), limit)
        .answering(LONGEST)
        .ended_with_caller()
        .with_token()
        .with(&format!("{dot}{path}"));
    let script = passed_over.iter().fold(script, Script::with);
    let answer = script.run(pool, alias).await?;
    Ok(match answer.word() {
        "tree" | "file" => records(&answer.rest).unwrap_or(ToldTree::Unable),
        "missing" => ToldTree::Missing,
        "denied" => ToldTree::Denied,
        "special" => ToldTree::Special,
        _ => ToldTree::Unable,
    })
}

/// Parses the records of an answer; `None` if it is not complete.
fn records(answer: &[u8]) -> Option<ToldTree> {
    let mut rest = answer;
    let mut entries = Vec::new();
    loop {
        let heading = std::str::from_utf8(until(&mut rest, b'\n')?).ok()?;
        if heading == "end" {
            break;
        }
        let (kind, count) = heading.split_once(' ')?;
        let count: usize = count.parse().ok()?;
        let names = several(&mut rest, 0, count)?;
        let facts = several(&mut rest, b'\n', count)?;
        let contents = match kind {
            "f" => sums(several(&mut rest, b'\n', count)?),
            "l" => {
                let targets = several(&mut rest, 0, count)?;
                let target = |told: &[u8]| told.strip_suffix(b"\n.").unwrap_or(told).to_vec();
                let targets = targets.into_iter().map(target);
                targets.map(ToldContent::Link).collect()
            }
            _ => vec![ToldContent::Other; count],
        };
        for ((name, facts), content) in names.into_iter().zip(facts).zip(contents) {
            entries.push(ToldEntry {
                name: below_root(name),
                facts: read_facts(facts),
                content,
            });
        }
    }
    let complaints = String::from_utf8_lossy(rest);
    let mut complaints: Vec<_> = complaints.lines().map(ToOwned::to_owned).collect();
    complaints.sort();
    complaints.dedup();
    Some(ToldTree::Entries {
        entries,
        complaints,
    })
}

/// Takes what stands before the next `end`.
fn until<'a>(rest: &mut &'a [u8], end: u8) -> Option<&'a [u8]> {
    let at = rest.iter().position(|byte| *byte == end)?;
    let (taken, left) = rest.split_at(at);
    *rest = &left[1..];
    Some(taken)
}

fn several<'a>(rest: &mut &'a [u8], end: u8, count: usize) -> Option<Vec<&'a [u8]>> {
    (0..count).map(|_| until(rest, end)).collect()
}

/// The path below the root: `find` begins each with a dot, and a file is its own root.
fn below_root(name: &[u8]) -> Vec<u8> {
    name.strip_prefix(b"./".as_slice())
        .filter(|below| !below.is_empty())
        .unwrap_or_default()
        .to_vec()
}

/// The checksums of files. Where a line is none, some program has lost count, and none of them counts.
fn sums(lines: Vec<&[u8]>) -> Vec<ToldContent> {
    let count = lines.len();
    let read = |line: &[u8]| {
        // A backslash says that the name, which is cut off, has escapes.
        let line = line.strip_prefix(b"\\").unwrap_or(line);
        let sum = std::str::from_utf8(line.get(..SUM_DIGITS)?).ok()?;
        let is_sum = sum.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_sum.then(|| sum.to_ascii_lowercase())
    };
    let told: Option<Vec<_>> = lines
        .into_iter()
        .map(|line| match (line, read(line)) {
            (b"-", _) => Some(None),
            (_, sum) => sum.map(Some),
        })
        .collect();
    let told = told.unwrap_or_else(|| vec![None; count]);
    told.into_iter().map(ToldContent::File).collect()
}

fn read_facts(line: &[u8]) -> Option<ToldFacts> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.splitn(5, ':');
    Some(ToldFacts {
        mode: u32::from_str_radix(words.next()?, 16).ok()?,
        owner: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        size: words.next()?.parse().ok()?,
        owner_names: words.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_whatever_the_names_are() {
        let sum = "3bb2abb69ebb27fbfe63c7639624c6ec5e331b841a5bc8c3ebc10b9285e90877";
        let answer = [
            b"f 2\n./new\nline\0./\xFF\0".as_slice(),
            b"81a4:0:33:2:root:www data\n-\n",
            format!("\\{sum}\n-\n").as_bytes(),
            b"l 1\n./l\x00a1ff:0:0:1:root:root\na\n\n.\x00o 1\n./\x0041ed:0:0:4096:root:root\nend\n",
            b"find: x\nfind: x\n",
        ]
        .concat();
        let Some(ToldTree::Entries {
            entries,
            complaints,
        }) = records(&answer)
        else {
            panic!("it is complete");
        };
        assert_eq!(complaints, ["find: x"]);
        let facts = entries[0].facts.as_ref().unwrap();
        assert_eq!((facts.mode, facts.size), (0o100_644, 2));
        assert_eq!(
            (facts.owner, &*facts.owner_names),
            ((0, 33), "root:www data")
        );
        let read: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_slice(), entry.content.clone()))
            .collect();
        let expected = [
            (&b"new\nline"[..], ToldContent::File(Some(sum.to_owned()))),
            (b"\xFF", ToldContent::File(None)),
            (b"l", ToldContent::Link(b"a\n".to_vec())),
            (b"", ToldContent::Other),
        ];
        assert_eq!(read, expected);
        assert_eq!(records(&answer[..answer.len() - 30]), None);
    }

    #[test]
    fn sums_that_lost_count_do_not_count() {
        let sum = "3bb2abb69ebb27fbfe63c7639624c6ec5e331b841a5bc8c3ebc10b9285e90877";
        let told = sums(vec![sum.as_bytes(), b"line"]);
        assert_eq!(told, [ToldContent::File(None), ToldContent::File(None)]);
    }
}
