//! The arguments of tools: strict parsing, errors that name the parameter, and plain schemas.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::handler::server::common::{FromContextPart, schema_for_input};
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{JsonObject, Tool};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::lenient::in_words;
use crate::error::Error;

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
        parse(arguments).map(Self).map_err(|error| {
            // The gate turns it into a result, which a model gets to see.
            ErrorData::invalid_params(error.to_string(), Some(error.report().to_json()))
        })
    }
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

fn parse<T: DeserializeOwned + JsonSchema + 'static>(arguments: JsonObject) -> Result<T, Error> {
    let arguments = Value::Object(arguments);
    // Servers and shells would take a text to end there.
    if let Some(parameter) = find_nul(&arguments) {
        return Err(Error::invalid(&parameter, "holds a NUL character"));
    }
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let (parameter, problem, expected) = explain(&path, &message, is_secret::<T>);
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

/// The names of the parameters that hold a secret, at any depth.
pub(super) fn secrets(schema: &JsonObject) -> Vec<String> {
    fn holds(schema: &Value) -> bool {
        match schema {
            Value::Object(parts) => {
                parts.get("writeOnly") == Some(&true.into()) || parts.values().any(holds)
            }
            Value::Array(parts) => parts.iter().any(holds),
            _ => false,
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    let secrets = properties.filter(|(_, schema)| holds(schema));
    secrets.map(|(name, _)| name.clone()).collect()
}

/// Returns true if this parameter of `T` holds a secret.
fn is_secret<T: JsonSchema + 'static>(name: &str) -> bool {
    // Without a schema, any parameter may hold one.
    schema_for_input::<T>().map_or(true, |schema| {
        secrets(&schema).iter().any(|one| one == name)
    })
}

/// Splits serde's message into parameter, problem and expectation.
fn explain(
    path: &str,
    message: &str,
    is_secret: impl Fn(&str) -> bool,
) -> (String, String, Option<String>) {
    // serde names an unknown or missing field in its message, and any other by the path to it.
    let quoted = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    let within = |name: String| match path
        .strip_suffix(&name)
        .unwrap_or(path)
        .trim_end_matches('.')
    {
        "" => name,
        parent => format!("{parent}.{name}"),
    };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let expected = rest
            .split_once(", expected ")
            .map(|(_, expected)| expected.to_owned());
        let name = quoted(rest);
        let problem = match &expected {
            Some(expected) => match nearest(&name, expected) {
                Some(meant) => format!("is not known; did you mean `{meant}`? Expected {expected}"),
                None => format!("is not known; expected {expected}"),
            },
            None => "is not known; this tool takes no parameters".to_owned(),
        };
        (within(name), problem, expected)
    } else if let Some(rest) = message.strip_prefix("missing field `") {
        (within(quoted(rest)), "is missing".to_owned(), None)
    } else {
        let (given, expected) = in_words(message);
        let name = path.split(['.', '[']).next().unwrap_or_default();
        let problem = match (&expected, is_secret(name)) {
            (Some(expected), false) => format!("{given}; expected {expected}"),
            (None, false) => given,
            // The message quotes what was given.
            (Some(expected), true) => format!("is not acceptable; expected {expected}"),
            (None, true) => "is not acceptable".to_owned(),
        };
        (path.to_owned(), problem, expected)
    }
}

/// The known name that was most likely meant by an unknown one.
fn nearest<'e>(name: &str, expected: &'e str) -> Option<&'e str> {
    // Comparing takes time that grows with the length, and no parameter's name is as long.
    if name.len() > 64 {
        return None;
    }
    let known = expected.split('`').skip(1).step_by(2);
    let known: Vec<_> = known.collect();
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let name = plain(name);
    let misspelt = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&name, &plain(known)), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, known)) = misspelt {
        return Some(known);
    }
    let synonyms = SYNONYMS.iter().find(|(other, _)| *other == name);
    let mut synonymous = known
        .iter()
        .filter(|known| synonyms.is_some_and(|(_, synonyms)| synonyms.contains(known)));
    if let (Some(known), None) = (synonymous.next(), synonymous.next()) {
        return Some(known);
    }
    let abbreviates = |known: &&&str| {
        let known = plain(known);
        let mut rest = name.chars();
        (known.len() >= 3 || name.starts_with(&known[..1]))
            && known
                .chars()
                .all(|letter| rest.any(|other| other == letter))
    };
    known
        .iter()
        .filter(abbreviates)
        .max_by_key(|known| known.len())
        .copied()
}

/// Names of parameters in other programs' tools, each with the parameters here that it may mean.
const SYNONYMS: [(&str, &[&str]); 14] = [
    ("command", &["cmd", "commands"]),
    ("cmd", &["commands"]),
    ("script", &["cmd", "commands"]),
    ("path", &["filepath", "local", "remote"]),
    ("file", &["filepath", "files", "local", "remote"]),
    ("server", &["alias"]),
    ("hostname", &["host", "alias"]),
    ("host", &["alias"]),
    ("name", &["alias"]),
    ("username", &["user"]),
    ("source", &["local", "remote"]),
    ("destination", &["local", "remote"]),
    ("target", &["local", "remote"]),
    ("taskid", &["id"]),
];

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
pub struct WholeNumber<const DEFAULT: usize = 0>(pub usize);

