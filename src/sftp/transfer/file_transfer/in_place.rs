//! Files that are written in place, where nothing can take their place: their old content is kept here
//! until the new is whole.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::hex::digits;
use crate::sftp::filesystem::{Side, blocking};
use crate::sftp::path::local_of;
use crate::sftp::plan::tree::is_lost;
use crate::sftp::transfer::backup::{Kept, Place};
use crate::sftp::transfer::context::unless_cancelled;
use crate::sftp::transfer::file_transfer::{Course, PartOf, Trip};

/// How often a lost line is taken up again for a file that then begins anew.
const MOST_LOSSES: u32 = 5;

/// Why a file cannot be written beside its target and renamed, so that it is written in place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Instead(String);

impl Instead {
    pub(crate) fn because(reason: impl Into<String>) -> io::Error {
        io::Error::other(Self(reason.into()))
    }

    /// The reason, if an error is one.
    pub(crate) fn reason(error: &io::Error) -> Option<&str> {
        let reason = error.get_ref()?.downcast_ref::<Self>()?;
        Some(&reason.0)
    }
}

/// Whether an error leaves open what is at a path: some servers refuse to tell.
pub(crate) fn is_untold(error: &io::Error) -> bool {
    is_refusal(error) || error.kind() == io::ErrorKind::Other
}

/// Whether somebody does not want this: another way may be open.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
    )
}

