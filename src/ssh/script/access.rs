//! Facts of files that a server's shell tells and SFTP does not: hard links, access lists, labels.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::Script;
use crate::ssh::pool::Pool;

const LIST: &str = include_str!("../scripts/list.sh");
const ACCESS: &str = include_str!("../scripts/access.sh");

/// The time allowed for the shell, and for getting a channel. A transfer can do without the answer.
const LIMIT: Duration = Duration::from_secs(15);
const CHANNEL_PATIENCE: Duration = Duration::from_secs(3);

/// The length of an argument list: the shortest that systems take is 128 KiB.
const LONGEST: usize = 64 * 1024;

/// A file as `ls` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its names (hard links).
    pub links: u64,
    /// User and group.
    pub owner: (u32, u32),
    /// Its length.
    pub size: u64,
    /// True if it has an access list.
    pub has_list: bool,
    /// True if it has a label, such as SELinux gives.
    pub has_label: bool,
    /// That label's type, which is what new files take over from their directory.
    pub label_type: Option<String>,
}

/// Lists these files with `ls`, which follows links. Files that it does not show are left out. `None`
/// if there is no shell.
pub async fn list(pool: &Pool, alias: &str, paths: &[Vec<u8>]) -> Option<HashMap<Vec<u8>, Listed>> {
    let mut all = HashMap::new();
    let (plain, odd): (Vec<_>, Vec<_>) = paths.iter().partition(|path| is_plain(path));
    for some in portions(&plain) {
        let told: HashMap<_, _> = some.iter().map(|path| (argument(path), *path)).collect();
        let script = script("list", LIST).with("plain");
        let script = told.keys().fold(script, Script::with);
        for (listed, name) in lines(script, pool, alias)
            .await?
            .iter()
            .filter_map(|line| read(line))
        {
            let path = std::str::from_utf8(name)
                .ok()
                .and_then(|name| told.get(name));
            all.extend(path.map(|path| ((*path).clone(), listed)));
        }
    }
    // Each has a line of its own, in order: its name may have several.
    for some in portions(&odd) {
        let script = script("list", LIST).with("coded");
        let script = some
            .iter()
            .fold(script, |script, path| script.with(&coded(path)));
        let lines = lines(script, pool, alias).await?;
        for (path, line) in some.iter().zip(&lines) {
            all.extend(read(line).map(|(listed, _)| ((*path).clone(), listed)));
        }
    }
    Some(all)
}

/// The paths in portions that fit an argument list.
pub(super) fn portions<'a>(paths: &'a [&'a Vec<u8>]) -> impl Iterator<Item = &'a [&'a Vec<u8>]> {
    let mut room = LONGEST;
    paths.chunk_by(move |path, _| {
        let needed = path.len() * 4;
        let fits = needed < room;
        room = if fits { room - needed } else { LONGEST };
        fits
    })
}

async fn lines(script: Script, pool: &Pool, alias: &str) -> Option<Vec<Vec<u8>>> {
    let (_, printed) = run(script, pool, alias).await?;
    Some(
        printed
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect(),
    )
}

/// Gives the file `new` the access list and the label of `old`, as far as that one has them. Says
/// whether that was done.
pub async fn copy(pool: &Pool, alias: &str, old: &[u8], new: &[u8], has_list: bool) -> bool {
    let script = script("access", ACCESS)
        .with(&coded(old))
        .with(&coded(new))
        .with(if has_list { "list" } else { "label" });
    let answer = run(script, pool, alias).await;
    answer.is_some_and(|(word, _)| word == "kept")
}

fn script(name: &'static str, text: &str) -> Script {
    Script::new(name, text.to_owned(), LIMIT)
        .with_token()
        .patient_for(CHANNEL_PATIENCE)
}

async fn run(script: Script, pool: &Pool, alias: &str) -> Option<(String, Vec<u8>)> {
    match script.run(pool, alias).await {
        Ok(answer) => Some((answer.word().to_owned(), answer.rest)),
        Err(failure) => {
            tracing::debug!("`{alias}` says no more of its files: {failure:?}");
            None
        }
    }
}

/// Returns whether programs print a path on one line, as it is.
pub(super) fn is_plain(path: &[u8]) -> bool {
    let text = std::str::from_utf8(path);
    text.is_ok_and(|path| !path.contains(['\n', '\r']))
}

/// A path that no program takes for an option.
pub(super) fn argument(path: &[u8]) -> String {
    let dot = if path.starts_with(b"-") { "./" } else { "" };
    format!("{dot}{}", String::from_utf8_lossy(path))
}

/// The same for `printf '%b'`, whatever its bytes are.
pub(super) fn coded(path: &[u8]) -> String {
    let mut coded = if path.starts_with(b"-") { "./" } else { "" }.to_owned();
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                coded.push(char::from(*byte));
            }
            byte => write!(coded, "\\0{byte:03o}").expect("a string takes everything"),
        }
    }
    coded
}

