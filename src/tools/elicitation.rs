//! The form by which clients ask a person, and its answers.

use std::collections::BTreeMap;

use rmcp::RoleServer;
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    InputRequest, InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use serde_json::Value;

/// The form's only field, which a yes sets to true.
const CONFIRM: &str = "confirm";

/// Returns true if the client says that it shows forms.
pub(super) fn can_be_asked(context: &RequestContext<RoleServer>) -> bool {
    let capabilities = context.client_capabilities();
    let asks = capabilities.and_then(|capabilities| capabilities.elicitation);
    // One that names no kind shows forms (MCP specification, client/elicitation).
    asks.is_some_and(|asks| asks.form.is_some() || asks.url.is_none())
}

/// The form of a question.
pub(super) fn form(question: &str) -> ElicitRequestParams {
    let schema = ElicitationSchema::builder()
        .required_bool_property(CONFIRM, |field| field.title("Yes, do it"))
        .build()
        .expect("the required field is there");
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_owned(),
        requested_schema: schema,
    }
}

/// The answer that has the client ask, and call again with this state.
pub(super) fn input_required(state: String, question: &str) -> InputRequiredResult {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(question)));
    let requests = BTreeMap::from([(CONFIRM.to_owned(), request)]);
    InputRequiredResult::new(Some(requests), Some(state))
}

/// Returns true if the client brings a yes.
pub(super) fn said_yes(responses: &InputResponses) -> bool {
    let response = responses.get(CONFIRM).cloned().unwrap_or_default();
    serde_json::from_value(response).is_ok_and(|result| is_yes(&result))
}

/// Returns true if the form was filled in with a yes. A form that was sent off empty is none.
pub(super) fn is_yes(result: &ElicitResult) -> bool {
    let confirmed = result
        .content
        .as_ref()
        .and_then(|content| content.get(CONFIRM));
    result.action == ElicitationAction::Accept && confirmed == Some(&Value::Bool(true))
}
