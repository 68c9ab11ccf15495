//! One file, whichever way: where it goes, from where on, its content, the checks, and then its name.

pub(crate) mod in_place;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sftp::filesystem::Side;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local::Local;
use crate::sftp::filesystem::metadata::{Facts, Kind};
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::plan::tree::is_lost;
use crate::sftp::plan::{There, Way};
use crate::sftp::session::Session;
use crate::sftp::session::rename_over::left_the_old;
use crate::sftp::transfer::Entry;
use crate::sftp::transfer::access::Extras;
use crate::sftp::transfer::backup::Record;
use crate::sftp::transfer::context::{Conditions, Tried, local_sum, remote_sum, unless_cancelled};
use crate::sftp::transfer::file_transfer::in_place::{Instead, is_untold};
use crate::sftp::transfer::part::{Part, part_name};
use crate::sftp::transfer::sessions::Lanes;

/// Why a server that sets no modes has existing files written in place.
pub(crate) const NO_MODES: &str = "the server does not let a new file have its owner and mode";

/// So many files in turn that cannot be renamed stand for all.
const ENOUGH_REFUSALS: usize = 3;

/// A file's part beside its target.
pub(crate) type PartOf<C> = Part<<<C as Course>::To as Side>::Path>;

/// One direction: what is its own.
pub(crate) trait Course: Side + Sized {
    type To: Side;
    /// Whether the target is the server.
    const IS_UPLOAD: bool;
    /// How much may be missing before the end of a part that an earlier try has left.
    const UNSURE: u64;
    /// The permission bits that a new file takes over.
    const MODE: u32;

    /// Source and target, by the session of a line.
    fn sides<'a>(session: &'a Session, local: &'a Local) -> (&'a Self, &'a Self::To);
    /// What a user calls the source and the target of an entry.
    fn ends(entry: &Entry) -> (&str, &str);
    /// The file here and the file there, of a source and what is copied of it.
    fn here_and_there<'a>(
        from: &'a Self::Path,
        copy: &'a <Self::To as Side>::Path,
    ) -> (&'a PathBuf, &'a RemotePath);
    /// Whether a file of that length takes more than one go.
    fn is_large(session: &Session, length: u64) -> bool;
    /// Fills the part from `start` on and makes it durable, with its owner, mode and time. Gives its
    /// length.
    fn fill(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        start: u64,
    ) -> impl Future<Output = io::Result<u64>> + Send;
    /// What the file that is replaced has besides, which a new one would not have.
    fn extras(trip: &Trip<'_, Self>, part: &PartOf<Self>) -> impl Future<Output = Extras> + Send;
    /// Gives the part the access list and label of the file that it replaces.
    fn give_access(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
    ) -> impl Future<Output = io::Result<()>> + Send;
    /// Copies what a target holds into a file here.
    fn save(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        into: File,
    ) -> impl Future<Output = io::Result<()>> + Send;
    /// Writes into a target what it held, from a file here.
    fn write_back(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        content: &Path,
        record: &Record,
    ) -> impl Future<Output = io::Result<()>> + Send;
    /// Says more of a failure than it says itself, while what it left is still there.
    fn explain(
        _trip: &Trip<'_, Self>,
        _part: &PartOf<Self>,
        error: io::Error,
    ) -> impl Future<Output = io::Error> + Send {
        std::future::ready(error)
    }
}

/// One file that is on its way.
pub(crate) struct Trip<'a, C: Course> {
    pub(crate) lanes: &'a Lanes,
    /// The one of them that is its own.
    pub(crate) session: &'a Session,
    pub(crate) way: &'a Way<C, C::To>,
    pub(crate) tried: &'a Tried,
    pub(crate) conditions: &'a Conditions<'a>,
}