/// A line of `ls -ldn` (POSIX, section STDOUT): mode, links, user, group, size, three words of a date,
/// name; with `-Z` a label comes before the size.
fn read(line: &[u8]) -> Option<(Listed, &[u8])> {
    let mut rest = line;
    let mut word = || {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        let end = start + rest[start..].iter().position(|byte| *byte == b' ')?;
        let word = std::str::from_utf8(&rest[start..end]).ok()?;
        rest = &rest[end..];
        Some(word)
    };
    let (mode, links, owner) = (word()?, word()?, (word()?, word()?));
    let (mut size, mut label) = (word()?, None);
    if matches!(size, "?" | "-") || size.contains(':') {
        (label, size) = (Some(size), word()?);
    }
    let _date = (word()?, word()?, word()?);
    let label_type = label.and_then(|label| label.split(':').nth(2));
    let listed = Listed {
        links: links.parse().ok()?,
        owner: (owner.0.parse().ok()?, owner.1.parse().ok()?),
        size: size.parse().ok()?,
        has_list: mode.ends_with('+'),
        has_label: mode.ends_with('.') || label_type.is_some(),
        label_type: label_type.map(ToOwned::to_owned),
    };
    Some((listed, &rest[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ls_are_read() {
        let (listed, name) = read(b"-rw-r--r--+  2 1000 100    12 Nov 25 18:10  a b").unwrap();
        assert_eq!(name, b" a b");
        assert_eq!(
            (listed.links, listed.owner, listed.size),
            (2, (1000, 100), 12)
        );
        assert!(listed.has_list && !listed.has_label);
        let (listed, name) = read(b"-rw-r--r--. 1 0 0 0 Jan  1  2020 /x/\xFF").unwrap();
        assert_eq!(name, b"/x/\xFF");
        assert!(listed.has_label && listed.label_type.is_none());
        let line = b"-rw-r--r--. 1 0 0 system_u:object_r:etc_t:s0 7 Jan  1  2020 a";
        let (listed, name) = read(line).unwrap();
        assert_eq!(
            (listed.label_type.as_deref(), listed.size, name),
            (Some("etc_t"), 7, &b"a"[..])
        );
        let (listed, _) = read(b"-rw-r--r-- 1 0 0 ? 7 Jan  1  2020 a").unwrap();
        assert!(!listed.has_label && listed.size == 7);
        for line in [
            &b""[..],
            b"ls: x",
            b"crw-rw-rw- 1 0 0 1, 3 Nov 25 18:10 null",
        ] {
            assert_eq!(read(line), None);
        }
    }

    #[test]
    fn many_paths_go_in_portions() {
        let paths: Vec<_> = (0..1000)
            .map(|number| format!("/{number:0>99}").into_bytes())
            .collect();
        let paths: Vec<_> = paths.iter().collect();
        let portions: Vec<_> = portions(&paths).collect();
        assert_eq!(portions.concat(), paths);
        assert!(portions.len() > 5 && portions.iter().all(|some| some.len() < 200));
    }

    #[test]
    fn any_bytes_are_told_to_printf() {
        assert_eq!(
            coded(b"/a-1/b c\n\\'\xFF"),
            r"/a-1/b\0040c\0012\0134\0047\0377"
        );
        assert_eq!(coded(b"-x"), "./-x");
    }
}
