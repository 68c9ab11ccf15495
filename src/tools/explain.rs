//! Refusals of arguments: the deserialiser's messages in JSON's terms, with suggestions for misspelt names.

use crate::text::{beginning, misspelt, plain_name};

/// The longest part of a deserialiser's message that quotes what was given.
const LONGEST_QUOTED: usize = 200;

/// The longest list of known names, in bytes.
const LONGEST_LIST: usize = 150;
/// The bytes of names that are shown of a longer one.
const FIRST_NAMES: usize = 110;

/// Parameters that another tool has: their names, a parameter of the tool that lacks them, and what to call.
const ELSEWHERE: [(&str, &str, &str); 2] =
    [("mirror", "files", MIRRORS), ("token", "files", MIRRORS)];
const MIRRORS: &str = "a mirror is of one directory: call task_transfer for each";

/// Splits serde's message into parameter, problem and expectation.
pub(super) fn explain(
    path: &str,
    message: &str,
    names: impl Fn() -> Vec<String>,
    is_secret: impl Fn(&str) -> bool,
) -> (String, String, Option<String>) {
    // serde names an unknown or missing field in its message, and any other by the path to it.
    let quoted = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    let within = |name: String| match path
        .strip_suffix(&name)
        .unwrap_or(path)
        .trim_end_matches('.')
    {
        "" => name,
        parent => format!("{parent}.{name}"),
    };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let name = quoted(rest);
        let parameter = within(name.clone());
        let known = if parameter == name {
            names()
        } else {
            let expected = rest
                .split_once(", expected ")
                .map_or("", |(_, expected)| expected);
            let known = expected.split('`').skip(1).step_by(2);
            known.map(ToOwned::to_owned).collect()
        };
        (parameter, unknown(&name, &known), None)
    } else if let Some(rest) = message.strip_prefix("missing field `") {
        (within(quoted(rest)), "is missing".to_owned(), None)
    } else {
        let (given, expected) = in_words(message);
        let given = beginning(&given, LONGEST_QUOTED);
        let name = path.split(['.', '[']).next().unwrap_or_default();
        let problem = match (&expected, is_secret(name)) {
            (Some(expected), false) => format!("{given}; expected {expected}"),
            (None, false) => given.into_owned(),
            // The message quotes what was given.
            (Some(expected), true) => format!("is not acceptable; expected {expected}"),
            (None, true) => "is not acceptable".to_owned(),
        };
        (path.to_owned(), problem, expected)
    }
}

/// The problem with an unknown name, and the known ones.
fn unknown(name: &str, known: &[String]) -> String {
    if known.is_empty() {
        return "is not known; this tool takes no parameters".to_owned();
    }
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(other, beside, _)| *other == name && known.contains(beside));
    if let Some((_, _, advice)) = elsewhere {
        return format!("is not known here; {advice}");
    }
    let meant = nearest(name, &known);
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
    let meant = meant.unwrap_or_else(|| ";".to_owned());
    format!("is not known{meant} known: {}", listed(&known))
}

/// Lists names, or the first ones of very many.
fn listed(names: &[&str]) -> String {
    let whole = names.join(", ");
    if whole.len() <= LONGEST_LIST {
        return whole;
    }
    let end = whole[..FIRST_NAMES].rfind(", ").unwrap_or_default();
    let left_out = names.len() - whole[..end].split(", ").count();
    format!("{}, … ({left_out} more)", &whole[..end])
}

/// The known name that was most likely meant by an unknown one.
fn nearest<'e>(name: &str, known: &[&'e str]) -> Option<&'e str> {
    if let Some(known) = misspelt(name, known.iter().copied()) {
        return Some(known);
    }
    let name = plain_name(name);
    let synonyms = SYNONYMS.iter().find(|(other, _)| *other == name);
    let mut synonymous = known
        .iter()
        .filter(|known| synonyms.is_some_and(|(_, synonyms)| synonyms.contains(known)));
    if let (Some(known), None) = (synonymous.next(), synonymous.next()) {
        return Some(known);
    }
    let abbreviates = |known: &&&str| {
        let known = plain_name(known);
        let mut rest = name.chars();
        (known.len() >= 3 || name.starts_with(&known[..1]))
            && known
                .chars()
                .all(|letter| rest.any(|other| other == letter))
    };
    known
        .iter()
        .filter(abbreviates)
        .max_by_key(|known| known.len())
        .copied()
}

