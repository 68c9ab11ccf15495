//! Owners of files, from names to numbers and back: the protocol has only numbers.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;
use crate::sftp::error::Result;
use crate::sftp::file_change::LocatedFile;
use crate::sftp::file_snapshot::FileSnapshot;
use crate::sftp::remote_files::RemoteFiles;
use crate::sftp::session::SftpSession;

/// The longest list of users or groups that is read.
const LONGEST_LIST: u64 = 4 * 1024 * 1024;

impl RemoteFiles<'_> {
    /// The numbers of `user`, `user:group` or `:group`, as `chown` takes them; names are looked up in the
    /// server's own lists. What is left out stays as the file has it, or as a new file gets it.
    pub async fn owner(
        &self,
        owner: &str,
        file: &LocatedFile,
        old: &FileSnapshot,
    ) -> Result<(u32, u32), Error> {
        let (user, group) = match owner.split_once(':') {
            Some((user, group)) => (user, group),
            None => (owner, ""),
        };
        let mut ids = (0, 0);
        if user.is_empty() || group.is_empty() {
            let has = match old.metadata {
                Some(metadata) => metadata,
                None => self.new_file_metadata(file).await?,
            };
            ids = has.owner.unwrap_or_default();
        }
        if !user.is_empty() {
            ids.0 = self.number(user, "/etc/passwd").await?;
        }
        if !group.is_empty() {
            ids.1 = self.number(group, "/etc/group").await?;
        }
        Ok(ids)
    }

    async fn number(&self, name: &str, list: &str) -> Result<u32, Error> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let list = self.read(list, 0..LONGEST_LIST).await.unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        number_in(&list, name).ok_or_else(|| {
            let problem = format!(
                "names `{name}`, which the server's own lists do not have: give its number"
            );
            Error::invalid("owner", problem)
        })
    }
}

/// Names of users and groups of a server, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct OwnerNames {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl OwnerNames {
    /// Fetches the names of these users and groups, where the server offers to say them.
    pub(crate) async fn fetch(
        session: &SftpSession,
        owners: impl Iterator<Item = (u32, u32)>,
    ) -> Result<Self> {
        let (users, groups): (BTreeSet<_>, BTreeSet<_>) = owners.unzip();
        let [users, groups] = [users, groups].map(|all| all.into_iter().collect::<Vec<_>>());
        let Some((user_names, group_names)) = session.owner_names(&users, &groups).await? else {
            return Ok(Self::default());
        };
        let known = |numbers: Vec<u32>, names: Vec<String>| {
            let known = numbers.into_iter().zip(names);
            known.filter(|(_, name)| !name.is_empty()).collect()
        };
        Ok(Self {
            users: known(users, user_names),
            groups: known(groups, group_names),
        })
    }

    /// User and group as they are shown: by name where it is known.
    pub fn shown(&self, user: u32, group: u32) -> String {
        let name = |names: &HashMap<u32, String>, number: u32| {
            names
                .get(&number)
                .cloned()
                .unwrap_or_else(|| number.to_string())
        };
        format!("{}:{}", name(&self.users, user), name(&self.groups, group))
    }
}

/// The number of a name in a list such as `/etc/passwd`: name, password and number, apart by colons.
fn number_in(list: &str, name: &str) -> Option<u32> {
    let mut lines = list.lines().map(|line| line.split(':'));
    let mut line = lines.find_map(|mut line| (line.next() == Some(name)).then_some(line))?;
    line.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_first_in_its_line_and_its_number_third() {
        let list = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:33::/srv:/bin/false\n";
        assert_eq!(number_in(list, "root"), Some(0));
        assert_eq!(number_in(list, "web"), Some(33));
        assert_eq!(number_in(list, "x"), None);
        assert_eq!(number_in(list, "broken"), None);
    }
}