impl<C: Course> Trip<'_, C> {
    /// Writes the target itself. `adopted` is what an earlier try has kept of it.
    pub(crate) async fn copy_in_place(
        &self,
        part: PartOf<C>,
        adopted: Option<Kept>,
        reason: Option<String>,
    ) -> io::Result<u64> {
        let (conditions, shown) = (self.conditions, C::To::shown(&part.target));
        self.arrived(0);
        self.tried.set_begun(adopted.is_some());
        let beside = part.path.clone();
        let part = part.in_place();
        let kept = match adopted {
            Some(kept) => Some(kept),
            None => unless_cancelled(conditions, self.keep(&part)).await?,
        };
        match self.overwrite(&part).await {
            Ok(length) => {
                self.forget(kept).await;
                if conditions.resume {
                    // An earlier try may have left it.
                    let _ = self.target().remove(&beside).await;
                }
                if let Some(reason) = reason {
                    conditions
                        .notes
                        .add(format!("`{shown}` was written in place: {reason}"));
                }
                Ok(length)
            }
            // What is kept is left to the next attempt.
            Err(error) if is_lost(&error) => {
                if self.tried.losses.fetch_add(1, Ordering::Relaxed) < MOST_LOSSES {
                    return Err(error);
                }
                Err(io::Error::other(format!(
                    "{error}, again and again while it was written in place, from its beginning each time"
                )))
            }
            Err(error) => {
                let error = C::explain(self, &part, error).await;
                self.arrived(0);
                let error = self.put_back(&part, kept, error).await;
                Err(match reason {
                    Some(reason) if error.kind() != io::ErrorKind::Interrupted => io::Error::new(
                        error.kind(),
                        format!("{error} (written in place: {reason})"),
                    ),
                    _ => error,
                })
            }
        }
    }

    async fn overwrite(&self, part: &PartOf<C>) -> io::Result<u64> {
        let filled = C::fill(self, part, 0);
        // What is on its way to a server comes there before what is sent later.
        let length = if C::IS_UPLOAD {
            unless_cancelled(self.conditions, filled).await?
        } else {
            filled.await?
        };
        match self.check(&part.path, length).await {
            // Some servers take a file away once it is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.conditions.notes.add(format!(
                    "the server took `{}` away when it was closed, so that it could not be read back",
                    C::To::shown(&part.target)
                ));
            }
            checked => checked?,
        }
        Ok(length)
    }

    /// Keeps what is there; `None` where a server does not say whether something is.
    async fn keep(&self, part: &PartOf<C>) -> io::Result<Option<Kept>> {
        let place = self.place(&part.target).await;
        let length = part.old.map_or(0, |old| old.length);
        let keeper = self.conditions.keeper.clone();
        let keeping = blocking(move || keeper.begin(place, length)).await?;
        let was_there = if part.old.is_some() || part.is_unknown {
            match C::save(self, part, keeping.file()?).await {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) if part.is_unknown && is_untold(&error) => {
                    self.conditions.notes.add(format!(
                        "the server does not tell what `{}` was before, so that nothing of it is kept",
                        C::To::shown(&part.target)
                    ));
                    return Ok(None);
                }
                Err(error) if length == 0 && is_refusal(&error) => true,
                Err(error) => {
                    let reason = format!(
                        "its old content cannot be kept until the new is whole, so that it is not written in place: {error}"
                    );
                    return Err(io::Error::new(error.kind(), reason));
                }
            }
        } else {
            false
        };
        let facts = part
            .old
            .map_or((None, None), |old| (old.mode, old.modified));
        blocking(move || keeping.finish(was_there, facts).map(Some)).await
    }

    /// Puts back what was there. Gives the error, with what became of that.
    async fn put_back(&self, part: &PartOf<C>, kept: Option<Kept>, error: io::Error) -> io::Error {
        let has_begun = self.tried.has_begun();
        let Some(kept) = kept else {
            let known = if has_begun {
                "; what it held before is not known"
            } else {
                ""
            };
            return io::Error::new(error.kind(), format!("{error}{known}"));
        };
        let outcome = match kept.record.size {
            _ if !has_begun => Ok(""),
            Some(_) => self
                .write_back(part, &kept)
                .await
                .map(|()| "; its old content was put back"),
            None => match self.target().remove(&part.target).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(""),
            },
        };
        match outcome {
            Ok(done) => {
                self.forget(Some(kept)).await;
                io::Error::new(error.kind(), format!("{error}{done}"))
            }
            Err(again) if is_lost(&again) => again,
            Err(again) => io::Error::new(
                error.kind(),
                format!("{error}; its old content could not be put back ({again})"),
            ),
        }
    }

    async fn forget(&self, kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let content = kept.content();
        if let Err(error) = blocking(move || kept.discard()).await {
            let content = content.display();
            let note =
                format!("`{content}` is not needed any more and could not be removed: {error}");
            self.conditions.notes.add(note);
        }
    }

    async fn write_back(&self, part: &PartOf<C>, kept: &Kept) -> io::Result<()> {
        kept.check()?;
        C::write_back(self, part, &kept.content(), &kept.record).await
    }

    /// What an earlier attempt has kept of a target and did not come to put back.
    pub(crate) async fn adopt(&self, part: &PartOf<C>) -> io::Result<Option<Kept>> {
        let keeper = self.conditions.keeper;
        if keeper.is_empty() {
            return Ok(None);
        }
        let place = self.place(&part.target).await;
        let keeper = keeper.clone();
        let found = blocking(move || keeper.find(&place)).await?;
        if let Some(kept) = &found {
            self.conditions.notes.add(format!(
                "an earlier transfer had begun to write `{}` in place and was cut; its old content was still kept in `{}`",
                C::To::shown(&part.target),
                kept.content().display()
            ));
        }
        Ok(found)
    }

    async fn place(&self, target: &<C::To as Side>::Path) -> Place {
        let conditions = self.conditions;
        let server = || {
            conditions
                .pool
                .server(conditions.alias)
                .map(|server| server.place())
        };
        let path = self.real(target).await;
        Place {
            endpoint: C::IS_UPLOAD
                .then(|| server().unwrap_or_else(|_| conditions.alias.to_owned())),
            path: C::To::shown(&path),
            path_bytes: digits(&C::To::bytes(&path)),
            source: C::shown(&self.way.from),
            transfer: conditions.token.to_owned(),
        }
    }

    /// The target by a name that every transfer finds it under, as far as it can be had.
    async fn real(&self, target: &<C::To as Side>::Path) -> <C::To as Side>::Path {
        let directory = C::To::parent(target).unwrap_or_else(|| C::To::path("."));
        let real = self.target().real_path(&directory).await;
        match (real, C::To::file_name(target)) {
            (Ok(real), Some(name)) => C::To::join(&real, Path::new(&local_of(&name))),
            _ => target.clone(),
        }
    }
}
