//! Destinations: the places that files go to, under every name that they have there, and the rules on them.

use std::path::Path;

use tokio::sync::OnceCell;

use crate::error::Error;
use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::local_of;
use crate::sftp::spelling;

/// Fetches the rules on the files that may be written, as they stand.
pub type MayWrite<'a> = dyn Fn() -> WriteCheck + Send + Sync + 'a;

/// Refuses a file that may not be written. It is given every name of the file: absolute paths, or such as
/// begin at the home directory with `~/`.
pub type WriteCheck = Box<dyn Fn(&[String]) -> Result<(), Error> + Send + Sync>;

/// A path and its canonical path.
pub(crate) struct Destination<T: Filesystem> {
    path: T::Path,
    /// `None` where the filesystem does not say it.
    real: Option<T::Path>,
}

impl<T: Filesystem> Destination<T> {
    /// Resolves a path. A file that does not exist yet counts as lying where it would be created.
    pub(crate) async fn of(target: &T, path: &T::Path) -> Result<Self> {
        let parent = |path: &T::Path| T::parent(path).unwrap_or_else(|| T::path("."));
        let mut missing = Vec::new();
        let mut there = path.clone();
        let mut above = parent(path);
        // Both at once: a server may know no canonical path of a file that does not exist.
        let (mut real, mut real_above) = tokio::join!(target.real_path(path), async {
            Some(target.real_path(&above).await)
        });
        let real = loop {
            match real {
                Ok(real) => break Some(real),
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(_) => {}
            }
            let Some(name) = T::file_name(&there) else {
                break None;
            };
            missing.push(local_of(&name));
            there = above;
            real = match real_above.take() {
                Some(known) => known,
                None => target.real_path(&there).await,
            };
            above = parent(&there);
        };
        let whole = |real| {
            missing
                .iter()
                .rev()
                .fold(real, |path, name| T::join(&path, name))
        };
        Ok(Self {
            path: path.clone(),
            real: real.map(whole),
        })
    }

    /// The destination of a path below it.
    pub(crate) fn below(&self, below: &Path) -> Self {
        Self {
            path: T::join(&self.path, below),
            real: self.real.as_ref().map(|real| T::join(real, below)),
        }
    }

    /// The canonical path, where the filesystem says it.
    pub(crate) fn real(&self) -> Option<&T::Path> {
        self.real.as_ref()
    }

    /// The path as messages show it.
    pub(crate) fn shown(&self) -> String {
        T::shown(self.real.as_ref().unwrap_or(&self.path))
    }

    fn names(&self, home: Option<&T::Path>) -> Vec<String> {
        let written = T::shown(&self.path);
        let mut names = vec![if written.starts_with('/') {
            written
        } else {
            format!("~/{written}")
        }];
        let real = self.real.as_ref().map(T::shown);
        let real = real.filter(|real| real.starts_with('/'));
        let home = home.map(T::shown);
        let in_home = real.as_deref().zip(home);
        let in_home = in_home.and_then(|(real, home)| spelling::in_home(real, &home));
        for name in real.iter().chain(&in_home) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

/// Rules on the files of a filesystem that may be written.
pub(crate) struct WritePolicy<T: Filesystem> {
    /// `None` if all may be written.
    check: Option<WriteCheck>,
    home: OnceCell<Option<T::Path>>,
}

impl<T: Filesystem> WritePolicy<T> {
    /// Fetches the rules once for any number of files.
    pub(crate) fn new(may_write: Option<&MayWrite<'_>>) -> Self {
        Self {
            check: may_write.map(|may_write| may_write()),
            home: OnceCell::new(),
        }
    }

    /// Fetches the home directory once, if there is a policy.
    pub(crate) async fn fetch_home(&self, target: &T) -> Result<()> {
        if self.check.is_none() {
            return Ok(());
        }
        let ask = async || match target.real_path(&T::path(".")).await {
            Err(error) if error.is_connection_lost() => Err(error),
            home => Ok(home.ok()),
        };
        self.home.get_or_try_init(ask).await.map(drop)
    }

    /// The names by which a destination is judged.
    pub(crate) fn names(&self, destination: &Destination<T>) -> Vec<String> {
        destination.names(self.home.get().and_then(Option::as_ref))
    }

    /// Refuses a destination that may not be written.
    pub(crate) fn judge(&self, destination: &Destination<T>) -> Result<(), Error> {
        let Some(check) = &self.check else {
            return Ok(());
        };
        check(&self.names(destination))
    }
}
