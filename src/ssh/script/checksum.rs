//! Checksums that a server computes itself.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::Script;
use super::access::{argument, coded, is_plain, portions};
use crate::ssh::pool::Pool;

const SCRIPT: &str = concat!(
    include_str!("../scripts/sum.sh"),
    include_str!("../scripts/checksum.sh")
);
const SEVERAL: &str = include_str!("../scripts/checksums.sh");

/// Portions of files whose checksums are computed at once; each takes a channel.
const AT_ONCE: usize = 2;

/// Bytes per second that the slowest disk reads.
const SLOWEST: u64 = 10 * 1024 * 1024;
/// The time that the script may take beyond reading.
const SLACK: Duration = Duration::from_secs(30);

/// The SHA-256 of the first `length` bytes of a file on `alias`, in hexadecimal digits; `None` where the
/// server cannot compute it or sees no such file.
pub async fn sha256(pool: &Pool, alias: &str, path: &str, length: u64) -> Option<String> {
    let limit = SLACK + Duration::from_secs(length / SLOWEST);
    let script = Script::new("checksum", SCRIPT.to_owned(), limit)
        .ended_with_caller()
        .with_token()
        .with(path)
        .with(&length);
    match script.run(pool, alias).await {
        Ok(answer) => {
            let sum = answer.word().to_owned();
            (sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(sum)
        }
        Err(failure) => {
            tracing::debug!("`{alias}` computes no checksum: {failure:?}");
            None
        }
    }
}

/// The SHA-256 of whole files on `alias`, by their paths; files that it cannot read are left out. They are
/// given with their lengths. `None` where the server computes none.
pub async fn sha256_of(
    pool: &Pool,
    alias: &str,
    files: &[(&[u8], u64)],
) -> Option<HashMap<Vec<u8>, String>> {
    let lengths: HashMap<_, _> = files.iter().copied().collect();
    let paths: Vec<_> = lengths.keys().map(|path| path.to_vec()).collect();
    // Programs write a backslash in a name in their own way.
    let (plain, odd): (Vec<_>, Vec<_>) = paths
        .iter()
        .partition(|path| is_plain(path) && !path.contains(&b'\\'));
    let plain = portions(&plain).map(|some| (some, true));
    let all = plain.chain(portions(&odd).map(|some| (some, false)));
    let ask = |(some, is_plain): (&[&Vec<u8>], bool)| {
        let some: Vec<_> = some.iter().map(|path| (*path).clone()).collect();
        let bytes = some.iter().map(|path| lengths[path.as_slice()]).sum();
        async move { portion(pool, alias, some, is_plain, bytes).await }
    };
    let asked: Vec<_> = all.map(ask).collect();
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut sums = HashMap::new();
    for answer in answers {
        sums.extend(answer?);
    }
    Some(sums)
}

/// The checksums of a portion of files, which have so many bytes together.
async fn portion(
    pool: &Pool,
    alias: &str,
    paths: Vec<Vec<u8>>,
    is_plain: bool,
    bytes: u64,
) -> Option<Vec<(Vec<u8>, String)>> {
    let limit = SLACK + Duration::from_secs(bytes / SLOWEST);
    let script = Script::new("checksums", SEVERAL.to_owned(), limit)
        .ended_with_caller()
        .with_token();
    let script = script.with(if is_plain { "plain" } else { "coded" });
    let script = paths.iter().fold(script, |script, path| {
        script.with(&if is_plain {
            argument(path)
        } else {
            coded(path)
        })
    });
    let answer = match script.run(pool, alias).await {
        Ok(answer) if answer.word().is_empty() => answer,
        Ok(_) => return None,
        Err(failure) => {
            tracing::debug!("`{alias}` computes no checksums: {failure:?}");
            return None;
        }
    };
    let lines = answer.rest.split(|byte| *byte == b'\n');
    if !is_plain {
        let sums = paths.into_iter().zip(lines);
        return Some(
            sums.filter_map(|(path, line)| Some((path, read(line)?.0)))
                .collect(),
        );
    }
    let told: HashMap<_, _> = paths.iter().map(|path| (argument(path), path)).collect();
    let sums = lines.filter_map(|line| {
        let (sum, rest) = read(line)?;
        // One space or two, or a space and an asterisk, come before the name.
        let path = [2, 1].into_iter().find_map(|start| {
            let name = std::str::from_utf8(rest.get(start..)?).ok()?;
            told.get(name)
        });
        Some(((*path?).clone(), sum))
    });
    Some(sums.collect())
}

/// Splits a line that begins with a checksum.
fn read(line: &[u8]) -> Option<(String, &[u8])> {
    let (sum, rest) = line.split_at_checked(64)?;
    let sum = std::str::from_utf8(sum).ok()?;
    let is_sum = sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sum.then(|| (sum.to_owned(), rest))
}