impl<const DEFAULT: usize> Default for WholeNumber<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const DEFAULT: usize> Deserialize<'de> for WholeNumber<DEFAULT> {
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

/// A boolean that is true unless given. Needs `#[serde(default)]`.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct On(pub bool);

impl Default for On {
    fn default() -> Self {
        Self(true)
    }
}

/// Implements a schema that says only the JSON type.
macro_rules! plain_schema {
    ($name:literal, [$($generic:tt)*] $type:ty) => {
        impl<$($generic)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $name })
            }
        }
    };
}
plain_schema!("number", [] NumberOfSeconds);
plain_schema!("number", [const DEFAULT: usize] WholeNumber<DEFAULT>);
plain_schema!("boolean", [] On);

impl<const DEFAULT: usize> serde::Serialize for WholeNumber<DEFAULT> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Makes a generated schema say what the contract says: an optional parameter is left out rather
/// than null, a choice is an `enum`, and nothing speaks of Rust's number types.
pub(super) fn tidy(tool: &mut Tool) {
    let mut schema = Value::Object(Arc::unwrap_or_clone(std::mem::take(&mut tool.input_schema)));
    let definitions = schema
        .as_object_mut()
        .and_then(|object| object.remove("$defs"))
        .unwrap_or_default();
    tidy_value(&mut schema, &definitions);
    if let Value::Object(mut object) = schema {
        object.remove("$schema");
        // Some clients insist on it.
        object
            .entry("properties")
            .or_insert_with(|| Value::Object(JsonObject::new()));
        tool.input_schema = Arc::new(object);
    }
}

fn tidy_value(value: &mut Value, definitions: &Value) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| tidy_value(item, definitions)),
        Value::Object(object) => {
            unwrap_nullable(object);
            if let Some(name) = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|name| name.rsplit('/').next())
                && let Some(Value::Object(definition)) = definitions.get(name)
            {
                let definition = definition.clone();
                object.remove("$ref");
                for (key, part) in definition {
                    object.entry(key).or_insert(part);
                }
            }
            if let Some(Value::Array(choices)) = object.get("oneOf")
                && let Some(names) = choices
                    .iter()
                    .map(|choice| choice.get("const").cloned())
                    .collect::<Option<Vec<_>>>()
            {
                object.remove("oneOf");
                object.insert("type".into(), "string".into());
                object.insert("enum".into(), names.into());
            }
            object.remove("format");
            object
                .values_mut()
                .for_each(|part| tidy_value(part, definitions));
            for part in ["items", "additionalProperties"] {
                if let Some(Value::Object(part)) = object.get_mut(part) {
                    // It describes the Rust type; the parameter's own description is enough.
                    part.remove("description");
                }
            }
        }
        _ => {}
    }
}

/// Replaces `["string", "null"]` and `anyOf: [X, null]` by the type that is not null.
fn unwrap_nullable(object: &mut JsonObject) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get("anyOf")
        && let [Value::Object(thing), null] = choices.as_slice()
        && null.get("type").is_some_and(|kind| kind == "null")
    {
        let thing = thing.clone();
        object.remove("anyOf");
        for (key, part) in thing {
            object.entry(key).or_insert(part);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
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
        lines: Option<WholeNumber>,
    }

    fn refusal(arguments: Value) -> (String, String) {
        let Value::Object(arguments) = arguments else {
            unreachable!()
        };
        match parse::<Example>(arguments) {
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
        assert!(problem.contains("`cmd`"), "{problem}");
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
    fn a_near_miss_gets_a_suggestion() {
        let expected = "one of `alias`, `cmd`, `keyPath`, `continueOnError`";
        for (name, meant) in [
            ("cmdd", Some("cmd")),
            ("key_path", Some("keyPath")),
            ("continue_on_eror", Some("continueOnError")),
            ("Alias", Some("alias")),
            ("comand", Some("cmd")),
            ("command", Some("cmd")),
            ("server", Some("alias")),
            ("port", None),
        ] {
            assert_eq!(nearest(name, expected), meant, "{name}");
        }
        // Either may be meant.
        assert_eq!(nearest("source", "`local`, `remote`"), None);
        assert_eq!(nearest("path", "`alias`, `filepath`"), Some("filepath"));
        let (_, problem) = refusal(json!({"cmd": "x", "line": 5}));
        assert!(problem.contains("did you mean `lines`?"), "{problem}");
    }

    #[test]
    fn numbers_are_taken_as_json_means_them() {
        let Value::Object(arguments) = json!({"cmd": "x", "lines": 50.0}) else {
            unreachable!()
        };
        assert_eq!(
            parse::<Example>(arguments)
                .unwrap()
                .lines
                .map(|count| count.0),
            Some(50)
        );
    }
}
