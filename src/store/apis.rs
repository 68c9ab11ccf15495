//! The catalogue of HTTP APIs: `apis.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, CatalogueEntry};
use crate::error::{Error, KnownAliases};
use crate::secret::{Secret, Vault, has_secret};
use crate::web_address::WebAddress;

/// An API and its health check. The fields are named as `api_add` names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "as `api_add` has them")]
pub struct Api {
    /// Its address, `http` or `https`.
    pub url: String,
    /// The user and password that stood in the address, as they stood there.
    pub url_credentials: Option<Secret>,
    /// The query of the address with its question mark, where it has a secret.
    pub url_query: Option<Secret>,
    /// The same of the path that is asked.
    pub endpoint_query: Option<Secret>,
    /// The path that is asked, after that of the address.
    pub health_check_endpoint: Option<String>,
    /// Method of the health check.
    #[serde(default)]
    pub health_check_method: Method,
    /// Credentials that are sent.
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
    /// Notes of the user.
    pub notes: Option<String>,
}

impl Api {
    /// Takes user and password out of the address, and queries with secrets out of it and the path, to
    /// be kept as secrets.
    pub fn part_secrets(&mut self) {
        self.part_credentials();
        if let Some(query) = part_query(&mut self.url) {
            self.url_query = Some(query);
        }
        let endpoint = self.health_check_endpoint.as_mut();
        if let Some(query) = endpoint.and_then(part_query) {
            self.endpoint_query = Some(query);
        }
    }

    fn part_credentials(&mut self) {
        let Some(address) = WebAddress::parse(&self.url) else {
            return;
        };
        if let Some(credentials) = address.credentials {
            let secret = in_no_reference(credentials);
            let (scheme, host, rest) = (address.scheme, address.host_and_port, address.rest);
            self.url = format!("{scheme}://{host}{rest}");
            self.url_credentials = Some(secret);
        }
    }

    /// The address with all that belongs into it, once that is revealed.
    pub fn address(&self) -> String {
        let query = self.url_query.as_ref().map_or("", Secret::expose);
        match (&self.url_credentials, self.url.split_once("://")) {
            (Some(credentials), Some((scheme, rest))) => {
                format!("{scheme}://{}@{rest}{query}", credentials.expose())
            }
            _ => format!("{}{query}", self.url),
        }
    }

    /// The path that is asked with all that belongs into it, once that is revealed.
    pub fn endpoint(&self) -> Option<String> {
        let query = self.endpoint_query.as_ref().map_or("", Secret::expose);
        let path = self.health_check_endpoint.as_ref()?;
        Some(format!("{path}{query}"))
    }
}

/// Takes the query out of an address or a path, with its question mark, if it has a secret.
fn part_query(text: &mut String) -> Option<Secret> {
    let start = text.find('?')?;
    let query = has_secret(&text[start..]).then(|| text.split_off(start))?;
    Some(Secret::from(query.as_str()))
}

/// User and password, in other words where these would lead to another secret: `cmd` is a user here, and
/// its password no command.
fn in_no_reference(credentials: &str) -> Secret {
    let secret = Secret::from(credentials);
    match (Vault::is_clear(&secret), credentials.as_bytes().first()) {
        (false, Some(first)) => Secret::from(format!("%{first:02X}{}", &credentials[1..]).as_str()),
        _ => secret,
    }
}

/// Method of a health check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Posts an empty body.
    Post,
}

/// Credentials that are sent to an API.
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
    /// Returns whether a key is sent.
    pub fn has_key(self) -> bool {
        matches!(self, Self::ApiKey | Self::Both)
    }

    /// Returns whether a user and a password are sent.
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

impl CatalogueEntry for Api {
    const FILE: &'static str = "apis.json";
    const NOUN: &'static str = "API";

    fn unknown(alias: &str, known: KnownAliases) -> Error {
        Error::UnknownApi {
            alias: alias.to_owned(),
            known,
        }
    }

    fn secrets(&mut self) -> Vec<&mut Secret> {
        self.part_secrets();
        let all = [
            &mut self.url_credentials,
            &mut self.url_query,
            &mut self.endpoint_query,
            &mut self.api_key,
            &mut self.htpasswd_pass,
        ];
        all.into_iter().flatten().collect()
    }

    fn names(&self) -> Vec<&str> {
        let host = WebAddress::parse(&self.url).map_or("", |address| address.host());
        let user = self.htpasswd_user.as_deref();
        user.into_iter().chain([host]).collect()
    }

    fn holder(_: &str) -> Option<&str> {
        None
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
            "https://u:p@h/a?b=c&token=u:p#x?y",
            "https://h#x?y",
        ] {
            let mut api: Api = serde_json::from_value(serde_json::json!({"url": url})).unwrap();
            api.health_check_endpoint = Some(format!("/{}", &url[8..]));
            api.part_secrets();
            assert_eq!(api.address(), url);
            assert_eq!(api.endpoint().unwrap(), format!("/{}", &url[8..]));
            assert!(
                !api.url.contains("u:p") && !api.url.contains("b:c"),
                "{}",
                api.url
            );
        }
    }

    #[test]
    fn credentials_are_no_reference() {
        for user in ["cmd", "file", "env", "sealed"] {
            let url = format!("https://{user}:v1:x@h");
            let mut api: Api = serde_json::from_value(serde_json::json!({"url": url})).unwrap();
            api.part_secrets();
            assert!(Vault::is_clear(api.url_credentials.as_ref().unwrap()));
            let address = reqwest::Url::parse(&api.address()).unwrap();
            let decoded = percent_encoding::percent_decode_str(address.username());
            assert_eq!(decoded.decode_utf8().unwrap(), user);
        }
    }
}
