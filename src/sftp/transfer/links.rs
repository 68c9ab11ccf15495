//! Symbolic links of a tree, copied as what they say and never followed.

use std::io;

use crate::sftp::filesystem::Side;
use crate::sftp::plan::tree::is_lost;
use crate::sftp::plan::{There, Way};
use crate::sftp::session::Session;
use crate::sftp::transfer::context::Conditions;
use crate::sftp::transfer::file_transfer::Course;
use crate::sftp::transfer::part::part_name;

/// Makes on the other side the link that is on this.
pub(crate) async fn copy<C: Course>(
    session: &Session,
    way: &Way<C, C::To>,
    conditions: &Conditions<'_>,
) -> io::Result<()> {
    let (here, _) = C::here_and_there(&way.from, &way.to);
    if let Some(directory) = here.parent() {
        conditions.roots.check_file(directory).await?;
    }
    let (source, target) = C::sides(session, conditions.local);
    let says = source.read_link(&way.from).await?;
    let name = C::To::file_name(&way.to).ok_or_else(|| io::Error::other("has no name"))?;
    let part = part_name(conditions.token, &name, &C::bytes(&way.from));
    let part = C::To::beside(&way.to, &part);
    let there = match way.there {
        There::Nothing => None,
        _ => target.own_facts(&way.to).await?,
    };
    if let Some(there) = there {
        there.check_kind(&C::To::shown(&way.to))?;
    }
    target.make_link(&says, &part).await?;
    let Err(error) = target.replace(&part, &way.to).await else {
        return Ok(());
    };
    let _ = target.remove(&part).await;
    match there {
        // Where nothing may be renamed, a free name can be taken all the same.
        None if !is_lost(&error) => target.make_link(&says, &way.to).await,
        _ => Err(error),
    }
}
