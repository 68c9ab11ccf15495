//! Locks: mutexes that are held only for a moment, and such as tasks wait for by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks `mutex`, also after a panic in another holder: the data under it is consistent between any two
/// statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks by their names, each held by one task at a time.
#[derive(Debug, Default)]
pub struct NamedLocks(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl NamedLocks {
    /// Waits for a lock, and holds it until the result is dropped.
    pub async fn hold(&self, name: String) -> OwnedMutexGuard<()> {
        let held = {
            let mut locks = lock(&self.0);
            locks.retain(|_, held| held.strong_count() > 0);
            let held = locks.get(&name).and_then(Weak::upgrade).unwrap_or_default();
            locks.insert(name, Arc::downgrade(&held));
            held
        };
        held.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_name_is_held_by_one_at_a_time() {
        let locks = NamedLocks::default();
        let first = locks.hold("a".to_owned()).await;
        let _other = locks.hold("b".to_owned()).await;
        let second = locks.hold("a".to_owned());
        tokio::pin!(second);
        let waited = tokio::time::timeout(Duration::from_millis(20), &mut second).await;
        assert!(waited.is_err());
        drop(first);
        let _second = second.await;
        assert_eq!(lock(&locks.0).len(), 2);
    }
}
