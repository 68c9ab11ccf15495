//! Forms of secrets that are recognised in any text: headers, fields of JSON and settings, addresses, SQL, tokens.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::end_of;
use super::names::is_secret;
use crate::text::whole_characters;

/// A name, and what stands between it and its value.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    expression(r#"([A-Za-z_][\w.-]*)(\\*["'])?([ \t]*)(:=|=>|:|=)([ \t]*)(\\*["'])?"#)
});

/// The words before a credential in a header.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?i)^(?:bearer|basic|token|digest|negotiate|apikey|key|bot)\s+"));

/// Forms whose first group is the secret.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        // The password in an address, and a token in place of a user.
        r#"[A-Za-z][A-Za-z0-9+.-]*://[^/\s'"@:]*:([^/\s'"@$][^/\s'"@]*)@"#,
        r#"https?://([^/\s'"@:$]{8,})@"#,
        // A password in SQL.
        r#"(?i)\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?\\*['"]([^'"\\]+)"#,
        r#"(?i)\b(?:with|encrypted|(?:role|user)\s+\S+)\s+password\s+\\*['"]([^'"\\]+)"#,
        r#"(?i)\bpassword\s*\(\s*\\*['"]([^'"\\]+)"#,
        r#"(?i)\bset\s+password\b[^=;]*=\s*\\*['"]([^'"\\]+)"#,
        // A line of a netrc file.
        r#"\blogin\s+\S+\s+password\s+([^\s'"]+)"#,
        // A private key.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)(?:-----END|\z)",
        // Tokens that show what they are.
        r"\b((?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-(?:ant-|proj-)?|[sr]k_live_|AIza|hf_|npm_|pypi-|dop_v1_|SG\.|hvs\.|AGE-SECRET-KEY-)[A-Za-z0-9_.-]{16,})",
        r"\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+)",
    ];
    forms.into_iter().map(expression).collect()
});

/// The most bytes after a quote in which its end is looked for.
const LONGEST_VALUE: usize = 4096;

/// Headers that hold a secret, besides those with the name of one.
const HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("the expression is correct")
}

/// The secrets in a text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let forms = FORMS.iter().flat_map(|form| form.captures_iter(text));
    let mut found: Vec<_> = forms
        .filter_map(|found| Some(found.get(1)?.range()))
        .collect();
    let mut from = 0;
    while let Some(field) = FIELD.captures_at(text, from) {
        let whole = field.get(0).map_or(from..text.len(), |whole| whole.range());
        // A field may begin within the text that was taken for another.
        from = field.get(1).map_or(whole.end, |name| name.end());
        found.extend(value(text, &field));
    }
    found
}

/// The value of a field, if it is a secret.
fn value(text: &str, field: &Captures<'_>) -> Option<Range<usize>> {
    let group = |number| field.get(number).map_or("", |found| found.as_str());
    let name = field.get(1)?;
    let (after_name, between, opening) = (group(2), group(4), group(6));
    let is_header = HEADERS.contains(&name.as_str().to_ascii_lowercase().as_str());
    let before = &text[..name.start()];
    if !is_header && !is_secret(name.as_str()) || before.ends_with('/') || before.ends_with("${") {
        return None;
    }
    // $password = 'x' sets a variable, and "$password" = 'x' compares one.
    if before.ends_with('$') && (opening.is_empty() || !after_name.is_empty()) {
        return None;
    }
    let start = field.get(0)?.end();
    let has_space = !group(3).is_empty() || !group(5).is_empty();
    let end = if !opening.is_empty() {
        // "password:" ends with the quote that it began with.
        if after_name.is_empty() && before.ends_with(opening) {
            return None;
        }
        let near = &text.as_bytes()[start..(start + LONGEST_VALUE).min(text.len())];
        let near = &text[start..start + whole_characters(near)];
        start + near.find(opening)?
    } else if between == "=" {
        // Without spaces it is a word of a command line.
        if group(3).is_empty() || group(5).is_empty() {
            return None;
        }
        end_of(text, start, |letter| {
            letter.is_whitespace() || letter == '\'' || letter == '"'
        })
    } else {
        let is_named = is_header || name.as_str().contains('-') && before.ends_with(['"', '\'']);
        let is_setting = has_space && begins_line(before);
        if !is_named && !is_setting {
            return None;
        }
        end_of(text, start, |letter| "\n\r'\"".contains(letter))
    };
    let scheme = SCHEME.find(&text[start..end]).filter(|_| is_header);
    let start = scheme.map_or(start, |scheme| start + scheme.end());
    let shown = text[start..end].trim_end_matches([' ', '\t', ',', '}', '\\']);
    (!shown.is_empty() && !shown.starts_with('$')).then(|| start..start + shown.len())
}

/// Returns whether a line of settings begins after this, or a text in quotes.
fn begins_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '-', '+']);
    before.is_empty() || before.ends_with(['\n', '"', '\'', '{', ',', '\\'])
}
