//! The hosts that the files name.

use std::collections::HashSet;

use super::ConfigFiles;
use super::local::Local;
use super::source::LinePosition;
use super::tokens::{ANY_HOST, Facts};
use super::walk::{Visitor, walk};
use super::words::Words;

/// The names in `Host` lines that are no patterns.
pub(super) fn named_hosts(files: &ConfigFiles, local: &Local) -> Result<Vec<String>, String> {
    let mut names = Names {
        files,
        local,
        seen: HashSet::new(),
        found: Vec::new(),
    };
    walk(files, &mut names)?;
    Ok(names.found)
}

struct Names<'a> {
    files: &'a ConfigFiles,
    local: &'a Local,
    seen: HashSet<String>,
    found: Vec<String>,
}

impl Visitor for Names<'_> {
    fn host(&mut self, patterns: &[String]) -> bool {
        for pattern in patterns {
            let is_name = !pattern.starts_with('!') && !pattern.contains(['*', '?']);
            if is_name && self.seen.insert(pattern.clone()) {
                self.found.push(pattern.clone());
            }
        }
        true
    }

    fn conditions(&mut self, _: Words<'_>, _: &LinePosition) -> Result<bool, String> {
        Ok(true)
    }

    fn directive(&mut self, _: &str, _: Words<'_>, _: &LinePosition) -> Result<(), String> {
        Ok(())
    }

    fn included(&mut self, path: &str, _: &LinePosition) -> Result<Option<String>, String> {
        let facts = Facts::bare(self.local, &self.files.home, "");
        // A file for one host only cannot be found without that host.
        Ok(facts.expand(path, ANY_HOST).ok())
    }

    fn note(&mut self, _: String) {}
}
