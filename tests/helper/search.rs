//! The search for secrets: in texts and files in every form, and in the process table.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Texts that must not be found, by the names that a failure may show.
pub struct Search {
    any: AhoCorasick,
    names: Vec<String>,
}

impl Search {
    pub fn of(secrets: &[(&str, &str)]) -> Self {
        let forms: Vec<_> = secrets
            .iter()
            .flat_map(|(name, secret)| {
                forms(secret)
                    .into_iter()
                    .map(move |(form, text)| (format!("{name}, {form}"), text))
            })
            .collect();
        Self {
            any: AhoCorasick::new(forms.iter().map(|(_, text)| text)).unwrap(),
            names: forms.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// The secrets that are found in bytes, each with the text before it.
    pub fn found(&self, bytes: &[u8]) -> Vec<String> {
        let found = self.any.find_iter(bytes).map(|found| {
            let before = &bytes[found.start().saturating_sub(80)..found.start()];
            let name = &self.names[found.pattern()];
            format!("{name}, after `{}`", String::from_utf8_lossy(before))
        });
        found.collect()
    }

    /// The secrets that are found in the files below a directory, and in their names.
    pub fn found_in_files(&self, directory: &Path) -> Vec<String> {
        files_below(directory)
            .iter()
            .flat_map(|path| {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                let found = self.found(&std::fs::read(path).unwrap());
                let in_name = self.found(name.as_bytes());
                let named = found.into_iter().chain(in_name);
                named.map(move |found| format!("{name}: {found}"))
            })
            .collect()
    }
}

/// In clear, and as other texts hold it.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let json = Value::from(secret).to_string();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut few = percent.clone();
    for kept in ["-", ".", "_", "~"] {
        few = few.replace(&format!("%{:02X}", kept.as_bytes()[0]), kept);
    }
    let mut forms = vec![
        ("plain", secret.to_owned()),
        ("JSON", json[1..json.len() - 1].to_owned()),
        ("percent", percent),
        ("percent", few),
    ];
    for before in 0..3 {
        let whole = BASE64_STANDARD.encode([&vec![b'x'; before], secret.as_bytes()].concat());
        // The characters that no neighbouring byte has a part in.
        let (first, end) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
        forms.push(("base64", whole[first..end].to_owned()));
    }
    forms
}

pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Looks through the process table, command lines and environments, until it is asked what it found.
/// The server is on this machine: it is the table of both sides.
pub struct Watch {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Watch {
    pub fn begin(search: Search) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut found = Vec::new();
            while !asked.load(Ordering::Relaxed) {
                found.extend(processes().flat_map(|process| search.found(&process)));
                std::thread::sleep(Duration::from_millis(25));
            }
            found
        });
        Self { ends, thread }
    }

    pub fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Command line and environment of every process but this one.
pub fn processes() -> impl Iterator<Item = Vec<u8>> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(move |entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.parse::<u32>().is_ok() && name != own
        })
        .map(|entry| {
            let part = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
            [part("cmdline"), b"\n".to_vec(), part("environ")].concat()
        })
}
