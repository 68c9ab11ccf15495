//! Cancelled requests, and the tasks and shells that they wait for.

use rmcp::model::CancelledNotificationParam;

use crate::app::{App, PendingWork};

/// Stops the task of a cancelled request, or what its shell runs, unless the client has only given up waiting for it.
pub(super) fn apply(app: &App, cancelled: CancelledNotificationParam) {
    let Some(request) = cancelled.request_id else {
        return;
    };
    let Some(work) = app.pending_work(&request) else {
        return;
    };
    if is_timeout(cancelled.reason.as_deref()) {
        tracing::info!("the client gave up waiting for {work:?}; it goes on");
        return;
    }
    tracing::info!("the client cancelled {work:?}");
    match work {
        PendingWork::Job(job) => {
            app.jobs().request_cancel(&job);
        }
        PendingWork::Shell(name) => app.shells().interrupt(&name),
    }
}

/// Returns true if a cancellation means that the client's timeout has passed. The work should go on then.
fn is_timeout(reason: Option<&str>) -> bool {
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    ["timeout", "timed out", "time out", "deadline"]
        .iter()
        .any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_timeout_is_no_cancellation() {
        assert!(is_timeout(Some(
            "McpError: MCP error -32001: Request timed out"
        )));
        assert!(!is_timeout(Some("the user pressed escape")));
        assert!(!is_timeout(None));
    }
}
