//! The form by which clients ask a person, and its answers.

use std::collections::BTreeMap;

use rmcp::RoleServer;
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    InputRequest, InputRequiredResult, InputResponses, ProtocolVersion,
};
use rmcp::service::RequestContext;
use serde_json::Value;

use crate::shell::usual_in_words;

/// The form's field that a yes sets to true.
const CONFIRM: &str = "confirm";

/// The form's field by which such commands are let through for good.
/// It stands behind the other in a form, which has its fields by name.
const ALWAYS: &str = "remember";

/// The answer that came with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormAnswer {
    Yes {
        /// True if such commands are not to be asked about again.
        always: bool,
    },
    /// They said no, or sent off the form without a yes.
    No,
    /// They closed it.
    Dismissed,
}

/// Returns true if the client says that it shows forms.
pub(super) fn can_be_asked(context: &RequestContext<RoleServer>) -> bool {
    let capabilities = context.client_capabilities();
    let asks = capabilities.and_then(|capabilities| capabilities.elicitation);
    // One that names no kind shows forms (MCP specification, client/elicitation).
    asks.is_some_and(|asks| asks.form.is_some() || asks.url.is_none())
}

/// Returns true if the client asks between two calls, and not within one.
pub(super) fn calls_again(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// The form of a question. `always` is the command that may be let through for good.
pub(super) fn form(question: &str, always: Option<&str>) -> ElicitRequestParams {
    let mut schema = ElicitationSchema::builder()
        .required_bool_property(CONFIRM, |field| field.title("Yes, do it"));
    if let Some(command) = always {
        let title = format!(
            "Do not ask again about {} on this server",
            usual_in_words(command)
        );
        schema = schema.optional_bool_with(ALWAYS, |field| field.title(title));
    }
    let schema = schema.build().expect("the required field is there");
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_owned(),
        requested_schema: schema,
    }
}

/// The answer that has the client ask, and call again with this state.
pub(super) fn input_required(
    state: String,
    question: &str,
    always: Option<&str>,
) -> InputRequiredResult {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(question, always)));
    let requests = BTreeMap::from([(CONFIRM.to_owned(), request)]);
    InputRequiredResult::new(Some(requests), Some(state))
}

/// The answer that the client brings.
pub(super) fn brought_answer(responses: &InputResponses) -> FormAnswer {
    let response = responses.get(CONFIRM).cloned().unwrap_or_default();
    serde_json::from_value(response).map_or(FormAnswer::No, |result| answer_of(&result))
}

/// The answer in a form. One that was sent off empty is no yes.
pub(super) fn answer_of(result: &ElicitResult) -> FormAnswer {
    let is_set = |field: &str| {
        let content = result.content.as_ref();
        content.and_then(|content| content.get(field)) == Some(&Value::Bool(true))
    };
    match result.action {
        ElicitationAction::Accept if is_set(CONFIRM) => FormAnswer::Yes {
            always: is_set(ALWAYS),
        },
        ElicitationAction::Cancel => FormAnswer::Dismissed,
        _ => FormAnswer::No,
    }
}