/// Names of parameters in other programs' tools, each with the parameters here that it may mean.
const SYNONYMS: [(&str, &[&str]); 14] = [
    ("command", &["cmd", "commands"]),
    ("cmd", &["commands"]),
    ("script", &["cmd", "commands"]),
    ("path", &["filepath", "local", "remote"]),
    ("file", &["filepath", "files", "local", "remote"]),
    ("server", &["alias"]),
    ("hostname", &["host", "alias"]),
    ("host", &["alias"]),
    ("name", &["alias"]),
    ("username", &["user"]),
    ("source", &["local", "remote"]),
    ("destination", &["local", "remote"]),
    ("target", &["local", "remote"]),
    ("taskid", &["id"]),
];

/// A deserialiser's message in JSON's terms: the problem, as the end of a sentence, and the expectation.
fn in_words(message: &str) -> (String, Option<String>) {
    let Some((given, expected)) = message.split_once(", expected ") else {
        return (format!("is not acceptable: {message}"), None);
    };
    let expected = expectation(expected);
    let given = match given.split_once(": ") {
        Some((kind, given)) if kind.starts_with("invalid") => format!("is {}", value(given)),
        _ => format!("is not acceptable: {given}"),
    };
    (given, Some(expected))
}

fn expectation(expected: &str) -> String {
    match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" | "u64" | "usize" => "an integer, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "a map" => "an object",
        "unit" => "null",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
    .to_owned()
}

fn value(given: &str) -> String {
    let quoted = ["integer `", "floating point `", "boolean `"];
    let literal = quoted.iter().find_map(|kind| given.strip_prefix(kind));
    match (given, literal) {
        ("map", _) => "an object".to_owned(),
        ("sequence", _) => "an array".to_owned(),
        ("unit value", _) => "null".to_owned(),
        (_, Some(literal)) => literal.trim_end_matches('`').to_owned(),
        _ if given.starts_with("string ") => format!("the {given}"),
        _ => given.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_gets_a_suggestion() {
        let known = ["alias", "cmd", "keyPath", "continueOnError"];
        for (name, meant) in [
            ("cmdd", Some("cmd")),
            ("key_path", Some("keyPath")),
            ("continue_on_eror", Some("continueOnError")),
            ("Alias", Some("alias")),
            ("comand", Some("cmd")),
            ("command", Some("cmd")),
            ("server", Some("alias")),
            ("port", None),
        ] {
            assert_eq!(nearest(name, &known), meant, "{name}");
        }
        // Either may be meant.
        assert_eq!(nearest("source", &["local", "remote"]), None);
        assert_eq!(nearest("path", &["alias", "filepath"]), Some("filepath"));
    }

    #[test]
    fn a_parameter_that_another_tool_has_is_refused_with_that_tool() {
        let several = ["alias", "files"].map(ToOwned::to_owned);
        let refusal = unknown("mirror", &several);
        assert!(refusal.contains("call task_transfer"), "{refusal}");
        assert!(!unknown("mirror", &several[..1]).contains("task_transfer"));
    }

    #[test]
    fn a_long_list_of_names_ends_with_the_number_of_the_others() {
        assert_eq!(listed(&["alias", "cmd"]), "alias, cmd");
        let names: Vec<_> = (10..50).map(|number| format!("name{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let shown = listed(&names);
        assert!(shown.starts_with("name10, name11, "), "{shown}");
        assert!(shown.ends_with(", name22, … (27 more)"), "{shown}");
    }

    #[test]
    fn refusals_speak_of_json() {
        for (message, given, expected) in [
            (
                "invalid type: string \"x\", expected u16",
                "is the string \"x\"",
                "an integer from 0 to 65535",
            ),
            (
                "invalid type: map, expected a string",
                "is an object",
                "a string",
            ),
            (
                "invalid type: sequence, expected struct Entry",
                "is an array",
                "an object",
            ),
            (
                "invalid type: null, expected a sequence",
                "is null",
                "an array",
            ),
            (
                "invalid value: integer `-1`, expected usize",
                "is -1",
                "an integer, 0 or more",
            ),
            (
                "invalid type: floating point `1.5`, expected f64",
                "is 1.5",
                "a number",
            ),
            (
                "unknown variant `x`, expected `a` or `b`",
                "is not acceptable: unknown variant `x`",
                "`a` or `b`",
            ),
        ] {
            assert_eq!(
                in_words(message),
                (given.to_owned(), Some(expected.to_owned()))
            );
        }
    }
}
