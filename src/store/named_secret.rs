//! Secrets of entries, by name: what a call may refer to without seeing it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::apis::Apis;
use super::servers::Servers;
use crate::error::Error;
use crate::secret::{Secret, Vault};

/// The name of a stored secret: `server:ALIAS/FIELD`, or `api:ALIAS/FIELD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    owner: Owner,
    alias: String,
    field: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Server,
    Api,
}

/// The fields of an API's entry that hold a secret.
const API_FIELDS: [&str; 2] = ["key", "password"];

impl FromStr for SecretName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(owner, rest)| {
            let owner = match owner {
                "server" => Owner::Server,
                "api" => Owner::Api,
                _ => return None,
            };
            let (alias, field) = rest.rsplit_once('/')?;
            Some(Self {
                owner,
                alias: alias.to_owned(),
                field: field.to_owned(),
            })
        });
        parts.ok_or_else(|| {
            "names no stored secret: expected server:ALIAS/password or api:ALIAS/key".to_owned()
        })
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.owner {
            Owner::Server => "server",
            Owner::Api => "api",
        };
        write!(f, "{owner}:{}/{}", self.alias, self.field)
    }
}

/// The secrets of all entries.
#[derive(Clone, Debug)]
pub struct StoredSecrets {
    servers: Arc<Servers>,
    apis: Arc<Apis>,
    vault: Vault,
}

impl StoredSecrets {
    /// The secrets of these entries.
    pub fn new(servers: Arc<Servers>, apis: Arc<Apis>, vault: Vault) -> Self {
        Self {
            servers,
            apis,
            vault,
        }
    }

    /// Refuses the name of a secret that is not stored.
    pub fn check(&self, name: &SecretName) -> Result<(), Error> {
        self.find(name).map(drop)
    }

    /// Reveals a secret that is sent to the server `alias`, in whose output it is masked from now on.
    pub async fn reveal(&self, name: &SecretName, alias: &str) -> Result<Secret, Error> {
        let secret = self.find(name)?;
        self.vault.reveal_of(Some(alias), &secret).await
    }

    fn find(&self, name: &SecretName) -> Result<Secret, Error> {
        let (found, known) = match name.owner {
            Owner::Server => {
                let server = self.servers.get(&name.alias)?;
                let secrets = server.named_secrets();
                let own = secrets.iter().find(|(field, _)| *field == name.field);
                let known: Vec<_> = secrets.iter().map(|(field, _)| *field).collect();
                (own.map(|(_, secret)| (*secret).clone()), known)
            }
            Owner::Api => {
                let api = self.apis.get(&name.alias)?;
                let found = match name.field.as_str() {
                    "key" => api.api_key,
                    "password" => api.htpasswd_pass,
                    _ => None,
                };
                (found, API_FIELDS.to_vec())
            }
        };
        found.ok_or_else(|| Error::SecretUnavailable {
            secret: name.to_string(),
            reason: match known.as_slice() {
                [] => "its entry has none".to_owned(),
                known => format!("its entry has no such one; known: {}", known.join(", ")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_secret_is_meant() {
        for text in ["server:web1/password", "api:a/b/key"] {
            assert_eq!(text.parse::<SecretName>().unwrap().to_string(), text);
        }
        for text in ["web1/password", "server:web1", "env:HOME", "cmd:x/y"] {
            assert!(text.parse::<SecretName>().is_err(), "{text}");
        }
    }
}
