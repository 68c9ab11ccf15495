//! Letting a key log in to a server.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::edit::changes_file;
use super::{Call, Confirmation, IfUnasked, Parameters, Person, Switch};
use crate::app::App;
use crate::error::Error;
use crate::fleet::Targets;
use crate::guard::Access;
use crate::job::kind::change::{Change, ChangeRequest};
use crate::reply::Reply;
use crate::ssh::AuthorizedKey;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AuthorizeKey {
    /// Server alias.
    alias: String,
    /// ssh-ed25519 AAAA… comment.
    public_key: Option<String>,
    /// Instead: the server whose keyPath is the key.
    from_alias: Option<String>,
    /// Only show what it would do.
    #[serde(default)]
    dry_run: Switch,
}

#[tool_router(router = authorize_tools, vis = "pub(super)")]
impl App {
    /// Let a key log in to a server: add its public half to ~/.ssh/authorized_keys, once, and mend its rights. undo takes it back.
    #[tool(title = "Authorize a key", meta = declare(Access::ChangesFiles, Toolset::Live).only_if(changes_file))]
    async fn server_authorize_key(
        &self,
        Parameters(wanted): Parameters<AuthorizeKey>,
        call: Call,
        person: Person,
    ) -> Result<Reply, Error> {
        let key = self.key_to_authorize(&wanted).await?;
        let server = self.servers().get(&wanted.alias)?;
        let question = Confirmation {
            text: format!(
                "Let the key {} ({}) log in as `{}` to the server `{}` from now on?",
                key.fingerprint(),
                key.comment(),
                server.user,
                wanted.alias
            ),
            if_unasked: IfUnasked::Act,
        };
        let request = ChangeRequest::to_authorize(wanted.dry_run.0);
        let start = Start::of(Change::new(request, key.into()), None);
        let change = self.change(&call, Targets::single(&wanted.alias), start);
        if wanted.dry_run.0 {
            return change.await;
        }
        self.if_agreed(person, question, change).await
    }

    async fn key_to_authorize(&self, wanted: &AuthorizeKey) -> Result<AuthorizedKey, Error> {
        let refused = |parameter: &str, problem: String| Error::invalid(parameter, problem);
        match (&wanted.public_key, &wanted.from_alias) {
            (Some(text), None) => {
                AuthorizedKey::parse(text).map_err(|problem| refused("publicKey", problem))
            }
            (None, Some(alias)) => {
                let Some(path) = self.servers().get(alias)?.key_path else {
                    let problem = format!("is `{alias}`, which has no keyPath; give publicKey");
                    return Err(refused("fromAlias", problem));
                };
                let key = AuthorizedKey::of_key_file(&path).await;
                key.map_err(|problem| {
                    refused(
                        "fromAlias",
                        format!("has the key `{path}`, which {problem}"),
                    )
                })
            }
            _ => Err(refused(
                "publicKey",
                "is needed, or fromAlias in its place".to_owned(),
            )),
        }
    }
}
