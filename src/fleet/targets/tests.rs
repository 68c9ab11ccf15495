use serde_json::{Value, json};

use super::*;
use crate::secret::Vault;
use crate::store::DataDirectory;

/// The servers of every case, in the order of `servers.json`, with their tags.
const SERVERS: &[(&str, &[&str])] = &[
    ("web2", &["prod", "us"]),
    ("web1", &["eu", "prod"]),
    ("web10", &["eu", "test"]),
    ("Web3", &[]),
    ("db1", &["db", "prod"]),
    ("db-old", &["db", "eu-west"]),
    ("user@host:22", &[]),
];

/// Servers whose names have a meaning of their own in expressions.
const ODD: &[(&str, &[&str])] = &[
    ("all", &["x"]),
    ("web1", &["x", "y"]),
    ("a,b", &["y"]),
    ("web*", &[]),
    ("!web1", &["y"]),
    ("tag:x", &[]),
    ("x&y", &[]),
    ("[\"web1\"]", &[]),
];

struct Fixture {
    servers: Servers,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new(servers: &[(&str, &[&str])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let entries = servers.iter().map(|(alias, tags)| {
            let entry = json!({"host": "h", "user": "u", "password": "p", "tags": tags});
            ((*alias).to_owned(), entry)
        });
        let entries = Value::Object(entries.collect());
        std::fs::write(directory.path().join("servers.json"), entries.to_string()).unwrap();
        let data = DataDirectory::open(directory.path()).unwrap();
        let servers = Servers::open(&data, Vault::open(directory.path(), None, false));
        Self { servers, directory }
    }

    fn resolve(&self, expression: &Value) -> Result<Targets, Error> {
        let expression: TargetExpression = serde_json::from_value(expression.clone()).unwrap();
        expression.resolve(&self.servers)
    }

    /// The aliases with spaces between; a single server has an equals sign before it, a refusal its code.
    fn outcome(&self, expression: &Value) -> String {
        match self.resolve(expression) {
            Ok(targets) if targets.is_single() => format!("={}", targets.aliases.join(" ")),
            Ok(targets) => targets.aliases.join(" "),
            Err(Error::UnknownAlias { alias, .. }) => format!("UNKNOWN_ALIAS {alias}"),
            Err(Error::NoTargets { part, .. }) => format!("NO_TARGETS {part}"),
            Err(error) => error.code().to_owned(),
        }
    }

    fn check(&self, cases: Vec<(Value, &str)>) {
        for (expression, expected) in cases {
            assert_eq!(self.outcome(&expression), expected, "{expression}");
        }
    }
}

const ALL: &str = "web2 web1 web10 Web3 db1 db-old user@host:22";

#[test]
fn names_and_patterns() {
    Fixture::new(SERVERS).check(vec![
        (json!("web1"), "=web1"),
        (json!("user@host:22"), "=user@host:22"),
        (json!(" web1 "), "=web1"),
        (json!("web1,"), "=web1"),
        (json!("web1,web2"), "web1 web2"),
        (json!("web2, web1"), "web2 web1"),
        (json!("web1,web1"), "web1"),
        (json!("web1,,db1,"), "web1 db1"),
        (json!("web*"), "web2 web1 web10"),
        (json!("w*"), "web2 web1 web10"),
        (json!("[wW]eb*"), "web2 web1 web10 Web3"),
        (json!("web?"), "web2 web1"),
        (json!("web[2-9]"), "web2"),
        (json!("web[!2]"), "web1"),
        (json!("{web,db}1"), "web1 db1"),
        (json!("db1,{web,db}1"), "db1 web1"),
        (json!("web10,web*"), "web10 web2 web1"),
        (json!("*host*"), "user@host:22"),
        (json!("*"), ALL),
        (json!("all"), ALL),
        (
            json!("db1,all"),
            "db1 web2 web1 web10 Web3 db-old user@host:22",
        ),
        (json!("WEB*"), "NO_TARGETS WEB*"),
        (json!("web[12"), "INVALID_ARGUMENT"),
        (json!("{web"), "INVALID_ARGUMENT"),
        (json!("web4"), "UNKNOWN_ALIAS web4"),
        (json!("web3"), "UNKNOWN_ALIAS web3"),
        (json!("ALL"), "UNKNOWN_ALIAS ALL"),
        (json!("web1 web2"), "UNKNOWN_ALIAS web1 web2"),
        (json!("web1,web4"), "UNKNOWN_ALIAS web4"),
        (json!("db*,web4"), "UNKNOWN_ALIAS web4"),
        (json!(""), "UNKNOWN_ALIAS "),
        (json!(","), "UNKNOWN_ALIAS ,"),
        (json!("mail*"), "NO_TARGETS mail*"),
        (json!("web1,mail*"), "NO_TARGETS mail*"),
    ]);
}

#[test]
fn tags_and_conditions() {
    Fixture::new(SERVERS).check(vec![
        (json!("tag:prod"), "web2 web1 db1"),
        (json!("tag:us"), "web2"),
        (json!("tag:eu*"), "web1 web10 db-old"),
        (json!("tag:*"), "web2 web1 web10 db1 db-old"),
        (json!("tag:{us,test}"), "web2 web10"),
        (json!("tag:prod&tag:eu"), "web1"),
        (json!("tag:prod & tag:eu"), "web1"),
        (json!("tag:prod&web*"), "web2 web1"),
        (json!("web*&!web1"), "web2 web10"),
        (json!("tag:prod&!tag:eu"), "web2 db1"),
        (json!("!tag:eu&tag:prod"), "web2 db1"),
        (json!("tag:db,tag:prod"), "db1 db-old web2 web1"),
        (json!("tag:us,tag:prod&tag:eu"), "web2 web1"),
        (json!("all&tag:test"), "web10"),
        (json!("web1&web1"), "web1"),
        (json!("tag:Prod"), "NO_TARGETS tag:Prod"),
        (json!("tag:prodd"), "NO_TARGETS tag:prodd"),
        (json!("web1,tag:prodd"), "NO_TARGETS tag:prodd"),
        (json!("tag:prod&tag:prodd"), "NO_TARGETS tag:prodd"),
        (json!("tag:us&tag:eu"), "NO_TARGETS tag:us&tag:eu"),
        (json!("db1,tag:us&tag:eu"), "NO_TARGETS tag:us&tag:eu"),
        (json!("tag:us&web4"), "UNKNOWN_ALIAS web4"),
        (json!("tag:"), "INVALID_ARGUMENT"),
        (json!("tag:prod&"), "INVALID_ARGUMENT"),
        (json!("&"), "INVALID_ARGUMENT"),
        (json!("tag:["), "INVALID_ARGUMENT"),
    ]);
}

#[test]
fn what_is_taken_away() {
    Fixture::new(SERVERS).check(vec![
        (json!("!web1"), "web2 web10 Web3 db1 db-old user@host:22"),
        (json!("! web1"), "web2 web10 Web3 db1 db-old user@host:22"),
        (json!("!web*"), "Web3 db1 db-old user@host:22"),
        (json!("!tag:prod"), "web10 Web3 db-old user@host:22"),
        (json!("!tag:prod,!tag:db"), "web10 Web3 user@host:22"),
        (json!("!tag:prod&!tag:db"), "web10 Web3 user@host:22"),
        (
            json!("all,!web1"),
            "web2 web10 Web3 db1 db-old user@host:22",
        ),
        (
            json!("!web1,all"),
            "web2 web10 Web3 db1 db-old user@host:22",
        ),
        (json!("web*,!web1"), "web2 web10"),
        (json!("web*,!web1,!web2"), "web10"),
        (json!("web*,db*,!tag:eu*"), "web2 db1"),
        (json!("tag:prod,!tag:eu&!tag:us"), "db1"),
        (json!("web1,!db1"), "web1"),
        (json!("all,!web4"), "UNKNOWN_ALIAS web4"),
        (json!("!web4"), "UNKNOWN_ALIAS web4"),
        (json!("all,!tag:prodd"), "NO_TARGETS tag:prodd"),
        (json!("all,!mail*"), "NO_TARGETS mail*"),
        (json!("!all"), "NO_TARGETS !all"),
        (json!("web1,!web1"), "NO_TARGETS web1,!web1"),
        (json!("tag:us,!web2"), "NO_TARGETS tag:us,!web2"),
        (json!("!"), "INVALID_ARGUMENT"),
        (json!("!!web1"), "INVALID_ARGUMENT"),
        (json!("!tag:"), "INVALID_ARGUMENT"),
    ]);
}

#[test]
fn arrays() {
    Fixture::new(SERVERS).check(vec![
        (json!(["web1"]), "=web1"),
        (json!(["web1", "web2"]), "web1 web2"),
        (json!(["web1", "tag:db"]), "web1 db1 db-old"),
        (json!(["web*", "!web1"]), "web2 web10"),
        (json!(["web1,web2", "db1"]), "web1 web2 db1"),
        (json!("[\"web1\", \"db1\"]"), "web1 db1"),
        (json!("[\"web1\"]"), "=web1"),
        (json!(["web1", "web4"]), "UNKNOWN_ALIAS web4"),
        (json!([]), "UNKNOWN_ALIAS "),
        (json!([""]), "UNKNOWN_ALIAS "),
    ]);
}

#[test]
fn an_alias_wins_over_every_other_reading() {
    Fixture::new(ODD).check(vec![
        (json!("all"), "=all"),
        (json!("a,b"), "=a,b"),
        (json!("web*"), "=web*"),
        (json!("!web1"), "=!web1"),
        (json!("tag:x"), "=tag:x"),
        (json!("x&y"), "=x&y"),
        (json!("[\"web1\"]"), "=[\"web1\"]"),
        (json!(["a,b", "web1"]), "a,b web1"),
        (json!("web1,all"), "web1 all"),
        (json!("web1,!web1"), "web1 !web1"),
        (json!("web1,tag:x"), "web1 tag:x"),
        (json!("x&y,web*"), "x&y web*"),
        (json!("tag:y&!all"), "web1 a,b !web1"),
        (json!("tag:y,!a*"), "web1 !web1"),
        (json!("a,b,web1"), "UNKNOWN_ALIAS a"),
    ]);
}

#[test]
fn a_refusal_names_what_there_is_and_what_was_meant() {
    let fixture = Fixture::new(SERVERS);
    let error = fixture.resolve(&json!("web1,tag:pord")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`tag:pord` stands for no server; did you mean `tag:prod`?"
    );
    let details = error.details();
    assert_eq!(details["known"].as_array().unwrap().len(), SERVERS.len());
    assert_eq!(details["tags"][0], "tag:prod");
    let error = fixture.resolve(&json!("db1,wbe1")).unwrap_err();
    assert!(
        error.to_string().ends_with("did you mean `web1`?"),
        "{error}"
    );
}

#[test]
fn entries_that_cannot_be_read_are_servers_too() {
    let fixture = Fixture::new(&[("web1", &["a"])]);
    let broken = json!({"web1": {"host": "h", "user": "u", "tags": "a"}, "web2": {"host": 5, "tags": ["a"]}});
    let path = fixture.directory.path().join("servers.json");
    std::fs::write(path, broken.to_string()).unwrap();
    assert_eq!(fixture.outcome(&json!("all")), "web1 web2");
    assert_eq!(fixture.outcome(&json!("tag:a")), "NO_TARGETS tag:a");
}

#[test]
fn an_expression_has_a_bound() {
    let long = vec!["web1"; MOST_TERMS + 1].join(",");
    let fixture = Fixture::new(SERVERS);
    assert_eq!(fixture.outcome(&json!(long)), "INVALID_ARGUMENT");
    let many = vec!["web1"; MOST_TERMS].join(",");
    assert_eq!(fixture.outcome(&json!(many)), "web1");
}
