//! Places as callers write them: `web1:/etc/nginx`, or `local:/srv` for this machine.

use std::collections::HashSet;

use crate::error::Error;
use crate::sftp::{TreePlace, spelling};

/// The word for this machine.
const HERE: &str = "local";

/// Parses a place.
pub(crate) fn place(text: &str) -> Result<TreePlace, Error> {
    let (alias, path) = text.split_once(':').unwrap_or((text, ""));
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
        let [one, two] = [server("web1", "/a"), server("web2", "/a")];
        assert_eq!(labels(&[one.clone(), two]), ["web1", "web2"]);
        let other = server("web1", "/b");
        assert_eq!(labels(&[one, other]), ["web1:/a", "web1:/b"]);
    }
}
