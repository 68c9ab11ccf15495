//! Queries to databases that only read.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::GivenArguments;

/// Words of a `SELECT` that writes, or locks.
const WRITING_WORDS: &[&str] = &[
    "into",
    "insert",
    "update",
    "delete",
    "lock",
    "share",
    "procedure",
    "merge",
    "truncate",
];

/// Words that may stand before a parenthesis: functions that only compute, and words of the language.
const BEFORE_PARENTHESIS: &[&str] = &[
    "abs",
    "all",
    "and",
    "any",
    "as",
    "avg",
    "by",
    "case",
    "cast",
    "coalesce",
    "concat",
    "count",
    "current_database",
    "database",
    "date",
    "date_trunc",
    "distinct",
    "else",
    "exists",
    "extract",
    "floor",
    "from",
    "group_concat",
    "having",
    "if",
    "ifnull",
    "in",
    "join",
    "length",
    "lower",
    "max",
    "min",
    "not",
    "now",
    "nullif",
    "on",
    "or",
    "over",
    "pg_database_size",
    "pg_relation_size",
    "pg_size_pretty",
    "pg_total_relation_size",
    "round",
    "select",
    "string_agg",
    "substring",
    "sum",
    "then",
    "trim",
    "union",
    "upper",
    "using",
    "values",
    "version",
    "when",
    "where",
];

/// Commands of `psql` that describe.
static DESCRIBES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\\(?:d[a-zA-Z]*[+S]*|l\+?|conninfo)(?: [\w.*]+)?$")
        .expect("the expression is correct")
});

/// Commands of Redis that read.
const REDIS: &[&str] = &[
    "dbsize", "exists", "get", "hget", "hgetall", "hkeys", "hlen", "info", "keys", "lastsave",
    "llen", "lrange", "ping", "pttl", "role", "scan", "scard", "smembers", "strlen", "time", "ttl",
    "type", "zcard", "zrange",
];
const REDIS_PAIRS: &[(&str, &[&str])] = &[
    ("client", &["list"]),
    ("cluster", &["info", "nodes"]),
    ("config", &["get"]),
    ("memory", &["stats", "usage"]),
    ("slowlog", &["get", "len"]),
];

pub(super) fn mysql_reads(given: &GivenArguments<'_>) -> bool {
    let queries = given.values(&["e", "execute"]);
    given.operands.len() <= 1 && !queries.is_empty() && queries.iter().all(|query| sql_reads(query))
}

pub(super) fn psql_reads(given: &GivenArguments<'_>) -> bool {
    let queries = given.values(&["c", "command"]);
    let reads = |query: &&str| sql_reads(query) || DESCRIBES.is_match(query.trim());
    given.operands.len() <= 2 && !queries.is_empty() && queries.iter().all(reads)
}

pub(super) fn redis_reads(given: &GivenArguments<'_>) -> bool {
    let words: Vec<_> = given
        .operands
        .iter()
        .take(2)
        .map(|word| word.to_ascii_lowercase())
        .collect();
    let first = words.first().map(String::as_str).unwrap_or_default();
    let second = words.get(1).map(String::as_str).unwrap_or_default();
    let mut pairs = REDIS_PAIRS.iter();
    REDIS.contains(&first) || pairs.any(|(name, verbs)| *name == first && verbs.contains(&second))
}

/// Returns whether every statement is one that reads. A semicolon within quotes ends one, too: the parts are more
/// than the database sees, and each has to read.
fn sql_reads(text: &str) -> bool {
    let is_plain = !text.contains(['\\', '$', '#']) && !text.contains("/*") && !text.contains("--");
    let mut statements = text
        .split(';')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .peekable();
    is_plain && statements.peek().is_some() && statements.all(statement_reads)
}

fn statement_reads(statement: &str) -> bool {
    let statement = statement.to_lowercase();
    let words: Vec<_> = statement
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        ["select" | "show", ..] | ["explain", "select", ..] => {
            !words.iter().any(|word| WRITING_WORDS.contains(word)) && calls_are_known(&statement)
        }
        ["describe" | "desc" | "use", _] => true,
        _ => false,
    }
}

/// Returns whether each parenthesis follows a word that is known, or an operator.
fn calls_are_known(statement: &str) -> bool {
    statement.match_indices('(').all(|(place, _)| {
        let before = statement[..place].trim_end();
        let word = before
            .rsplit(|letter: char| !letter.is_alphanumeric() && !"_.".contains(letter))
            .next()
            .unwrap_or_default();
        if word.is_empty() {
            before.ends_with(['(', ',', '=', '<', '>', '+', '-', '*'])
        } else {
            BEFORE_PARENTHESIS.contains(&word)
        }
    })
}
