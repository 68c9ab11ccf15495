//! The end of an upload: attributes, sync, close.

use crate::sftp::error::{Result, SftpError};
use crate::sftp::path::RemotePath;
use crate::sftp::session::SftpSession;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::part::PartFile;
use crate::sftp::wire::Attributes;

/// Attributes of a finished file. The owner is set first: a change of owner clears some bits of the mode.
struct FinalAttributes {
    owner: Option<Attributes>,
    mode_and_time: Attributes,
}

/// Finishes a part file: owner, mode and time, sync unless it is flushed later, close. All are sent at once
/// and done in order. Returns whether owner and mode are as intended.
pub(super) async fn finish(
    mut open: RemoteFile<'_>,
    sent: Vec<PendingResponse>,
    part: &PartFile<RemotePath>,
    is_flushed_later: bool,
) -> Result<bool> {
    let session = open.session;
    let old = part.old.filter(|_| !part.in_place);
    let owner = part.owner.filter(|_| !part.in_place);
    let owner = owner.map(|owner| Attributes {
        owner: Some(owner),
        ..Attributes::default()
    });
    let mode_and_time = Attributes {
        // A file that may have existed keeps its mode.
        permissions: part.mode.filter(|_| !part.is_unknown),
        times: part.modified.map(|modified| (modified, modified)),
        ..Attributes::default()
    };
    let attributes = FinalAttributes {
        owner,
        mode_and_time,
    };
    let given = owner.map(|owner| session.fsetstat(&open.handle, &owner));
    let changed = session.fsetstat(&open.handle, &mode_and_time);
    let seen = old.map(|_| session.fstat(&open.handle));
    let sync = if is_flushed_later {
        None
    } else {
        session.fsync(&open.handle)
    };
    let closed = open.close();
    for sent in sent {
        session.wait_done(sent).await?;
    }
    let given = match given {
        Some(given) => ok_unless_lost(session.wait_done(given).await)?,
        None => true,
    };
    let changed = ok_unless_lost(session.wait_done(changed).await)?;
    let seen = match seen {
        Some(seen) => session.wait_metadata(seen).await.ok(),
        None => None,
    };
    if let Some(sync) = sync {
        match session.wait_done(sync).await {
            Err(error) if !matches!(error, SftpError::Unsupported(_)) => return Err(error),
            _ => {}
        }
    }
    session.wait_done(closed).await?;
    if part.in_place {
        return Ok(true);
    }
    match seen {
        Some(seen) if part.is_as_intended(&seen) => Ok(true),
        None if given && changed => Ok(true),
        _ => set_by_name(session, part, &attributes).await,
    }
}

fn ok_unless_lost(done: Result<()>) -> Result<bool> {
    match done {
        Err(error) if error.is_connection_lost() => Err(error),
        Err(error) => {
            tracing::debug!("cannot set owner, mode or time of a file: {error}");
            Ok(false)
        }
        Ok(()) => Ok(true),
    }
}

/// Sets owner, mode and time by path, which some servers take.
async fn set_by_name(
    session: &SftpSession,
    part: &PartFile<RemotePath>,
    attributes: &FinalAttributes,
) -> Result<bool> {
    let owner = attributes.owner.iter();
    let pending = owner.chain([&attributes.mode_and_time]);
    let pending: Vec<_> = pending
        .map(|attributes| session.setstat(&part.path, attributes))
        .collect();
    let mut is_done = true;
    for pending in pending {
        is_done &= ok_unless_lost(session.wait_done(pending).await)?;
    }
    match (session.lstat(&part.path).await, part.old) {
        (Err(error), _) if error.is_connection_lost() => Err(error),
        (Ok(Some(now)), Some(_)) => Ok(part.is_as_intended(&now)),
        (Ok(Some(now)), None) if now.mode.is_some() && part.mode.is_some() => {
            Ok(now.mode == part.mode)
        }
        _ => Ok(is_done),
    }
}
