//! Places as callers write them: `web1:/etc/nginx`, or `local:/srv` for this machine.

use std::collections::HashSet;

use crate::error::Error;
use crate::fleet::TargetExpression;
use crate::sftp::{TreePlace, spelling};
use crate::store::servers::Servers;

/// The word for this machine.
const HERE: &str = "local";

/// Writes a place on several servers, such as `tag:web:/etc/hosts`, as one on each of them.
pub(crate) fn on_each(text: &str, servers: &Servers) -> Result<Vec<String>, Error> {
    let (expression, path) = split(text);
    if expression == HERE || expression.is_empty() || path.is_empty() {
        return Ok(vec![text.to_owned()]);
    }
    let targets = TargetExpression::Text(expression.to_owned()).resolve(servers)?;
    let aliases = targets.aliases.iter();
    Ok(aliases.map(|alias| format!("{alias}:{path}")).collect())
}

/// The servers of a place, and its path.
fn split(text: &str) -> (&str, &str) {
    let mut colons = text.match_indices(':');
    let ends_servers = |at: usize| !is_tag(&text[..at]) || text[at + 1..].starts_with(['/', '~']);
    let end = colons.find(|(at, _)| ends_servers(*at));
    end.map_or((text, ""), |(at, _)| (&text[..at], &text[at + 1..]))
}

/// Returns whether the word before a colon says that a tag's name follows.
fn is_tag(before: &str) -> bool {
    let word = before.rsplit([',', '&']).next().unwrap_or_default();
    word.trim().trim_start_matches('!') == "tag"
}

/// Parses a place on one server, or on this machine.
pub(crate) fn place(text: &str) -> Result<TreePlace, Error> {
    let (alias, path) = split(text);
    if alias.is_empty() || path.is_empty() {
        let problem = format!("`{text}` is no alias with a path, such as web1:/etc/nginx");
        return Err(Error::invalid("sources", problem));
    }
    let is_here = alias == HERE;
    let spelled = if is_here {
        spelling::on_this_machine(path)
    } else {
        spelling::on_server(path)
    };
    if let Err(problem) = spelled {
        let problem = format!("the path of `{text}` {problem}");
        return Err(Error::invalid("sources", problem));
    }
    let path = path.to_owned();
    Ok(if is_here {
        TreePlace::Here(path)
    } else {
        TreePlace::Server {
            alias: alias.to_owned(),
            path,
        }
    })
}

/// Short names of places: the alias alone, unless two have the same.
pub(crate) fn labels(places: &[TreePlace]) -> Vec<String> {
    let parts = places.iter().map(|place| match place {
        TreePlace::Here(path) => (HERE, path),
        TreePlace::Server { alias, path } => (alias.as_str(), path),
    });
    let aliases: HashSet<_> = parts.clone().map(|(alias, _)| alias).collect();
    let are_unique = aliases.len() == places.len();
    let label = |(alias, path): (&str, &String)| {
        if are_unique {
            alias.to_owned()
        } else {
            format!("{alias}:{path}")
        }
    };
    parts.map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_an_alias_and_a_path() {
        let server = |alias: &str, path: &str| TreePlace::Server {
            alias: alias.to_owned(),
            path: path.to_owned(),
        };
        assert_eq!(place("web1:/etc/a:b").unwrap(), server("web1", "/etc/a:b"));
        assert_eq!(place("local:x").unwrap(), TreePlace::Here("x".to_owned()));
        for wrong in ["web1", "web1:", ":/etc", "/etc"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        for (text, parts) in [
            ("tag:web:/etc/hosts", ("tag:web", "/etc/hosts")),
            ("web1,!tag:old:~/x:y", ("web1,!tag:old", "~/x:y")),
            ("tag:eu&tag:web:etc", ("tag:eu&tag:web", "etc")),
            ("web[1-3]:/a:b", ("web[1-3]", "/a:b")),
            ("tag:/etc", ("tag", "/etc")),
            ("tag:web", ("tag:web", "")),
        ] {
            assert_eq!(split(text), parts, "{text}");
        }
        let [one, two] = [server("web1", "/a"), server("web2", "/a")];
        assert_eq!(labels(&[one.clone(), two]), ["web1", "web2"]);
        let other = server("web1", "/b");
        assert_eq!(labels(&[one, other]), ["web1:/a", "web1:/b"]);
    }
}
