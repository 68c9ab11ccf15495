//! Rules for the names of new entries, and for a server's tags and notes.

use std::collections::BTreeSet;

use crate::error::Error;

/// Most bytes of a new alias.
const LONGEST: usize = 64;

/// Refuses a name that looks different to different readers, or could be taken for an option or a path.
/// Existing names stay as they are.
pub fn check_alias(alias: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:+".contains(&byte);
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_good = alias.len() <= LONGEST
        && alias.as_bytes().first().is_some_and(begins)
        && alias.bytes().all(is_plain);
    if is_good {
        return Ok(());
    }
    let problem = format!(
        "is no alias for something new: 1 to {LONGEST} ASCII letters, digits and `._-@:+`, the first a letter, digit or `_`"
    );
    Err(Error::invalid("alias", problem))
}

/// The most bytes of a server's notes.
const LONGEST_NOTES: usize = 2048;
/// The most tags of a server.
const MOST_TAGS: usize = 64;

/// Sorts tags, each once. Refuses one that could be taken for something else in an expression for servers.
pub fn tags(given: Vec<String>) -> Result<Vec<String>, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_good = |tag: &String| (1..=LONGEST).contains(&tag.len()) && tag.bytes().all(is_plain);
    if let Some(index) = given.iter().position(|tag| !is_good(tag)) {
        let problem = format!("is no tag: 1 to {LONGEST} ASCII letters, digits and `._-`");
        return Err(Error::invalid(&format!("tags[{index}]"), problem));
    }
    let tags: BTreeSet<_> = given.into_iter().collect();
    if tags.len() > MOST_TAGS {
        let problem = format!("has more than {MOST_TAGS} tags");
        return Err(Error::invalid("tags", problem));
    }
    Ok(tags.into_iter().collect())
}

/// Refuses notes that are too long for a list.
pub fn check_notes(notes: &str) -> Result<(), Error> {
    if notes.len() <= LONGEST_NOTES {
        return Ok(());
    }
    let problem = format!("has more than {LONGEST_NOTES} bytes");
    Err(Error::invalid("notes", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_aliases_are_plain() {
        let longest = "a".repeat(LONGEST);
        for good in [
            "web1",
            "prod_vps",
            "web-1.example.org",
            "user@host:22",
            "_a",
            "9",
            "c++",
            &longest,
        ] {
            assert!(check_alias(good).is_ok(), "{good}");
        }
        let longer = "a".repeat(LONGEST + 1);
        for bad in [
            "",
            "-a",
            ".a",
            "..",
            "a/b",
            "a\\b",
            "a b",
            "a\n",
            "a\0",
            "w\u{200b}eb1",
            "\u{202e}1bew",
            "wéb",
            "\u{430}dmin",
            "a\u{ad}b",
            "~",
            "$x",
            "a'b",
            "a*",
            "\u{feff}a",
            "fe80::1%eth0",
            &longer,
        ] {
            assert!(check_alias(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tags_are_plain_sorted_and_there_once() {
        let of = |given: &[&str]| tags(given.iter().map(ToString::to_string).collect());
        assert_eq!(of(&["prod", "eu-1", "prod"]).unwrap(), ["eu-1", "prod"]);
        let longer = "a".repeat(LONGEST + 1);
        for bad in [
            "", "a b", "a,b", "a*", "!a", "a&b", "tag:a", "\u{e9}", &longer,
        ] {
            let refusal = of(&["prod", bad]).unwrap_err().to_string();
            assert!(refusal.contains("tags[1]"), "{bad}: {refusal}");
        }
        let many: Vec<_> = (0..=MOST_TAGS).map(|number| number.to_string()).collect();
        assert!(tags(many).is_err());
    }
}
