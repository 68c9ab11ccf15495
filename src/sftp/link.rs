//! Symbolic links of a tree, copied as what they say and never followed.

use std::io;
use std::path::Path;

use super::part::{part_name, path_bytes};
use super::path::local_of;
use super::plan::Way;
use super::session::Session;
use super::side::{Local, blocking};

/// Makes on the server the link that is here.
pub(super) async fn upload(
    session: &Session,
    way: &Way<Local, Session>,
    token: &str,
) -> io::Result<()> {
    let target = path_bytes(&tokio::fs::read_link(&way.from).await?);
    let name = way
        .to
        .file_name()
        .ok_or_else(|| io::Error::other("has no name"))?;
    let part = part_name(token, name, &path_bytes(&way.from));
    let part = way.to.with_file_name(&part);
    session.make_link(&target, &part).await?;
    let replaced = session.replace(&part, &way.to).await;
    if replaced.is_err() {
        let _ = session.remove(&part).await;
    }
    replaced
}

/// Makes here the link that is on the server.
pub(super) async fn download(
    session: &Session,
    way: &Way<Session, Local>,
    token: &str,
) -> io::Result<()> {
    let target = local_of(&session.read_link(&way.from).await?);
    let name = way
        .to
        .file_name()
        .ok_or_else(|| io::Error::other("has no name"))?;
    let part = part_name(token, &path_bytes(Path::new(name)), way.from.as_bytes());
    let part = way.to.with_file_name(local_of(&part));
    let to = way.to.clone();
    blocking(move || {
        make(&target, &part)?;
        let replaced = std::fs::rename(&part, &to);
        if replaced.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        replaced
    })
    .await
}

#[cfg(unix)]
fn make(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "is a symbolic link, which this system does not keep",
    ))
}
