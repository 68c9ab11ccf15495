//! Symbolic links of a tree, copied as such and never followed.

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::hidden_name::part_name;
use crate::sftp::plan::{FilePlan, TargetState};
use crate::sftp::session::SftpSession;
use crate::sftp::transfer::context::TransferContext;
use crate::sftp::transfer::file_transfer::TransferDirection;
use crate::sftp::versions::PathState;

/// Copies a symbolic link.
pub(crate) async fn copy<D: TransferDirection>(
    session: &SftpSession,
    plan: &FilePlan<D::Source, D::Target>,
    context: &TransferContext<'_, D::Peer>,
) -> Result<()> {
    if let Some(directory) = D::local(&plan.from, &plan.to).and_then(|here| here.parent()) {
        context.roots.check_file(directory).await?;
    }
    let (source, target) = D::filesystems(session, context.peer);
    let says = source.read_link(&plan.from).await?;
    let name = D::Target::file_name(&plan.to).ok_or_else(|| SftpError::failure("has no name"))?;
    let part = part_name(context.token, &name, &D::Source::bytes(&plan.from));
    let part = D::Target::beside(&plan.to, &part);
    let there = match plan.target_state {
        TargetState::Absent => None,
        _ => target.lstat(&plan.to).await?,
    };
    if let Some(there) = there {
        there.check_kind(&D::Target::shown(&plan.to))?;
    }
    if let Some(keeper) = context.keeper {
        let old = keeper.read(target, &plan.to, there).await?;
        let says = String::from_utf8_lossy(&says).into_owned();
        let new = PathState::Link { target: says };
        keeper.keep::<D::Target>(&plan.to, old, new).await;
    }
    target.symlink(&says, &part).await?;
    let Err(error) = target.rename_over(&part, &plan.to).await else {
        return Ok(());
    };
    let _ = target.remove(&part).await;
    match there {
        // A server that refuses to rename may still create a link under a free name.
        None if !error.is_connection_lost() => target.symlink(&says, &plan.to).await,
        _ => Err(error),
    }
}
