//! The arguments of tools: strict parsing, errors that name the parameter, and plain schemas.

use std::borrow::Cow;
use std::time::Duration;

use regex::bytes::Regex;
use rmcp::ErrorData;
use rmcp::handler::server::common::{FromContextPart, schema_for_input};
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::JsonObject;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::explain::explain;
use super::schema::secrets;
use crate::error::Error;
use crate::text::problem_of_pattern;

/// A tool's arguments, as its struct `T`.
///
/// Named like the library's own extractor, because the tool macro finds the schema by that name;
/// unlike it, this one says which argument is wrong.
pub struct Parameters<T>(pub T);

impl<S, T: DeserializeOwned + JsonSchema + 'static> FromContextPart<ToolCallContext<'_, S>>
    for Parameters<T>
{
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let arguments = context.arguments.take().unwrap_or_default();
        let parsed = parse(arguments, names_of_call::<T, S>(context)).map(Self);
        parsed.map_err(|error| refusal(&error))
    }
}

/// The names of arguments that another part of a call has taken.
#[derive(Clone)]
struct NamesBeside(Vec<String>);

/// Takes the arguments of these names out of a call, and parses them apart from the others. It comes before
/// [`Parameters`], which refuses what is left.
pub(super) fn take_beside<T: DeserializeOwned + JsonSchema + 'static, S>(
    context: &mut ToolCallContext<'_, S>,
    names: &[String],
) -> Result<T, ErrorData> {
    let mut others = context.arguments.take().unwrap_or_default();
    let taken = names.iter();
    let taken = taken.filter_map(|name| others.shift_remove_entry(name));
    let taken: JsonObject = taken.collect();
    context.arguments = Some(others);
    let extensions = &mut context.request_context.extensions;
    let mut beside = names.to_vec();
    if let Some(NamesBeside(earlier)) = extensions.remove::<NamesBeside>() {
        beside.extend(earlier);
    }
    extensions.insert(NamesBeside(beside));
    parse(taken, || names.to_vec()).map_err(|error| refusal(&error))
}

/// The names of a call's parameters, with those that another part has taken.
pub(super) fn names_of_call<T: JsonSchema + 'static, S>(
    context: &ToolCallContext<'_, S>,
) -> impl Fn() -> Vec<String> + use<T, S> {
    let beside = context.request_context.extensions.get::<NamesBeside>();
    let beside = beside.map(|beside| beside.0.clone()).unwrap_or_default();
    move || names::<T>().into_iter().chain(beside.clone()).collect()
}

/// The refusal of a call. The gate turns it into a result, which a model gets to see.
pub(super) fn refusal(error: &Error) -> ErrorData {
    ErrorData::invalid_params(error.to_string(), Some(error.report().to_json()))
}

/// The names of a tool's parameters.
pub(super) fn names<T: JsonSchema + 'static>() -> Vec<String> {
    let schema = schema_for_input::<T>().unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

impl<T: JsonSchema> JsonSchema for Parameters<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Parses a tool's arguments, or some of them; `names` gives the names of all.
pub(super) fn parse<T: DeserializeOwned + JsonSchema + 'static>(
    arguments: JsonObject,
    names: impl Fn() -> Vec<String>,
) -> Result<T, Error> {
    let arguments = Value::Object(arguments);
    // Servers and shells would take a text to end there.
    if let Some(parameter) = find_nul(&arguments) {
        return Err(Error::invalid(&parameter, "holds a NUL character"));
    }
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let (parameter, problem, expected) = explain(&path, &message, &names, is_secret::<T>);
        Error::InvalidArgument {
            parameter,
            problem,
            expected,
        }
    })
}

/// The path to the first string that holds a NUL character.
fn find_nul(value: &Value) -> Option<String> {
    let below = |name: String, value: &Value| {
        let rest = find_nul(value)?;
        let dot = if rest.is_empty() || rest.starts_with('[') {
            ""
        } else {
            "."
        };
        Some(format!("{name}{dot}{rest}"))
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| below(format!("[{index}]"), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if name.contains('\0') {
                return Some(name.replace('\0', "\u{fffd}"));
            }
            below(name.clone(), value)
        }),
        _ => None,
    }
}

/// Returns true if this parameter of `T` holds a secret.
fn is_secret<T: JsonSchema + 'static>(name: &str) -> bool {
    // Without a schema, any parameter may hold one.
    schema_for_input::<T>().map_or(true, |schema| {
        secrets(&schema).iter().any(|one| one == name)
    })
}

/// The arguments of a tool that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A number of seconds, 0 or more, fractions allowed.
#[derive(Clone, Copy, Debug)]
pub struct NumberOfSeconds(pub f64);

impl NumberOfSeconds {
    /// As a duration; one that is too long to represent is the longest.
    pub fn duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0).unwrap_or(Duration::MAX)
    }
}

