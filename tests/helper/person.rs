//! A person behind an MCP client, who agrees to whatever the client asks, or is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ErrorData,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, RoleClient};
use serde_json::json;

/// A client that asks, with a person who always says yes, and one that closes its forms while they are away.
#[derive(Clone, Default)]
pub struct AgreeablePerson {
    is_away: Arc<AtomicBool>,
}

impl AgreeablePerson {
    pub fn go_away(&self) {
        self.is_away.store(true, Ordering::Relaxed);
    }
}

impl ClientHandler for AgreeablePerson {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.capabilities = ClientCapabilities::builder().enable_elicitation().build();
        config
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if self.is_away.load(Ordering::Relaxed) {
            return Ok(ElicitResult::new(ElicitationAction::Cancel));
        }
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"confirm": true})))
    }
}
