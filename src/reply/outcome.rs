//! The outcome of a call, which goes with its answer as far as the gate.

use rmcp::model::MetaObject;

use crate::audit::CallOutcome;

/// The key of an answer's metadata under which its outcome goes to the gate. No client sees it.
const OUTCOME: &str = "outcome";

/// Gives an answer its outcome.
pub(super) fn put_outcome(meta: &mut Option<MetaObject>, outcome: &CallOutcome) {
    let outcome = serde_json::to_value(outcome).expect("its fields are numbers and texts");
    let meta = meta.get_or_insert_with(MetaObject::new);
    meta.0.insert(OUTCOME.to_owned(), outcome);
}

/// Takes the outcome out of an answer's metadata.
pub fn take_outcome(meta: &mut Option<MetaObject>) -> CallOutcome {
    let found = meta
        .as_mut()
        .and_then(|meta| meta.0.remove(OUTCOME))
        .and_then(|outcome| serde_json::from_value(outcome).ok());
    *meta = meta.take().filter(|meta| !meta.0.is_empty());
    found.unwrap_or_else(|| CallOutcome::named("ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_leaves_nothing_in_the_answer() {
        let mut meta = None;
        let outcome = CallOutcome {
            job: Some("a1b2c3d4".to_owned()),
            exit_code: Some(3),
            ..CallOutcome::named("failed")
        };
        put_outcome(&mut meta, &outcome);
        assert_eq!(take_outcome(&mut meta), outcome);
        assert_eq!(meta, None);
    }
}
