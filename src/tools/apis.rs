//! HTTP APIs: add, list, remove.

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::{fields, words};
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::servers::check_name;
use super::{Json, Nothing, Parameters};
use crate::api::{ApiView, HealthRequest};
use crate::app::App;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Access;
use crate::secret::Secret;
use crate::store::CatalogueEntry as _;
use crate::store::apis::{Api, AuthMethod, Method, default_header, default_scheme};
use crate::text::table;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddApi {
    /// Its name in api_check.
    alias: String,
    /// HTTP address.
    url: String,
    /// Path, such as /health.
    health_check_endpoint: Option<String>,
    /// Method.
    #[serde(default)]
    health_check_method: Method,
    /// Credentials to send.
    #[serde(default)]
    auth_method: AuthMethod,
    /// The key.
    api_key: Option<Secret>,
    /// Header for the key.
    #[serde(default = "default_header")]
    auth_header_name: String,
    /// Word before the key.
    #[serde(default = "default_scheme")]
    auth_scheme: String,
    /// User.
    htpasswd_user: Option<String>,
    /// Password.
    htpasswd_pass: Option<Secret>,
    /// Anything to remember.
    notes: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RemoveApi {
    /// API alias.
    alias: String,
}

/// The APIs as they may be shown, by alias.
type ApisByAlias = IndexMap<String, ApiView>;

#[derive(Serialize, JsonSchema)]
struct StoredApi {
    alias: String,
    added: bool,
    api: ApiView,
}

#[derive(Serialize, JsonSchema)]
struct RemovedApi {
    alias: String,
}

impl AddApi {
    fn entry(self) -> (String, Api) {
        let api = Api {
            url: self.url,
            url_credentials: None,
            url_query: None,
            endpoint_query: None,
            health_check_endpoint: self.health_check_endpoint,
            health_check_method: self.health_check_method,
            auth_method: self.auth_method,
            api_key: self.api_key,
            auth_header_name: self.auth_header_name,
            auth_scheme: self.auth_scheme,
            htpasswd_user: self.htpasswd_user,
            htpasswd_pass: self.htpasswd_pass,
            notes: self.notes,
        };
        (self.alias, api)
    }
}

/// The APIs for people, one in a line: alias, address, and what else is set.
fn text_of_apis(apis: &ApisByAlias) -> String {
    if apis.is_empty() {
        return "no API; api_add adds one".to_owned();
    }
    let rows: Vec<_> = apis
        .iter()
        .map(|(alias, api)| {
            let mut fields = fields(api);
            let url = fields.shift_remove("url").unwrap_or_default();
            let url = url.as_str().unwrap_or_default().to_owned();
            [alias.clone(), url, words(&fields)]
        })
        .collect();
    table(&rows)
}

fn text_of_stored(alias: &str, added: bool, api: &Api) -> String {
    let stored = if added { "added" } else { "updated" };
    let unsent = unused(api)
        .map(|name| format!("; {name} is kept and not sent, for auth_method leaves it out"));
    format!("API `{alias}` {stored}{}", unsent.collect::<String>())
}

/// The given secrets that the entry's `auth_method` does not send.
fn unused(api: &Api) -> impl Iterator<Item = &'static str> {
    let key = api.api_key.is_some() && !api.auth_method.has_key();
    let password = api.htpasswd_pass.is_some() && !api.auth_method.has_password();
    let unused = [(key, "api_key"), (password, "htpasswd_pass")];
    unused
        .into_iter()
        .filter_map(|(is_unused, name)| is_unused.then_some(name))
}

#[tool_router(router = api_tools, vis = "pub(super)")]
impl App {
    /// Add an HTTP API to watch, or replace the one with this alias.
    #[tool(title = "Add an API", meta = declare(Access::ChangesHere, Toolset::Apis))]
    async fn api_add(&self, Parameters(add): Parameters<AddApi>) -> Result<Json<StoredApi>, Error> {
        check_name("alias", &add.alias)?;
        self.apis().check_alias(&add.alias)?;
        let (alias, mut api) = add.entry();
        self.check_api_secrets(&alias, &api).await?;
        // An API that no request can be made for is refused.
        HealthRequest::of(&api)?;
        api.part_secrets();
        let added = {
            let (apis, alias, api) = (Arc::clone(self.apis()), alias.clone(), api.clone());
            blocking(move || apis.put(&alias, &api)).await?
        };
        let text = text_of_stored(&alias, added, &api);
        let api = ApiView::from(&api);
        Json::new(text, &StoredApi { alias, added, api })
    }

    /// List the APIs.
    #[tool(title = "List APIs", meta = declare(Access::ReadsHere, Toolset::Apis))]
    async fn api_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Json<ApisByAlias>, Error> {
        let apis = self.apis().list()?;
        let apis: ApisByAlias = apis
            .into_iter()
            .map(|(alias, api)| (alias, ApiView::from(&api)))
            .collect();
        Json::new(text_of_apis(&apis), &apis)
    }

    /// Remove an API.
    #[tool(title = "Remove an API", meta = declare(Access::ChangesHere, Toolset::Apis))]
    async fn api_remove(
        &self,
        Parameters(RemoveApi { alias }): Parameters<RemoveApi>,
    ) -> Result<Json<RemovedApi>, Error> {
        {
            let (apis, alias) = (Arc::clone(self.apis()), alias.clone());
            blocking(move || apis.remove(&alias)).await?;
        }
        Json::new(format!("API `{alias}` removed"), &RemovedApi { alias })
    }

    /// Refuses secrets that only a person may refer to, unless the same API has them already.
    async fn check_api_secrets(&self, alias: &str, api: &Api) -> Result<(), Error> {
        let given = [
            ("api_key", &api.api_key),
            ("htpasswd_pass", &api.htpasswd_pass),
        ];
        let given = given.into_iter();
        let given = given.filter_map(|(name, secret)| Some((name, secret.clone()?)));
        let mut parted = api.clone();
        parted.part_secrets();
        let mut kept = Vec::new();
        if let Ok(mut entry) = self.apis().get(alias) {
            let secrets = entry.secrets().into_iter();
            kept.extend(secrets.map(|secret| secret.clone()));
            if entry.url != parted.url {
                kept.clear();
            }
        }
        self.check_secrets(Api::FILE, given.collect(), kept).await
    }
}
