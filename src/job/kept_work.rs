//! Work that a record leaves out, because of its secrets or its length: kept encrypted while a person is asked, so
//! that another process can begin it after the answer.

use serde::{Deserialize, Serialize};

use super::id::JobId;
use super::kind::Spec;
use super::kind::change::NewContent;
use super::kind::fleet::Template;
use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Vault;
use crate::store::{DataDirectory, NewVersion, Versions};

/// Directory of the set in the data directory.
const DIRECTORY: &str = "waiting";

/// The most bytes of work that is kept. All of it is bounded as versions of files are.
const LONGEST: usize = 16 * 1024 * 1024;

/// The work of tasks that wait for a person's yes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeptWork(Versions);

/// The work of a task as it is kept, secrets included.
#[derive(Serialize, Deserialize)]
struct WholeWork {
    work: Template,
    /// The texts of a change of a file, which no record has.
    content: Option<NewContent>,
}

/// The same, borrowed.
#[derive(Serialize)]
struct WholeWorkOf<'a> {
    work: Template,
    content: Option<&'a NewContent>,
}

impl KeptWork {
    /// The work that is kept in a data directory.
    pub fn open(data: &DataDirectory, vault: Vault) -> Self {
        Self(data.versions(DIRECTORY, vault))
    }

    /// Keeps the work of a task durably. Blocks: a keyring may have to be asked.
    pub(super) fn keep(&self, id: &JobId, spec: &Spec) -> Result<(), Error> {
        let whole = WholeWorkOf {
            work: Template::of(spec.clone()),
            content: spec
                .kind()
                .file_change()
                .and_then(|change| change.content()),
        };
        let whole = serde_json::to_vec(&whole).map_err(|error| Error::Internal {
            reason: format!("the work of task {id} cannot be kept: {error}"),
        })?;
        if whole.len() > LONGEST {
            return Err(Error::Internal {
                reason: format!("the work of task {id} is too long to be kept"),
            });
        }
        let version = NewVersion {
            record: id,
            content: Some(whole.into()),
        };
        self.0.add(id.as_str(), &[version], true)
    }

    /// The work of a task; `None` where it is gone.
    pub(super) async fn read(&self, id: &JobId) -> Result<Option<Spec>, Error> {
        let (versions, id) = (self.0.clone(), id.clone());
        blocking(move || {
            let kept = versions.records_of::<JobId>(id.as_str()).into_iter().next();
            let content = kept.map(|(place, _)| versions.content(&place));
            let Some(whole) = content.transpose()?.flatten() else {
                return Ok(None);
            };
            let whole = serde_json::from_slice(&whole).map_err(|error| Error::Internal {
                reason: format!("the kept work of task {id} cannot be read: {error}"),
            })?;
            Ok(Some(WholeWork::into_spec(whole)))
        })
        .await
    }

    /// Removes what is kept, but for the tasks of which `waits` is true. Blocks.
    pub(super) fn retain(&self, waits: impl Fn(&JobId) -> bool) {
        for id in self.0.first_records::<JobId>() {
            if !waits(&id) {
                self.discard(&id);
            }
        }
    }

    /// Removes the work of a task. Blocks.
    pub(super) fn discard(&self, id: &JobId) {
        self.0.discard(id.as_str());
    }
}

impl WholeWork {
    fn into_spec(self) -> Spec {
        let mut spec = self.work.into_spec();
        if let (Some(change), Some(content)) = (spec.kind_mut().file_change_mut(), self.content) {
            change.set_content(content);
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::change::{Change, ChangeRequest, ChangeTool, SeenContents};
    use super::super::kind::exec::Exec;
    use super::super::kind::fleet::{Brakes, Fleet};
    use super::super::record::Job;
    use super::*;
    use crate::secret::{Secret, remember};
    use crate::ssh::Bound;

    fn change() -> Change {
        let request = ChangeRequest {
            tool: ChangeTool::FileWrite,
            path: "/etc/motd".to_owned(),
            expected_hash: None,
            mode: None,
            owner: None,
            create_dirs: false,
            dry_run: false,
            check: None,
            seen: SeenContents::from([("web1".to_owned(), None)]),
        };
        Change::new(request, NewContent::Whole("a text\n".to_owned()))
    }

    #[tokio::test]
    async fn the_whole_work_comes_back_and_stands_nowhere_in_clear() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(directory.path()).unwrap();
        let key = Some(Secret::from("a key of a test"));
        let kept = KeptWork::open(&data, Vault::open(directory.path(), key, false));
        remember("hunter2hunter2");
        let command = "mysql --password=hunter2hunter2 shop";
        let on_two = ["web1", "web2"].map(str::to_owned).to_vec();
        let works: [Spec; 3] = [
            Exec::new(command.to_owned(), None, Bound::default()).into(),
            change().into(),
            Fleet::new(on_two, change().into(), Brakes::default())
                .unwrap()
                .into(),
        ];
        for work in &works {
            let id = JobId::random();
            kept.keep(&id, work).unwrap();
            let back = kept.read(&id).await.unwrap().unwrap();
            let [back_text, text] = [&back, work].map(|spec| serde_json::to_string(spec).unwrap());
            assert_eq!(back_text, text);
            let content =
                |spec: &Spec| format!("{:?}", spec.kind().file_change().map(Change::content));
            assert_eq!(content(&back), content(work));
            let path = directory.path().join(format!("waiting/{id}.versions"));
            let stored = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(
                !stored.contains("hunter2") && !stored.contains("a text"),
                "{stored}"
            );
            kept.retain(|one| *one == id);
            assert!(path.exists());
            kept.retain(|_| false);
            assert!(kept.read(&id).await.unwrap().is_none());
        }
        let recorded = serde_json::to_string(&Job::new("web1", &works[0])).unwrap();
        assert!(!recorded.contains("hunter2"), "{recorded}");
    }
}