impl<'de> Deserialize<'de> for NumberOfSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if seconds >= 0.0 {
            Ok(Self(seconds))
        } else {
            Err(D::Error::custom(format!(
                "invalid value: {seconds}, expected seconds, 0 or more"
            )))
        }
    }
}

/// The bound up to which a 64-bit float represents every whole number: 2^53.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A whole number, 0 or more. JSON does not tell 50 from 50.0.
///
/// With `#[serde(default)]`, it is `DEFAULT` if left out.
#[derive(Clone, Copy, Debug)]
pub struct Quantity<const DEFAULT: usize = 0>(pub usize);

impl<const DEFAULT: usize> Default for Quantity<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const DEFAULT: usize> Deserialize<'de> for Quantity<DEFAULT> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both are checked before"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number >= 0.0 && number.fract() == 0.0 && number <= LARGEST_WHOLE {
            Ok(Self(number as usize))
        } else {
            Err(D::Error::custom(format!(
                "invalid value: {number}, expected a whole number, 0 or more"
            )))
        }
    }
}

/// A boolean that is false unless given. Needs `#[serde(default)]`, and its schema names no default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Switch(pub bool);

/// A regular expression.
#[derive(Clone, Debug)]
pub struct RegularExpression(pub Regex);

impl<'de> Deserialize<'de> for RegularExpression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Regex::new(&text).map(Self).map_err(|error| {
            let problem = problem_of_pattern(&error);
            D::Error::custom(format!("not a regular expression: {problem}"))
        })
    }
}

/// A boolean that is true unless given. Needs `#[serde(default)]`.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct On(pub bool);

impl Default for On {
    fn default() -> Self {
        Self(true)
    }
}

/// Implements a schema that says only the JSON type, and a number's bound.
macro_rules! plain_schema {
    ($name:literal, [$($generic:tt)*] $type:ty $(, $bound:literal: $number:literal)?) => {
        impl<$($generic)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $name $(, $bound: $number)? })
            }
        }
    };
}
plain_schema!("number", [] NumberOfSeconds, "minimum": 0);
plain_schema!("integer", [const DEFAULT: usize] Quantity<DEFAULT>, "minimum": 0);
plain_schema!("boolean", [] Switch);
plain_schema!("boolean", [] On);
plain_schema!("string", [] RegularExpression);

impl<const DEFAULT: usize> serde::Serialize for Quantity<DEFAULT> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(rename = "cmd")]
        _cmd: String,
        #[serde(default)]
        lines: Option<Quantity>,
    }

    fn refusal(arguments: Value) -> (String, String) {
        let Value::Object(arguments) = arguments else {
            unreachable!()
        };
        match parse::<Example>(arguments, names::<Example>) {
            Err(Error::InvalidArgument {
                parameter, problem, ..
            }) => (parameter, problem),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_refusal_names_the_parameter_and_what_was_expected() {
        assert_eq!(refusal(json!({})), ("cmd".into(), "is missing".into()));
        let (parameter, problem) = refusal(json!({"cmd": 5}));
        assert_eq!(parameter, "cmd");
        assert!(problem.contains("expected a string"), "{problem}");
        let (parameter, problem) = refusal(json!({"cmd": "x", "line": 5}));
        assert_eq!(parameter, "line");
        assert!(problem.contains("did you mean `lines`?"), "{problem}");
        assert!(problem.ends_with("known: cmd, lines"), "{problem}");
        let (parameter, problem) = refusal(json!({"cmd": "x", "lines": "50"}));
        assert_eq!(parameter, "lines");
        assert!(problem.contains("string \"50\""), "{problem}");
        assert_eq!(refusal(json!({"cmd": "x", "lines": 1.5})).0, "lines");
    }

    #[test]
    fn nul_is_found_wherever_it_is() {
        for (arguments, path) in [
            (json!({"a": "x", "cmd": "x\0y"}), "cmd"),
            (
                json!({"files": [{"local": "x"}, {"local": "\0"}]}),
                "files[1].local",
            ),
            (json!({"commands": ["\0"]}), "commands[0]"),
            (json!({"responses": {"\0": "x"}}), "responses.\u{fffd}"),
        ] {
            assert_eq!(find_nul(&arguments).as_deref(), Some(path));
        }
        assert_eq!(find_nul(&json!({"a": ["b", {"c": 1}]})), None);
    }

    #[test]
    fn numbers_are_taken_as_json_means_them() {
        let Value::Object(arguments) = json!({"cmd": "x", "lines": 50.0}) else {
            unreachable!()
        };
        assert_eq!(
            parse::<Example>(arguments, names::<Example>)
                .unwrap()
                .lines
                .map(|count| count.0),
            Some(50)
        );
    }
}
