//! The room that trees of files take on a server's disk.

use std::time::Duration;

use super::{Script, ScriptFailure};
use crate::ssh::pool::Pool;

const SCRIPT: &str = include_str!("../scripts/usage.sh");

/// The time that the script may take: it looks at no further directory after half of it.
const LIMIT: Duration = Duration::from_secs(30);

/// The bytes that the trees of directories on `alias` take; `None` where that is not known.
pub async fn of_trees(
    pool: &Pool,
    alias: &str,
    directories: &[&str],
) -> Result<Vec<Option<u64>>, ScriptFailure> {
    let script = Script::new("usage", SCRIPT.to_owned(), LIMIT)
        .ended_with_caller()
        .with_token();
    let script = directories
        .iter()
        .fold(script, |script, path| script.with(*path));
    let answer = script.run(pool, alias).await?;
    let answer = String::from_utf8_lossy(&answer.rest).into_owned();
    let sizes = answer.lines().map(|line| line.parse().ok());
    let sizes = sizes.map(|size: Option<u64>| Some(size?.saturating_mul(1024)));
    let sizes = sizes.chain(std::iter::repeat(None));
    Ok(sizes.take(directories.len()).collect())
}
