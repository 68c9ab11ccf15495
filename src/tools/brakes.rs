//! The arguments that hold a change of several servers back.

use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::Tool;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::arguments::{names, refusal, take_beside};
use super::schema::add_parameters;
use super::{NumberOfSeconds, Quantity};
use crate::error::Error;
use crate::job::kind::fleet::{Brakes, OnFailure, Tolerance};

/// The brakes of a call, which are listed with each tool that is declared to take them.
///
/// It stands before [`Parameters`](super::Parameters), which refuses what is left. Tools with a check of their own
/// have `false`.
pub(super) struct GivenBrakes<const TAKES_CHECK: bool = true>(pub(super) Brakes);

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BrakeArguments {
    /// Of several servers: so many at a time. Default 20; with check 1.
    #[schemars(range(min = 1), extend("toolset" = "fleet"))]
    at_once: Option<Quantity>,
    /// Begin no more after so many failures: 3 or "10%". Default 1.
    #[schemars(extend("toolset" = "fleet"))]
    stop_after: Option<ToleranceArgument>,
    /// So many first; the others only if all of them succeed. Default 1 of more than 5.
    #[schemars(extend("toolset" = "fleet"))]
    canary: Option<Quantity>,
    /// Seconds between waves.
    #[schemars(extend("toolset" = "fleet"))]
    pause: Option<NumberOfSeconds>,
    /// Command that has to succeed on each before the next begins.
    #[schemars(extend("toolset" = "fleet"))]
    check: Option<String>,
    /// undo: put back what was changed when it stops.
    #[schemars(extend("toolset" = "fleet"))]
    on_failure: Option<OnFailure>,
}

/// The name of the brake that some tools have a parameter of their own for.
const CHECK: &str = "check";

impl BrakeArguments {
    fn brakes(self) -> Result<Brakes, Error> {
        if self.at_once.is_some_and(|number| number.0 == 0) {
            return Err(Error::invalid("atOnce", "is 0, and has to be more"));
        }
        Ok(Brakes {
            at_once: self.at_once.map(|number| number.0),
            stop_after: self.stop_after.map(|tolerance| tolerance.0),
            canary: self.canary.map(|number| number.0),
            pause: self.pause.map(|seconds| seconds.0),
            check: self.check.filter(|check| !check.trim().is_empty()),
            on_failure: self.on_failure,
        })
    }
}

impl<S, const TAKES_CHECK: bool> FromContextPart<ToolCallContext<'_, S>>
    for GivenBrakes<TAKES_CHECK>
{
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let mut known = names::<BrakeArguments>();
        known.retain(|name| TAKES_CHECK || name != CHECK);
        let given: BrakeArguments = take_beside(context, &known)?;
        given.brakes().map(Self).map_err(|error| refusal(&error))
    }
}

/// Adds the brakes to the schema of a tool that takes them.
pub(super) fn announce(tool: &mut Tool) {
    add_parameters::<BrakeArguments>(tool);
}

/// A number of failures, or a part of all servers in percent.
#[derive(Clone, Copy, Debug)]
struct ToleranceArgument(Tolerance);

impl<'de> Deserialize<'de> for ToleranceArgument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let text = match &given {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        let number = text.trim_end_matches('%').trim_end();
        let number = number.parse().ok().filter(|number| *number > 0);
        match number {
            Some(percent) if text.ends_with('%') && percent <= 100 => {
                Ok(Self(Tolerance::Percent(percent)))
            }
            Some(count) if !text.ends_with('%') => Ok(Self(Tolerance::Count(count))),
            _ => Err(D::Error::custom(format!(
                "invalid value: {given}, expected a number of failures such as 3, or a part such as \"10%\""
            ))),
        }
    }
}

impl JsonSchema for ToleranceArgument {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tolerance".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}
