//! Names of users and groups, by their numbers.

use std::collections::{BTreeSet, HashMap};

use crate::sftp::error::Result;
use crate::sftp::session::SftpSession;

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
