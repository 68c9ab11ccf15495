//! Names that were meant by others.

/// The longest name that is compared: comparing takes time that grows with the length.
const LONGEST_NAME: usize = 64;

/// The known name of which another is most likely a misspelling.
pub(crate) fn misspelt<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    misspelt_by(name, known, |known| (known.len() / 3).max(1))
}

/// The same, with the most letters in which a known name may differ.
pub(crate) fn misspelt_by<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    most: impl Fn(&str) -> usize,
) -> Option<&'k str> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let name = plain_name(name);
    let known = known.into_iter();
    let distances = known.map(|known| {
        (
            strsim::damerau_levenshtein(&name, &plain_name(known)),
            known,
        )
    });
    let close = distances.filter(|(distance, known)| *distance <= most(known));
    let (_, nearest) = close.min_by_key(|(distance, _)| *distance)?;
    Some(nearest)
}

/// A name in small letters, without what stands between its words.
pub(crate) fn plain_name(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '-'], "")
}
