//! The gate of requests that only read data of this program: panics and masking.
//!
//! They pass neither guard nor audit, as calls of tools that only read here do.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{
    CompletionInfo, ContentBlock, GetPromptResult, Resource, ResourceContents, Task,
};

use crate::app::App;
use crate::error::Error;
use crate::fault::caught;
use crate::job::Job;
use crate::secret::hide;

/// Something that is read, as it leaves this program.
pub(super) trait Readable {
    /// Masks every secret in it.
    fn mask(&mut self);
}

/// Answers a request that only reads.
pub(super) async fn read<T: Readable>(
    app: &App,
    reading: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, ErrorData> {
    app.remember_secrets().await;
    let read = caught(reading).await.unwrap_or_else(|reason| {
        tracing::error!("a request failed by a fault in this program: {reason}");
        Err(Error::Internal { reason })
    });
    let mut answer = read.map_err(|error| protocol_error(&error))?;
    answer.mask();
    Ok(answer)
}

/// The protocol error that says the same; its data are the error's facts and hint.
pub(super) fn protocol_error(error: &Error) -> ErrorData {
    let report = error.report();
    let (message, details) = (report.message, Some(report.details.into()));
    match error {
        Error::UnknownResource { .. } => ErrorData::resource_not_found(message, details),
        Error::Internal { .. } | Error::Storage { .. } => {
            ErrorData::internal_error(message, details)
        }
        _ => ErrorData::invalid_params(message, details),
    }
}

fn mask(text: &mut String) {
    if let Cow::Owned(hidden) = hide(text) {
        *text = hidden;
    }
}

impl Readable for Vec<ResourceContents> {
    fn mask(&mut self) {
        for contents in self {
            if let ResourceContents::TextResourceContents { text, .. } = contents {
                mask(text);
            }
        }
    }
}

/// A page of a list, and the cursor of the next one.
impl Readable for (Vec<Resource>, Option<String>) {
    fn mask(&mut self) {
        for resource in &mut self.0 {
            resource.description.iter_mut().for_each(mask);
        }
    }
}

impl Readable for GetPromptResult {
    fn mask(&mut self) {
        for message in &mut self.messages {
            if let ContentBlock::Text(text) = &mut message.content {
                mask(&mut text.text);
            }
        }
    }
}

impl Readable for CompletionInfo {
    fn mask(&mut self) {
        self.values.iter_mut().for_each(mask);
    }
}

impl Readable for Task {
    fn mask(&mut self) {
        self.status_message.iter_mut().for_each(mask);
    }
}

/// A task, and its job.
impl Readable for (Task, Arc<Job>) {
    fn mask(&mut self) {
        self.0.mask();
    }
}
