//! Waiting for changes of a document: one look at intervals for all who wait, and none while nobody does.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::document::{Document, Version};
use crate::sync::lock;

/// Watches the version of a document for those who wait.
#[derive(Debug)]
pub struct VersionWatch {
    document: Document,
    every: Duration,
    /// The look at the document, while somebody waits.
    look: Mutex<Weak<watch::Sender<Option<Version>>>>,
}

/// The changes of a document from now on.
#[derive(Debug)]
pub struct VersionChanges<'a> {
    of: &'a VersionWatch,
    versions: watch::Receiver<Option<Version>>,
}

impl VersionWatch {
    /// A watch of a document, which is looked at in intervals of `every`.
    pub fn new(document: Document, every: Duration) -> Self {
        Self {
            document,
            every,
            look: Mutex::default(),
        }
    }

    /// The changes from now on: what is read after this lacks none that came before.
    pub fn changes(&self) -> VersionChanges<'_> {
        VersionChanges {
            of: self,
            versions: self.receiver(),
        }
    }

    fn receiver(&self) -> watch::Receiver<Option<Version>> {
        let mut look = lock(&self.look);
        if let Some(sender) = look.upgrade() {
            return sender.subscribe();
        }
        let (sender, versions) = watch::channel(self.document.version());
        let sender = Arc::new(sender);
        *look = Arc::downgrade(&sender);
        tokio::spawn(Self::look(self.document.clone(), self.every, sender));
        versions
    }

    /// Looks for as long as somebody waits.
    async fn look(
        document: Document,
        every: Duration,
        sender: Arc<watch::Sender<Option<Version>>>,
    ) {
        while sender.receiver_count() > 0 {
            tokio::time::sleep(every).await;
            let version = document.version();
            sender.send_if_modified(|seen| std::mem::replace(seen, version) != version);
        }
    }
}

impl VersionChanges<'_> {
    /// Waits for another version. It may also come back without one.
    pub async fn changed(&mut self) {
        // The look has ended for one who comes just when the last one has gone.
        if self.versions.changed().await.is_err() {
            self.versions = self.of.receiver();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataDirectory;

    #[tokio::test]
    async fn all_who_wait_are_told_and_nothing_looks_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let document = DataDirectory::open(directory.path())
            .unwrap()
            .document("a.json");
        let watch = VersionWatch::new(document.clone(), Duration::from_millis(1));
        for round in 0..3 {
            let (mut one, mut other) = (watch.changes(), watch.changes());
            document
                .update(|count: &mut u32| *count += round + 1)
                .unwrap();
            tokio::join!(one.changed(), other.changed());
            drop((one, other));
            // The look ends by itself.
            while lock(&watch.look).upgrade().is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}
