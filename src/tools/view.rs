//! The arguments that say how much of an output an answer shows, for every tool whose answer has one.

use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{MetaObject, Tool};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::arguments::{Parameters, Quantity, RegularExpression, names_of_call, parse, refusal};
use crate::job::OutputView;

/// The most bytes of output that an answer shows.
const LONGEST: usize = 1024 * 1024;
/// The most characters that clients pass on to a model whole, where a tool says so.
const MOST_PASSED_ON: usize = 500_000;

/// The key under which a tool says how many characters of an answer go to the model whole.
const LARGEST_RESULT: &str = "anthropic/maxResultSizeChars";

/// A tool's arguments, and the view of the output.
pub struct Viewed<T> {
    /// Its own arguments.
    pub arguments: T,
    /// The part of the output that the answer shows.
    pub view: OutputView,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ViewArguments {
    /// Only so many first lines.
    head: Option<Quantity>,
    /// Only so many last lines.
    tail: Option<Quantity>,
    /// Only lines that match (regex).
    grep: Option<RegularExpression>,
    /// Most bytes of output. Default 8192.
    #[serde(alias = "limit")]
    max_bytes: Option<Quantity>,
}

/// The names of these arguments, and the name that one had before.
const VIEW_FIELDS: [&str; 5] = ["head", "tail", "grep", "maxBytes", "limit"];

impl From<ViewArguments> for OutputView {
    fn from(given: ViewArguments) -> Self {
        Self {
            head: given.head.map(|lines| lines.0),
            tail: given.tail.map(|lines| lines.0),
            grep: given.grep.map(|grep| grep.0),
            most: given.max_bytes.map(|bytes| bytes.0.clamp(1, LONGEST)),
        }
    }
}

/// Tells clients of a tool that pages through outputs that it may answer with much, where a caller asks for that.
pub(super) fn announce(tool: &mut Tool) {
    let properties = tool.input_schema.get("properties");
    let takes = |name| properties.is_some_and(|known| known.get(name).is_some());
    if takes("maxBytes") && takes("offset") {
        let meta = tool.meta.get_or_insert_with(MetaObject::new);
        meta.0
            .insert(LARGEST_RESULT.to_owned(), MOST_PASSED_ON.into());
    }
}

impl<S, T: DeserializeOwned + JsonSchema + 'static> FromContextPart<ToolCallContext<'_, S>>
    for Parameters<Viewed<T>>
{
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let mut own = context.arguments.take().unwrap_or_default();
        let of_view = VIEW_FIELDS
            .iter()
            .filter_map(|name| own.shift_remove_entry(*name));
        let of_view = of_view.collect();
        let known = names_of_call::<Viewed<T>, S>(context);
        let view: ViewArguments = parse(of_view, &known).map_err(|error| refusal(&error))?;
        let arguments = parse(own, &known).map_err(|error| refusal(&error))?;
        let view = view.into();
        Ok(Self(Viewed { arguments, view }))
    }
}

impl<T: JsonSchema> JsonSchema for Viewed<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let view = ViewArguments::json_schema(generator);
        let of_view = view.get("properties").and_then(|known| known.as_object());
        let properties = schema.ensure_object().get_mut("properties");
        if let (Some(of_view), Some(properties)) = (of_view, properties)
            && let Some(properties) = properties.as_object_mut()
        {
            properties.extend(of_view.clone());
        }
        schema
    }
}
