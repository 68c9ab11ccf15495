//! The aliases that there are, for a caller who asked for another one.

/// The most aliases that a refusal names.
const NAMED: usize = 20;
/// The longest name that is compared: comparing takes time that grows with the length.
const COMPARED: usize = 100;

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
        let plain = alias.to_lowercase();
        let compared = known
            .clone()
            .filter(|name| alias.len().max(name.len()) <= COMPARED);
        let nearest = compared
            .map(|name| {
                (
                    strsim::damerau_levenshtein(&plain, &name.to_lowercase()),
                    name,
                )
            })
            .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
            .min_by_key(|(distance, _)| *distance);
        Self {
            named: known.clone().take(NAMED).cloned().collect(),
            count: known.count(),
            nearest: nearest.map(|(_, name)| name.clone()),
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
