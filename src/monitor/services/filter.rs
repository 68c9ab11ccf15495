//! The choice of the services that are shown.

use globset::GlobMatcher;

use super::service::Service;

/// A choice of services. By default, those that need attention.
#[derive(Clone, Debug, Default)]
pub struct ServiceFilter {
    /// A pattern of names.
    pub name: Option<GlobMatcher>,
    /// A state.
    pub state: Option<String>,
    /// True if the names of the others are wanted as well.
    pub all: bool,
}

impl ServiceFilter {
    /// Returns whether a service is to be shown.
    pub(super) fn selects(&self, service: &impl Service) -> bool {
        if self.name.is_none() && self.state.is_none() {
            return service.needs_attention();
        }
        let is_named = |name: &GlobMatcher| name.is_match(service.name());
        let is_in = |state: &String| {
            let mut states = service.states().into_iter();
            states.any(|other| other.eq_ignore_ascii_case(state))
        };
        self.name.as_ref().is_none_or(is_named) && self.state.as_ref().is_none_or(is_in)
    }
}
