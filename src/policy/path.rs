//! Paths as they are once `.`, `..` and the working directory are resolved.

use super::mount::Mount;
use crate::shell::argument::{HOME, MANY, ONE, emptied, is_unknown};

/// The path without `//`, `.` and `..`; it may stay relative.
pub(super) fn normal(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut components: Vec<&str> = Vec::new();
    let home = HOME.to_string();
    let mut rest = path.split('/');
    while let Some(component) = rest.next() {
        match component {
            "" | "." => {}
            ".." if components.last() == Some(&home.as_str()) && !is_absolute => {
                // Most home directories lie there.
                let rest: Vec<_> = rest.collect();
                return normal(&format!("/home/{}", rest.join("/")));
            }
            ".." if components.last().is_some_and(|last| *last != "..") => {
                components.pop();
            }
            ".." if is_absolute => {}
            other => components.push(other),
        }
    }
    let joined = components.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', HOME])
}

/// The absolute paths that an argument can be, with variables that may be empty taken as empty.
///
/// `directories` are the possible working directories; none if that is not known. What `mounts` show in
/// another place counts as both.
pub(super) fn candidates(argument: &str, directories: &[String], mounts: &[Mount]) -> Vec<String> {
    let text = emptied(argument);
    if text.is_empty() {
        return Vec::new();
    }
    let mut candidates: Vec<_> = absolute(&text, directories)
        .iter()
        .map(|path| normal(path))
        .collect();
    // An action on everything in a directory counts as one on the directory.
    let parents: Vec<_> = candidates
        .iter()
        .filter_map(|path| path.rsplit_once('/'))
        .filter(|(_, name)| is_everything(name))
        .map(|(parent, _)| if parent.is_empty() { "/" } else { parent }.to_owned())
        .collect();
    candidates.extend(parents);
    let elsewhere: Vec<_> = candidates
        .iter()
        .flat_map(|path| mounts.iter().filter_map(|mount| seen(path, mount)))
        .collect();
    candidates.extend(elsewhere);
    let roots: Vec<_> = candidates
        .iter()
        .filter_map(|path| behind_root(path))
        .collect();
    candidates.extend(roots);
    candidates
}

/// The path that `/proc/1/root/…` stands for.
fn behind_root(path: &str) -> Option<String> {
    let (_, rest) = path.strip_prefix("/proc/")?.split_once('/')?;
    let rest = rest.strip_prefix("root")?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("/{}", rest.trim_start_matches('/')))
}

/// The path's true location, if it leads through the mount.
fn seen(path: &str, mount: &Mount) -> Option<String> {
    let rest = path.strip_prefix(&mount.at)?;
    let is_within = rest.starts_with('/') || mount.at == "/" || rest.is_empty() && !mount.is_link;
    is_within.then(|| normal(&format!("{}/{rest}", mount.of)))
}

/// The text as absolute paths.
pub(super) fn absolute(text: &str, directories: &[String]) -> Vec<String> {
    if is_absolute(text) {
        return vec![text.to_owned()];
    }
    if text.starts_with(is_unknown) {
        return Vec::new();
    }
    directories
        .iter()
        .map(|directory| emptied(&format!("{directory}/{text}")))
        .collect()
}

/// Returns true if the name is a glob without letters.
fn is_everything(name: &str) -> bool {
    name.contains([MANY, ONE]) && name.chars().all(|one| matches!(one, MANY | ONE | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_are_left_out() {
        for (path, plain) in [
            ("//", "/"),
            ("/.", "/"),
            ("/tmp/..", "/"),
            ("/../..", "/"),
            ("/a//b/./c/../d/", "/a/b/d"),
            ("a/../..", ".."),
            ("./a", "a"),
            ("a/..", "."),
        ] {
            assert_eq!(normal(path), plain, "{path}");
        }
        assert_eq!(normal(&format!("{HOME}/..")), "/home");
        assert_eq!(normal(&format!("{HOME}/../..")), "/");
        assert_eq!(normal(&format!("{HOME}/x/")), format!("{HOME}/x"));
    }
}
