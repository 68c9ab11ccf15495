//! What a configuration is without this program.

use serde_json::Value;

use super::document::Edit;
use super::error::InstallError;
use super::file::Configuration;
use super::launch::is_own;

/// How a configuration is to be without one entry of this program.
pub(super) struct Removal {
    /// Its text; `None` is no file.
    pub(super) after: Option<String>,
    /// Whether an entry is back that this program had taken the place of.
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
        // One of this program, which somebody had put in by hand, is not to come back.
        let was_own = replaced.is_some_and(is_own);
        let replaced = replaced.and_then(Value::as_object).filter(|_| !was_own);
        // A link to the file is not this program's to remove.
        let is_to_stay = before.text.is_none() && configuration.path.is_symlink();
        let fields = entry.as_object().cloned().unwrap_or_default();
        let again = before.document.edited(key, name, Edit::Put(&fields));
        let is_exact =
            !was_own && !is_to_stay && again.is_ok_and(|again| again == configuration.text());
        // To the byte what was there, if nothing else has changed since.
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
