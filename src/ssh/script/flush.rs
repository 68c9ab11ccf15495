//! Flush of whole filesystems to disk: one for many files.

use std::time::Duration;

use super::Script;
use super::access::coded;
use crate::ssh::pool::Pool;

const SCRIPT: &str = include_str!("../scripts/flush.sh");

/// The time allowed for a flush, which also writes what others have left to the server's memory, and for
/// getting a channel. A transfer can do without.
const LIMIT: Duration = Duration::from_secs(60);
const CHANNEL_PATIENCE: Duration = Duration::from_secs(3);

/// Writes the filesystems of these new files on `alias` to disk. Returns whether that is certain; it is not
/// where a shell sees other files than SFTP, or the system does not promise it.
pub async fn flush<'a>(pool: &Pool, alias: &str, files: impl Iterator<Item = &'a [u8]>) -> bool {
    let script = Script::new("flush", SCRIPT.to_owned(), LIMIT)
        .with_token()
        .patient_for(CHANNEL_PATIENCE);
    let script = files.fold(script, |script, file| script.with(&coded(file)));
    match script.run(pool, alias).await {
        Ok(answer) => answer.word() == "flushed",
        Err(failure) => {
            tracing::debug!("`{alias}` flushes no filesystem: {failure:?}");
            false
        }
    }
}
