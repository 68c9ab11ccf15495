//! A configuration without one entry of this program.

use serde_json::Value;

use super::document::Edit;
use super::error::InstallError;
use super::file::Configuration;
use super::launch::is_own;

/// A configuration after an entry of this program is removed.
pub(super) struct Removal {
    /// Its text; `None` if the file is removed.
    pub(super) after: Option<String>,
    /// Set if the entry that this program had replaced is back.
    pub(super) gives_back: bool,
}

impl Removal {
    pub(super) fn make(
        configuration: &Configuration,
        name: &str,
        entry: &Value,
    ) -> Result<Self, InstallError> {
        let key = configuration.client.servers;
        let before = configuration.before();
        let replaced = before.document.value()[key].get(name);
        // An entry of this program that a person had made is not restored.
        let was_own = replaced.is_some_and(is_own);
        let replaced = replaced.and_then(Value::as_object).filter(|_| !was_own);
        // This program has not made a symbolic link, and does not remove it.
        let is_to_stay = before.text.is_none() && configuration.path.is_symlink();
        let fields = entry.as_object().cloned().unwrap_or_default();
        let again = before.document.edited(key, name, Edit::Put(&fields));
        let is_exact =
            !was_own && !is_to_stay && again.is_ok_and(|again| again == configuration.text());
        // The backup to the byte, if nothing else has changed since.
        let after = if is_exact {
            before.text.clone()
        } else {
            let edit = match replaced {
                Some(replaced) => Edit::Replace(replaced),
                None => Edit::Remove {
                    with_servers: before.document.value().get(key).is_none(),
                },
            };
            Some(configuration.edited(name, edit)?)
        };
        Ok(Self {
            gives_back: replaced.is_some(),
            after,
        })
    }
}