impl<C: Course> Trip<'_, C> {
    pub(crate) fn target(&self) -> &C::To {
        C::sides(self.session, self.conditions.local).1
    }

    /// Notes how far the file has arrived without a gap.
    pub(crate) fn arrived(&self, bytes: u64) {
        self.tried.set(bytes, self.conditions.progress);
    }

    /// Copies the file, whole or not at all. Gives its length.
    pub(crate) async fn copy(&self) -> io::Result<u64> {
        let conditions = self.conditions;
        let _place = if C::is_large(self.session, self.way.facts.length) {
            conditions.large.acquire().await.ok()
        } else {
            None
        };
        let part = unless_cancelled(conditions, self.part()).await?;
        self.stay_inside(&part).await?;
        let adopted = self.adopt(&part).await?;
        // A link that is replaced is nothing to write into.
        let in_place =
            conditions.options.in_place && !self.tried.replaces_link.load(Ordering::Relaxed);
        if adopted.is_some() || in_place {
            return self.copy_in_place(part, adopted, None).await;
        }
        let copied = match unless_cancelled(conditions, self.hindrance(&part)).await? {
            Some(reason) => Err(Instead::because(reason)),
            None => self.copy_beside(&part).await,
        };
        match copied {
            Err(error) => match Instead::reason(&error) {
                Some(reason) => {
                    self.copy_in_place(part, None, Some(reason.to_owned()))
                        .await
                }
                None => Err(error),
            },
            copied => copied,
        }
    }

    /// Why nothing can be put in the target's place, as far as that is known before.
    async fn hindrance(&self, part: &PartOf<C>) -> io::Result<Option<String>> {
        let refusals = &self.conditions.refusals;
        if refusals.renames.load(Ordering::Relaxed) >= ENOUGH_REFUSALS {
            return Ok(Some("the server refuses to rename".to_owned()));
        }
        if part.old.is_some() && refusals.modes.load(Ordering::Relaxed) {
            return Ok(Some(NO_MODES.to_owned()));
        }
        // While a small file is sent, the server is asked.
        if !C::IS_UPLOAD || C::is_large(self.session, self.way.facts.length) {
            return Ok(C::extras(self, part).await.hindrance());
        }
        Ok(None)
    }

    async fn copy_beside(&self, part: &PartOf<C>) -> io::Result<u64> {
        let arrived = unless_cancelled(self.conditions, self.arrive(part)).await;
        // What is begun here is not broken off: the old file might be without its name.
        let arrived = match arrived {
            Ok(length) => self.replace(part).await.map(|()| length),
            failed => failed,
        };
        match arrived {
            // A lost line leaves what a further try goes on from.
            Err(error) if !is_lost(&error) => {
                let error = match Instead::reason(&error) {
                    Some(_) => error,
                    None => C::explain(self, part, error).await,
                };
                let _ = self.target().remove(&part.path).await;
                self.arrived(0);
                Err(error)
            }
            arrived => arrived,
        }
    }

    /// Gives the part the target's name.
    async fn replace(&self, part: &PartOf<C>) -> io::Result<()> {
        let refusals = &self.conditions.refusals.renames;
        let Err(error) = self.target().replace(&part.path, &part.target).await else {
            refusals.store(0, Ordering::Relaxed);
            return Ok(());
        };
        if is_lost(&error) || !left_the_old(&error) {
            return Err(error);
        }
        if C::IS_UPLOAD && error.kind() == io::ErrorKind::NotFound {
            let reason = format!(
                "{error}: what was to take its name is gone; where a server takes files away once they are closed, `inPlace: true` writes them under their own names"
            );
            return Err(io::Error::new(error.kind(), reason));
        }
        let step = match error.kind() {
            io::ErrorKind::Unsupported => ENOUGH_REFUSALS,
            io::ErrorKind::PermissionDenied => 1,
            _ => 0,
        };
        refusals.fetch_add(step, Ordering::Relaxed);
        Err(Instead::because(format!(
            "no other file can take its name ({error})"
        )))
    }

    async fn arrive(&self, part: &PartOf<C>) -> io::Result<u64> {
        let start = self.known_start(part).await?;
        self.conditions.progress.goes_on(start);
        self.arrived(start);
        let (filled, extras) = tokio::join!(C::fill(self, part, start), C::extras(self, part));
        let length = filled?;
        self.check(&part.path, length).await?;
        match extras {
            Extras::None => {}
            Extras::Access => C::give_access(self, part).await?,
            Extras::Names(_) => {
                return Err(Instead::because(extras.hindrance().unwrap_or_default()));
            }
        }
        Ok(length)
    }

    /// Refuses a copy that is not whole.
    pub(crate) async fn check(&self, copy: &<C::To as Side>::Path, length: u64) -> io::Result<()> {
        if length < self.way.facts.length {
            return Err(io::Error::other("shrank while it was copied"));
        }
        if self.conditions.options.verify {
            let (here, there) = self.sums(copy, length).await?;
            if here != there {
                let reason = format!("the checksums differ: {here} here, {there} on the server");
                return Err(io::Error::other(reason));
            }
        }
        Ok(())
    }

    /// Refuses a file of this machine that does not lie where it may, before anything is sent or made for
    /// it. What becomes of its name later is judged where it is opened.
    async fn stay_inside(&self, part: &PartOf<C>) -> io::Result<()> {
        let (here, _) = C::here_and_there(&self.way.from, &part.target);
        self.conditions.roots.check_file(here).await
    }

    /// The part, beside where the file goes once links are followed.
    async fn part(&self) -> io::Result<PartOf<C>> {
        let way = self.way;
        let there = if self.tried.was_lost.load(Ordering::Relaxed) {
            There::Unknown
        } else {
            way.there
        };
        let (to, existing, is_unknown) = match there {
            There::Nothing => (way.to.clone(), None, false),
            There::File(facts) => (way.to.clone(), Some(facts), false),
            There::Unknown => match self.resolve().await {
                Err(error) if self.conditions.options.in_place && is_untold(&error) => {
                    (way.to.clone(), self.listed().await?, true)
                }
                resolved => {
                    let (to, existing) = resolved?;
                    (to, existing, false)
                }
            },
        };
        let shown = C::To::shown(&to);
        if let Some(facts) = existing {
            facts.check_kind(&shown)?;
        }
        if existing.is_some_and(|facts| facts.is_directory()) {
            return Err(io::Error::other(format!("`{shown}` is a directory")));
        }
        let name = C::To::file_name(&to)
            .ok_or_else(|| io::Error::other(format!("`{shown}` does not name a file")))?;
        let source = C::bytes(&way.from);
        let name = part_name(self.conditions.token, &name, &source);
        Ok(Part {
            path: C::To::beside(&to, &name),
            target: to,
            old: existing,
            is_unknown: is_unknown && existing.is_none(),
            in_place: false,
            mode: existing
                .and_then(|facts| facts.mode)
                .or(way.facts.mode.map(|mode| mode & C::MODE)),
            modified: way.facts.modified,
        })
    }

    /// Where a file written to the target goes, and what is there now. A link is followed only if the
    /// user named it: others may have been put there to lead elsewhere.
    async fn resolve(&self) -> io::Result<(<C::To as Side>::Path, Option<Facts>)> {
        let (target, path) = (self.target(), &self.way.to);
        let (here, aside) = tokio::join!(target.own_facts(path), self.aside());
        let here = here?;
        if here.is_none()
            && let Some(aside) = aside
        {
            target.move_back(&aside, path).await?;
            self.conditions.notes.add(format!(
                "an earlier transfer had moved `{}` aside and was cut; it was moved back first",
                C::To::shown(path)
            ));
            return Ok((path.clone(), target.own_facts(path).await?));
        }
        if here.is_none_or(|facts| facts.kind != Kind::Link) {
            return Ok((path.clone(), here));
        }
        if !self.way.is_named {
            self.tried.replaces_link.store(true, Ordering::Relaxed);
            return Ok((path.clone(), None));
        }
        let facts = match target.facts(path).await {
            Err(error) if is_untold(&error) => {
                let real = target.real_path(path).await?;
                self.check_real(&real)?;
                let facts = target.own_facts(&real).await?;
                return Ok((real, facts));
            }
            facts => facts?,
        };
        match facts {
            Some(facts) => {
                let real = target.real_path(path).await?;
                self.check_real(&real)?;
                Ok((real, Some(facts)))
            }
            // A link that leads nowhere is replaced like any other name.
            None => Ok((path.clone(), None)),
        }
    }

    /// Where a replacement that was cut has left what was at the target.
    async fn aside(&self) -> Option<<C::To as Side>::Path> {
        let aside = C::To::aside(&self.way.to)?;
        let there = self.target().own_facts(&aside).await;
        let is_file = |facts: Facts| facts.kind == Kind::File;
        there.ok().flatten().is_some_and(is_file).then_some(aside)
    }

    /// What the target's directory says of it, where a server does not tell what a name is.
    async fn listed(&self) -> io::Result<Option<Facts>> {
        let path = &self.way.to;
        if let Ok(facts) = self.target().facts(path).await {
            return Ok(facts);
        }
        let directory = C::To::parent(path).unwrap_or_else(|| C::To::path("."));
        let limit = Arc::new(EntryLimit::new(self.conditions.max_entries, 0));
        let entries = match self.target().list(&directory, &limit).await {
            Err(error) if is_lost(&error) => return Err(error),
            entries => entries.unwrap_or_default(),
        };
        let mut entries = entries.into_iter();
        let name = C::To::file_name(path).map(|name| local_of(&name));
        let found = entries.find(|(entry, _)| Some(entry) == name.as_ref());
        Ok(found
            .map(|(_, facts)| facts)
            .filter(|facts| facts.kind != Kind::Link))
    }

    /// Refuses a place on the server that may not be written: the link may lead there only by now.
    fn check_real(&self, real: &<C::To as Side>::Path) -> io::Result<()> {
        if !C::IS_UPLOAD {
            return Ok(());
        }
        let judged = (self.conditions.may_write)(&[C::To::shown(real)]);
        judged
            .map_err(|refusal| io::Error::new(io::ErrorKind::PermissionDenied, refusal.to_string()))
    }

    /// From where on the file is to be copied: what has arrived before is not moved again.
    async fn known_start(&self, part: &PartOf<C>) -> io::Result<u64> {
        let arrived = self.tried.arrived();
        if !C::is_large(self.session, self.way.facts.length)
            || arrived == 0 && !self.conditions.resume
        {
            return Ok(0);
        }
        let (source, target) = C::sides(self.session, self.conditions.local);
        let there = target.own_facts(&part.path).await?;
        let Some(there) = there.filter(|facts| facts.kind == Kind::File) else {
            return Ok(0);
        };
        let now = source.facts(&self.way.from).await?;
        let owner = self.way.facts.owner;
        if now.map(|now| Facts { owner, ..now }) != Some(self.way.facts) {
            return Ok(0);
        }
        if arrived > 0 {
            // The target has said of each of these bytes that it has them.
            return Ok(arrived.min(there.length));
        }
        let sure = there.length.min(self.way.facts.length);
        let sure = sure.saturating_sub(C::UNSURE);
        if sure == 0 {
            return Ok(0);
        }
        let (here, there) = self.sums(&part.path, sure).await?;
        Ok(if here == there { sure } else { 0 })
    }

    /// The checksums of the first `length` bytes, here and there.
    async fn sums(
        &self,
        copy: &<C::To as Side>::Path,
        length: u64,
    ) -> io::Result<(String, String)> {
        let (here, there) = C::here_and_there(&self.way.from, copy);
        let here = local_sum(self.conditions.roots, here, length).await?;
        let there = remote_sum(self.conditions, self.session, there, length, &here).await?;
        Ok((here, there))
    }
}
