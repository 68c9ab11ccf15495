//! The entries of `queue.json`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::id::JobId;
use super::kind::{Outcome, Spec};
use super::record::Job;

/// An entry of `queue.json`.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum QueueEntry {
    Job(Arc<Job>),
    /// An entry that another version wrote and this one cannot read: kept as it is.
    Other(Value),
}

impl<'de> Deserialize<'de> for QueueEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let job = Job::deserialize(&value);
        Ok(job.map_or(Self::Other(value), |job| Self::Job(Arc::new(job))))
    }
}

/// The file: entries by ID, oldest first.
pub(super) type QueueEntries = IndexMap<JobId, QueueEntry>;

/// The jobs among the entries.
pub(super) fn jobs(entries: &QueueEntries) -> impl Iterator<Item = &Arc<Job>> {
    entries.values().filter_map(|entry| match entry {
        QueueEntry::Job(job) => Some(job),
        QueueEntry::Other(_) => None,
    })
}

/// The entries that callers have made. Children of a job on many servers are none: they come and go with it.
pub(super) fn callers_entries(entries: &QueueEntries) -> usize {
    let entries = entries.values();
    let is_child =
        |entry: &QueueEntry| matches!(entry, QueueEntry::Job(job) if job.parent.is_some());
    entries.filter(|entry| !is_child(entry)).count()
}

/// The oldest finished jobs that have to go for `limit` to hold.
///
/// Children count, but those of a running parent, and go with their parent; the newest parent stays, however many
/// children it has.
pub(super) fn surplus(entries: &QueueEntries, limit: usize) -> Vec<JobId> {
    if entries.len() <= limit {
        return Vec::new();
    }
    let mut groups: IndexMap<&JobId, Vec<&Arc<Job>>> = IndexMap::new();
    for job in jobs(entries) {
        let parent = job.parent.as_ref().filter(|id| entries.contains_key(*id));
        groups
            .entry(parent.unwrap_or(&job.id))
            .or_default()
            .push(job);
    }
    let (live, mut finished): (Vec<_>, Vec<_>) = groups.into_values().partition(|group| {
        let mut group = group.iter();
        group.any(|job| job.status.is_live() || job.is_on_server())
    });
    let spared: usize = live.iter().map(|group| group.len() - 1).sum();
    let mut too_many = entries.len().saturating_sub(spared + limit);
    finished.sort_by_key(|group| {
        group
            .iter()
            .map(|job| job.updated_at.unwrap_or(job.created_at))
            .max()
    });
    let newest_parent = finished.iter().rposition(|group| group.len() > 1);
    let mut leaving = Vec::new();
    for (index, group) in finished.iter().enumerate() {
        if too_many == 0 {
            break;
        }
        if Some(index) != newest_parent {
            too_many = too_many.saturating_sub(group.len());
            leaving.extend(group.iter().map(|job| job.id.clone()));
        }
    }
    leaving
}

/// Has jobs on many servers among these, which have crashed, say how far their children had come.
pub(super) fn settle_parents(entries: &mut QueueEntries, crashed: &[JobId]) {
    for id in crashed {
        let Some(QueueEntry::Job(job)) = entries.get(id) else {
            continue;
        };
        let mut job = Arc::clone(job);
        let find = |id: &JobId| match entries.get(id) {
            Some(QueueEntry::Job(child)) => Some(child.child_end()),
            _ => None,
        };
        let Job { spec, outcome, .. } = Arc::make_mut(&mut job);
        if let (Spec::Fleet(fleet), Outcome::Fleet(outcome)) = (spec, outcome) {
            fleet.settle(outcome, find);
            entries.insert(id.clone(), QueueEntry::Job(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::exec::Exec;
    use super::super::kind::fleet::{Brakes, Fleet};
    use super::super::status::Status;
    use super::*;
    use crate::ssh::Bound;

    fn spec() -> Spec {
        Exec::new("true".to_owned(), None, Bound::default()).into()
    }

    /// Adds a job with this many children, and returns its ID.
    fn add(entries: &mut QueueEntries, children: usize, status: Status) -> JobId {
        let targets: Vec<_> = (0..children).map(|number| format!("w{number}")).collect();
        let spec = match children {
            0 => spec(),
            _ => Fleet::new(targets.clone(), spec(), Brakes::default())
                .unwrap()
                .into(),
        };
        let mut parent = Job::new("all", &spec);
        let id = parent.id.clone();
        let children = targets.iter().map(|alias| {
            let mut child = Job::new(alias, &self::spec());
            child.parent = Some(id.clone());
            child
        });
        let mut family: Vec<_> = children.collect();
        for child in &mut family {
            child.enter(Status::Completed);
        }
        parent.enter(status);
        family.push(parent);
        for job in family {
            entries.insert(job.id.clone(), QueueEntry::Job(Arc::new(job)));
        }
        id
    }

    #[test]
    fn children_come_and_go_with_their_parent() {
        let mut entries = QueueEntries::new();
        let old = add(&mut entries, 3, Status::Completed);
        let single = add(&mut entries, 0, Status::Completed);
        let newest = add(&mut entries, 30, Status::Completed);
        let live = add(&mut entries, 30, Status::Running);
        assert_eq!(callers_entries(&entries), 4);
        assert_eq!(surplus(&entries, entries.len()), Vec::<JobId>::new());
        // The children of the running one do not count.
        assert_eq!(surplus(&entries, 37), Vec::<JobId>::new());
        let leaving = surplus(&entries, 36);
        assert_eq!(leaving.len(), 4);
        assert!(leaving.contains(&old));
        let leaving = surplus(&entries, 2);
        assert_eq!(leaving.len(), 5);
        assert!(leaving.contains(&single));
        assert!(!leaving.contains(&newest) && !leaving.contains(&live));
    }

    #[test]
    fn a_crashed_parent_tells_what_its_children_did() {
        let mut entries = QueueEntries::new();
        let id = add(&mut entries, 3, Status::Crashed);
        let tasks: Vec<_> = jobs(&entries)
            .filter(|job| job.parent.is_some())
            .cloned()
            .collect();
        let Some(QueueEntry::Job(parent)) = entries.get_mut(&id) else {
            panic!("it is there");
        };
        let Outcome::Fleet(outcome) = &mut Arc::make_mut(parent).outcome else {
            panic!("it has many servers");
        };
        outcome.children[0].task = Some(tasks[0].id.clone());
        outcome.children[0].status = Some(Status::Pending);
        // Its record was not written.
        outcome.children[1].task = Some(JobId::random());
        outcome.children[1].status = Some(Status::Running);
        settle_parents(&mut entries, std::slice::from_ref(&id));
        let Some(QueueEntry::Job(parent)) = entries.get(&id) else {
            panic!("it is there");
        };
        assert_eq!(
            parent.fleet().unwrap().counts(),
            "done on 1 of 3 servers, under way when its process ended on 1, not begun on 1"
        );
    }
}
