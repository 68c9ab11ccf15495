//! Rules for secrets in calls: their length, and what they may refer to.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::Error;
use crate::fs::{blocking, expand_home};
use crate::secret::{LONGEST, Reference, Secret, Vault};
use crate::sftp::Roots;

/// The rules for the secrets of one call.
///
/// A reference is resolved on this machine with the rights of this program, and the secret is sent to the
/// server that the same call names.
struct SecretRules {
    /// The catalogue's file, into which a person may write what is refused here.
    file: &'static str,
    allows_all: bool,
    data_dir: PathBuf,
    /// The secrets that the entry has already.
    kept: Vec<Secret>,
}

impl App {
    /// Refuses secrets that are too long, or that only a person may refer to. `kept` has those that
    /// stand in the entry already.
    pub(super) async fn check_secrets(
        &self,
        file: &'static str,
        secrets: Vec<(&'static str, Secret)>,
        kept: Vec<Secret>,
    ) -> Result<(), Error> {
        let given = SecretRules {
            file,
            allows_all: self.config().allow_cmd_secrets,
            data_dir: self.data().path().to_owned(),
            kept,
        };
        blocking(move || {
            let mut secrets = secrets.iter();
            secrets.try_for_each(|(name, secret)| given.check(name, secret))
        })
        .await
    }
}

impl SecretRules {
    fn check(&self, parameter: &str, secret: &Secret) -> Result<(), Error> {
        if secret.expose().len() > LONGEST {
            let problem = format!("has more than {LONGEST} bytes");
            return Err(Error::invalid(parameter, problem));
        }
        if self.allows_all || self.kept.contains(secret) {
            return Ok(());
        }
        let refused = match secret.reference() {
            Some(Reference::Command(_)) => {
                Some("is a `cmd:` reference, whose command would run on this machine")
            }
            Some(Reference::Variable(name)) if is_own_key(&name) => {
                Some("is this program's own key")
            }
            None if !Vault::is_clear(secret) => Some("is a secret that this program has encrypted"),
            Some(Reference::Variable(_)) | None => None,
            Some(Reference::File(path)) => self.refused_file(&expand_home(&path)),
        };
        let Some(problem) = refused else {
            return Ok(());
        };
        let (file, place) = (self.file, self.data_dir.display());
        Err(Error::OnlyByHand {
            parameter: parameter.to_owned(),
            problem: problem.to_owned(),
            advice: format!(
                "ask the person who runs this: they may write it into {file} in {place} themselves, or allow it with MCP_ALLOW_CMD_SECRETS=1"
            ),
        })
    }

    fn refused_file(&self, path: &Path) -> Option<&'static str> {
        let is_in = |directory: &Path| {
            let roots = Roots::new(&[directory.to_owned()]);
            roots.check(path).is_ok()
        };
        // A home directory that is the root is no user's own.
        let home = dirs::home_dir().filter(|home| home.parent().is_some());
        if !home.is_some_and(|home| is_in(&home)) {
            Some("is a `file:` reference that leads outside the home directory")
        } else if is_in(&self.data_dir) {
            Some("is a file of this program's own")
        } else {
            None
        }
    }
}

/// Returns true for the variable with the key that encrypts stored secrets. Windows ignores the case of
/// names.
fn is_own_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("MCP_SECRET_KEY")
}
