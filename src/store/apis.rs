//! The catalogue of HTTP APIs: `apis.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, Entry};
use crate::error::Error;
use crate::secret::Secret;

/// An API, and how to ask whether it is up. The fields are named as `api_add` names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// Its address, `http` or `https`.
    pub url: String,
    /// The user and password that stood in the address, as they stood there.
    pub url_credentials: Option<Secret>,
    /// The path that is asked, after that of the address.
    pub health_check_endpoint: Option<String>,
    /// How it is asked.
    #[serde(default)]
    pub health_check_method: Method,
    /// What is shown to it.
    #[serde(default)]
    pub auth_method: AuthMethod,
    /// The key for [`AuthMethod::ApiKey`].
    pub api_key: Option<Secret>,
    /// The header that carries the key.
    #[serde(default = "default_header")]
    pub auth_header_name: String,
    /// The word before the key; may be empty.
    #[serde(default = "default_scheme")]
    pub auth_scheme: String,
    /// The user for [`AuthMethod::Htpasswd`].
    pub htpasswd_user: Option<String>,
    /// That user's password.
    pub htpasswd_pass: Option<Secret>,
    /// Whatever is to be remembered of it.
    pub notes: Option<String>,
}

impl Api {
    /// Takes user and password out of the address, to be kept as a secret.
    pub fn part_credentials(&mut self) {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some((credentials, _)) = authority.rsplit_once('@') {
            let secret = Secret::from(credentials);
            self.url = format!("{scheme}://{}", &rest[credentials.len() + 1..]);
            self.url_credentials = Some(secret);
        }
    }

    /// The address with the user and password that belong into it, once they are revealed.
    pub fn address(&self) -> String {
        match (&self.url_credentials, self.url.split_once("://")) {
            (Some(credentials), Some((scheme, rest))) => {
                format!("{scheme}://{}@{rest}", credentials.expose())
            }
            _ => self.url.clone(),
        }
    }
}

/// How an API is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Posts an empty body.
    Post,
}

/// What is shown to an API that asks who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A key in a header.
    ApiKey,
    /// A user and a password (RFC 7617).
    Htpasswd,
    /// A key in a header of its own, and a user with a password.
    Both,
    /// Nothing.
    #[default]
    None,
}

impl AuthMethod {
    /// Whether a key is shown.
    pub fn has_key(self) -> bool {
        matches!(self, Self::ApiKey | Self::Both)
    }

    /// Whether a user and a password are shown.
    pub fn has_password(self) -> bool {
        matches!(self, Self::Htpasswd | Self::Both)
    }
}

/// The header that carries a key unless another one is named.
pub fn default_header() -> String {
    "Authorization".to_owned()
}

/// The word before a key unless another one is given.
pub fn default_scheme() -> String {
    "Bearer".to_owned()
}

/// The configured APIs of one data directory.
pub type Apis = Catalogue<Api>;

impl Entry for Api {
    const FILE: &'static str = "apis.json";
    const NOUN: &'static str = "API";

    fn unknown(alias: &str) -> Error {
        Error::UnknownApi {
            alias: alias.to_owned(),
        }
    }

    fn secrets(&mut self) -> Vec<&mut Secret> {
        self.part_credentials();
        let all = [
            &mut self.url_credentials,
            &mut self.api_key,
            &mut self.htpasswd_pass,
        ];
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address_and_come_back() {
        for url in [
            "https://u:p@h/x@y",
            "http://u@h:80",
            "https://h/a?b=c@d",
            "https://a@b:c@h",
        ] {
            let mut api: Api = serde_json::from_value(serde_json::json!({"url": url})).unwrap();
            api.part_credentials();
            assert_eq!(api.address(), url);
            assert!(
                !api.url.contains("u:p") && !api.url.contains("b:c"),
                "{}",
                api.url
            );
        }
    }
}
