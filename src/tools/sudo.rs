//! The argument that has a call run as another user of its server.

use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::Tool;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::arguments::{names, take_beside};
use super::schema::add_parameters;
use crate::app::App;
use crate::ssh::SUPERUSER;

/// The user as whom a call runs, in the extensions of its request.
#[derive(Clone)]
pub(super) struct SudoUser(pub(super) Option<String>);

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SudoArguments {
    /// true: as root, by sudo with the stored password; or a user's name.
    #[schemars(extend("toolset" = "live"))]
    sudo: Option<UserArgument>,
}

/// Takes the argument out of a call.
pub(super) fn take(context: &mut ToolCallContext<'_, App>) -> Result<(), ErrorData> {
    let given: SudoArguments = take_beside(context, &names::<SudoArguments>())?;
    let user = SudoUser(given.sudo.and_then(|user| user.0));
    context.request_context.extensions.insert(user);
    Ok(())
}

/// Adds the argument to the schema of a tool that takes it.
pub(super) fn announce(tool: &mut Tool) {
    add_parameters::<SudoArguments>(tool);
}

/// The name of a user; `true` is the superuser, `false` nobody else.
#[derive(Debug)]
struct UserArgument(Option<String>);

impl<'de> Deserialize<'de> for UserArgument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let name = match &given {
            Value::Bool(is_meant) => {
                if *is_meant {
                    "true"
                } else {
                    "false"
                }
            }
            Value::String(name) => name.trim(),
            _ => "-",
        };
        match name {
            "false" | "" => Ok(Self(None)),
            "true" => Ok(Self(Some(SUPERUSER.to_owned()))),
            name if is_user(name) => Ok(Self(Some(name.to_owned()))),
            _ => Err(D::Error::custom(format!(
                "invalid value: {given}, expected true or the name of a user"
            ))),
        }
    }
}

/// Returns whether a text can be a user's name (`useradd(8)`), in a domain or not.
fn is_user(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || "._-$@\\".contains(letter);
    !name.starts_with('-') && name.chars().all(is_letter)
}

impl JsonSchema for UserArgument {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "User".into()
    }

    /// Listed as text: not all clients take a choice of types.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_named_or_the_superuser_is_meant() {
        let of = |given: Value| UserArgument::deserialize(given).map(|user| user.0);
        for given in [json!(true), json!("true"), json!("root")] {
            assert_eq!(of(given).unwrap().as_deref(), Some("root"));
        }
        for given in [json!(false), json!(""), json!("false")] {
            assert_eq!(of(given).unwrap(), None);
        }
        assert_eq!(of(json!("www-data")).unwrap().as_deref(), Some("www-data"));
        for given in [json!("-s"), json!("a b"), json!(0), json!("a;b")] {
            assert!(of(given).is_err());
        }
    }
}
