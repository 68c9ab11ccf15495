//! Checksums that a server computes itself.

use std::time::Duration;

use super::Script;
use crate::ssh::pool::Pool;

const SCRIPT: &str = concat!(
    include_str!("../scripts/sum.sh"),
    include_str!("../scripts/checksum.sh")
);

/// Bytes per second that the slowest disk reads.
const SLOWEST: u64 = 10 * 1024 * 1024;
/// The time that the script may take beyond reading.
const SLACK: Duration = Duration::from_secs(30);

/// The SHA-256 of the first `length` bytes of a file on `alias`, in hexadecimal digits; `None` where the
/// server cannot compute it or sees no such file.
pub async fn sha256(pool: &Pool, alias: &str, path: &str, length: u64) -> Option<String> {
    let limit = SLACK + Duration::from_secs(length / SLOWEST);
    let script = Script::new("checksum", SCRIPT.to_owned(), limit)
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
