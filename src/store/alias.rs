//! Rules for the names of new entries.

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
}
