//! A service manager and its services.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::filter::ServiceFilter;
use super::service::{Service, short};
use crate::monitor::Sections;
use crate::text::table;

/// The most services of a manager that are shown with their details.
const MOST: usize = 50;

/// A service manager. One that is not found is `absent`, one that does not answer is `unavailable`: neither
/// is a failure of the probe.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServiceManager<T> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The number of services in each state.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    counts: IndexMap<String, usize>,
    /// The services that need attention, or that were asked for.
    services: Vec<T>,
    /// The number of further ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
    /// The names of all others by state.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    others: IndexMap<String, Vec<String>>,
}

impl<T: Service> ServiceManager<T> {
    /// Reads a manager's part of a probe's output. `parse` gives `None` if it is no answer.
    pub(super) fn read(
        sections: &Sections<'_>,
        name: &str,
        filter: &ServiceFilter,
        parse: impl Fn(&Sections<'_>) -> Option<Vec<T>>,
    ) -> Self {
        if !sections.has(name) {
            let reason = "not found on the PATH, nor where it is mostly put";
            return Self::without_services("absent", reason);
        }
        let went_well = sections.number(&format!("{name} status"), "") == Some(0);
        if let Some(services) = parse(sections).filter(|_| went_well) {
            let note = sections.lines(&format!("{name} note"));
            let note = note.first().map(|&note| note.to_owned());
            return Self::present(note, services, filter);
        }
        let mut lines = sections.lines(name).iter();
        let said = lines.find(|line| !line.trim().is_empty());
        let said = said.map_or("it did not answer", |line| line.trim());
        Self::without_services("unavailable", said)
    }

    fn without_services(status: &'static str, reason: &str) -> Self {
        Self {
            status,
            reason: Some(short(reason)),
            counts: IndexMap::new(),
            services: Vec::new(),
            left_out: None,
            others: IndexMap::new(),
        }
    }

    fn present(reason: Option<String>, services: Vec<T>, filter: &ServiceFilter) -> Self {
        let mut counts = IndexMap::<_, usize>::new();
        let state = |service: &T| service.states().first().map(|state| short(state));
        for state in services.iter().filter_map(state) {
            *counts.entry(state).or_default() += 1;
        }
        counts.sort_by(|_, one, _, other| one.cmp(other));
        let (mut shown, others): (Vec<_>, Vec<_>) = services
            .into_iter()
            .partition(|service| filter.selects(service));
        let left_out = shown.len().saturating_sub(MOST);
        shown.truncate(MOST);
        let mut names = IndexMap::<_, Vec<_>>::new();
        for service in others.iter().filter(|_| filter.all) {
            let of_state = names.entry(state(service).unwrap_or_default()).or_default();
            of_state.push(short(service.name()));
        }
        Self {
            status: "present",
            reason,
            counts,
            services: shown,
            left_out: Some(left_out).filter(|number| *number > 0),
            others: names,
        }
    }

    /// The manager for people: a line of numbers, then its services.
    pub(super) fn text(&self, name: &str) -> String {
        let counts = self.counts.iter();
        let counts: Vec<_> = counts
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let summary = match (self.status, counts.is_empty()) {
            ("present", true) => "none".to_owned(),
            ("present", false) => counts.join(", "),
            (status, _) => status.to_owned(),
        };
        let reason = self.reason.iter().map(|reason| format!(" ({reason})"));
        let mut lines = vec![format!("{name}: {summary}{}", reason.collect::<String>())];
        let rows: Vec<_> = self.services.iter().map(Service::row).collect();
        lines.extend((!rows.is_empty()).then(|| table(&rows)));
        lines.extend(
            self.left_out
                .map(|number| format!("and {number} more; `name` and `state` select among them")),
        );
        let others = self.others.iter();
        lines.extend(others.map(|(state, names)| format!("{state}: {}", names.join(", "))));
        lines.join("\n")
    }
}
