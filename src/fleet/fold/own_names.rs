//! Placeholders for the names that a server has of its own. Putting the names back gives the very text again.

use super::report::ChildReport;

/// Stands for a server's alias.
pub(super) const ALIAS: &str = "{alias}";
/// Stands for a server's address or host name.
pub(super) const HOST: &str = "{host}";

/// A text with placeholders for the server's own names; `None` if it holds none of them, or a placeholder already.
pub(super) fn generic(report: &ChildReport, text: &str) -> Option<String> {
    if [ALIAS, HOST]
        .iter()
        .any(|placeholder| text.contains(placeholder))
    {
        return None;
    }
    let host = report.host.as_deref().unwrap_or_default();
    let mut names = [(report.alias.as_str(), ALIAS), (host, HOST)];
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let (mut replaced, mut rest, mut before) = (String::new(), text, None);
    while let Some(first) = rest.chars().next() {
        let found = names.iter().find(|(name, _)| is_word(before, rest, name));
        let taken = match found {
            Some((name, placeholder)) => {
                replaced.push_str(placeholder);
                name
            }
            None => &rest[..first.len_utf8()],
        };
        if found.is_none() {
            replaced.push(first);
        }
        before = taken.chars().next_back();
        rest = &rest[taken.len()..];
    }
    (replaced != text).then_some(replaced)
}

/// Returns whether a text begins with a name, and the name is no part of a longer word.
fn is_word(before: Option<char>, text: &str, name: &str) -> bool {
    let is_of_word = |one: char| one.is_alphanumeric() || one == '_' || one == '-';
    let after = text.strip_prefix(name).filter(|_| !name.is_empty());
    after.is_some_and(|after| {
        !before.is_some_and(is_of_word) && !after.chars().next().is_some_and(is_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::fold::ChildOutcome;

    #[test]
    fn names_are_replaced_as_whole_words() {
        let report = ChildReport {
            alias: "web1".to_owned(),
            host: Some("web1.example.org".to_owned()),
            task: None,
            outcome: ChildOutcome::Succeeded,
            output: String::new(),
            digest: None,
        };
        let table = [
            ("Linux web1 6.1", Some("Linux {alias} 6.1")),
            ("web1.example.org: web1", Some("{host}: {alias}")),
            ("web1.lan", Some("{alias}.lan")),
            ("web10 web1x xweb1 web1-a web1_b", None),
            ("{alias} web1", None),
            ("é web1é", None),
            ("web1é\u{20ac}(web1)", Some("web1é\u{20ac}({alias})")),
            ("", None),
        ];
        for (text, replaced) in table {
            assert_eq!(generic(&report, text).as_deref(), replaced, "{text}");
        }
    }
}
