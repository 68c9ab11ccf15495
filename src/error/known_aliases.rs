//! The aliases that there are, for a caller who asked for another one.

use crate::text::misspelt;

/// The most aliases that a refusal names.
const NAMED: usize = 20;

/// The aliases that there are.
#[derive(Clone, Debug, Default)]
pub struct KnownAliases {
    /// The first of them.
    pub named: Vec<String>,
    /// The number of all.
    pub count: usize,
    /// The one that was most likely meant.
    pub nearest: Option<String>,
}

impl KnownAliases {
    /// The aliases beside one that is not among them.
    pub fn beside<'a>(alias: &str, known: impl Iterator<Item = &'a String> + Clone) -> Self {
        let nearest = misspelt(alias, known.clone().map(String::as_str));
        Self {
            named: known.clone().take(NAMED).cloned().collect(),
            count: known.count(),
            nearest: nearest.map(ToOwned::to_owned),
        }
    }

    /// The number of those that are not named, if there are any.
    pub(super) fn more(&self) -> Option<usize> {
        let more = self.count - self.named.len();
        (more > 0).then_some(more)
    }

    /// The end of a message, which asks whether the nearest one was meant.
    pub(super) fn suggestion(&self) -> String {
        let nearest = self.nearest.as_ref();
        let asked = nearest.map(|nearest| format!("; did you mean `{nearest}`?"));
        asked.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_asked_for_and_few_are_named() {
        let names: Vec<_> = (0..30).map(|number| format!("server-{number}")).collect();
        let known = KnownAliases::beside("Sever-7", names.iter());
        assert_eq!(known.nearest.as_deref(), Some("server-7"));
        assert_eq!((known.named.len(), known.count), (20, 30));
        let stranger = KnownAliases::beside("database", names.iter());
        assert_eq!(stranger.suggestion(), "");
    }
}
