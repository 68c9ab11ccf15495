//! Lists of aliases, with ranges where their numbers follow one another.

use crate::text::json_length;

/// The fewest aliases that become a range.
const SHORTEST_RANGE: usize = 3;

/// An alias, by the last number in it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Numbered<'a> {
    before: &'a str,
    after: &'a str,
    number: Option<u64>,
    digits: &'a str,
    alias: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(alias: &'a str) -> Self {
        let end = alias.rfind(|one: char| one.is_ascii_digit());
        let end = end.map_or(0, |last| last + 1);
        let start = alias[..end].trim_end_matches(|one: char| one.is_ascii_digit());
        let digits = &alias[start.len()..end];
        Self {
            before: start,
            after: &alias[end..],
            number: digits.parse().ok(),
            digits,
            alias,
        }
    }

    /// Returns whether a range may go on from this alias to the next one.
    fn precedes(&self, next: &Self) -> bool {
        let is_padded = |one: &Self| one.digits.starts_with('0');
        let same_form =
            self.digits.len() == next.digits.len() || !(is_padded(self) || is_padded(next));
        (self.before, self.after) == (next.before, next.after)
            && self
                .number
                .is_some_and(|number| number.checked_add(1) == next.number)
            && same_form
    }
}

/// Lists aliases in at most `most` bytes of JSON, as far as that goes: `db, web1…web40 and 3 more`.
pub(super) fn list(aliases: &[&str], most: usize) -> String {
    let mut numbered: Vec<_> = aliases.iter().map(|alias| Numbered::of(alias)).collect();
    numbered.sort();
    let (mut text, mut listed) = (String::new(), 0);
    for range in numbered.chunk_by(Numbered::precedes) {
        for (item, count) in items(range) {
            let comma = if text.is_empty() { "" } else { ", " };
            let and_more = format!(" and {} more", aliases.len() - listed - count);
            let is_last = listed + count == aliases.len();
            let tail = if is_last { 0 } else { and_more.len() };
            if listed > 0 && json_length(&text) + comma.len() + json_length(&item) + tail > most {
                return format!("{text} and {} more", aliases.len() - listed);
            }
            text.push_str(comma);
            text.push_str(&item);
            listed += count;
        }
    }
    text
}

/// The items of a list that stand for aliases whose numbers follow one another, each with their number.
fn items(range: &[Numbered<'_>]) -> Vec<(String, usize)> {
    match range {
        [first, .., last] if range.len() >= SHORTEST_RANGE => {
            vec![(format!("{}…{}", first.alias, last.alias), range.len())]
        }
        few => few.iter().map(|one| (one.alias.to_owned(), 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_one_another_become_a_range() {
        let table: &[(&[&str], &str)] = &[
            (&["web1"], "web1"),
            (&["web2", "web1"], "web1, web2"),
            (&["web3", "web1", "web2", "db"], "db, web1…web3"),
            (&["web8", "web9", "web10", "web11"], "web8…web11"),
            (&["web08", "web09", "web10"], "web08…web10"),
            (&["web8", "web09", "web10"], "web8, web09, web10"),
            (&["a1.eu", "a2.eu", "a3.eu", "a4.us"], "a1.eu…a3.eu, a4.us"),
            (&["10.0.0.1", "10.0.0.2", "10.0.0.3"], "10.0.0.1…10.0.0.3"),
            (&["1", "2", "3"], "1…3"),
            (&["x", "y", "z"], "x, y, z"),
        ];
        for (aliases, listed) in table {
            assert_eq!(list(aliases, 1000), *listed);
        }
        let huge = "9".repeat(30);
        assert_eq!(list(&[&huge], 1000), huge);
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_the_others() {
        let aliases: Vec<_> = (0..50)
            .map(|number| format!("host-{}", number * 7))
            .collect();
        let aliases: Vec<_> = aliases.iter().map(String::as_str).collect();
        let text = list(&aliases, 100);
        let (listed, more) = text.split_once(" and ").unwrap();
        let listed = listed.split(", ").count();
        assert_eq!(more, format!("{} more", 50 - listed));
        assert!(text.len() <= 100 && text.len() > 80, "{text}");
        assert_eq!(list(&["a-long-name", "b"], 3), "a-long-name and 1 more");
    }
}
