//! Home directories, as a server's shell knows them.

use std::time::Duration;

use super::Script;
use crate::ssh::pool::Pool;

const SCRIPT: &str = include_str!("../scripts/home.sh");
/// The time allowed for the script: it may have to ask a directory service.
const LIMIT: Duration = Duration::from_secs(30);

/// The home directory of `user` on `alias`; `None` where there is no such user, or no shell to ask. The
/// name is part of what the shell reads: letters, digits, dots, dashes and underscores, no others.
pub async fn of_user(pool: &Pool, alias: &str, user: &str) -> Option<String> {
    let is_safe = |one: char| one.is_ascii_alphanumeric() || "._-".contains(one);
    if user.is_empty() || !user.chars().all(is_safe) {
        return None;
    }
    ask(pool, alias, user).await
}

/// The home directory of the user who is logged in to `alias`; `None` where there is no shell to ask.
pub async fn own(pool: &Pool, alias: &str) -> Option<String> {
    ask(pool, alias, "").await
}

async fn ask(pool: &Pool, alias: &str, user: &str) -> Option<String> {
    let script = Script::new("home", SCRIPT.to_owned(), LIMIT)
        .with_token()
        .with(user);
    match script.run(pool, alias).await {
        Ok(answer) if answer.word() == "found" => String::from_utf8(answer.rest).ok(),
        Ok(_) => None,
        Err(failure) => {
            tracing::debug!("`{alias}` does not say where `{user}` is at home: {failure:?}");
            None
        }
    }
}
