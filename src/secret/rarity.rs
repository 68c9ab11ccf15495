//! A measure of how well a secret can be told from other words.

/// The texts in which a secret can be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rarity {
    /// It is masked everywhere.
    Rare,
    /// It is masked in texts about the servers that use it.
    Common,
    /// It is not masked, because it is an alias, a user or a host.
    Name,
    /// It is not masked, because it occurs everywhere by chance.
    Short,
}

impl Rarity {
    /// A warning for the person who sets such a secret, which completes a sentence.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Rare => None,
            Self::Common => Some(
                "is a common word or part of a name, so that it is masked only in what this server prints and in its tasks; better choose another",
            ),
            Self::Name => Some(
                "is also an alias, a user or a host here, so that it is not masked anywhere; better choose another",
            ),
            Self::Short => Some(
                "has fewer than 6 characters, so that it is not masked anywhere; better choose another",
            ),
        }
    }
}
