//! The common face of services.

use crate::text::beginning;

/// The longest text that a service has of any kind.
const LONGEST_TEXT: usize = 120;

/// A service of any manager.
pub(super) trait Service {
    /// Its name.
    fn name(&self) -> &str;
    /// Its states, the one that it is counted under first.
    fn states(&self) -> Vec<&str>;
    /// Returns whether it has failed or restarts.
    fn needs_attention(&self) -> bool;
    /// Its details for people.
    fn row(&self) -> [String; 5];
}

/// A text as it is shown: what a server says has no bounds.
pub(super) fn short(text: &str) -> String {
    beginning(text, LONGEST_TEXT).into_owned()
}

/// The number of restarts, for people.
pub(super) fn text_of_restarts(restarts: Option<i64>) -> String {
    let restarts = restarts.filter(|restarts| *restarts > 0);
    restarts.map_or_else(String::new, |restarts| format!("{restarts} restarts"))
}
