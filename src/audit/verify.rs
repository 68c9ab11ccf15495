//! Checking that the trail is what was written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::trail::finished;
use super::{BEGINNING, FILE, hash};

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// The files, the oldest first.
    pub files: Vec<PathBuf>,
    /// How many lines there are, up to the first that is not in order.
    pub lines: usize,
    /// The last line's hash: whoever keeps it elsewhere can tell whether lines are cut off later.
    pub last: String,
    /// Whether older files were removed, as they are when there are many.
    pub is_shortened: bool,
    /// The first place that is not in order, and what is wrong with it.
    pub problem: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    previous: String,
}

/// Follows the chain through every file of a data directory.
pub fn verify(directory: &Path) -> io::Result<Verified> {
    let mut files = finished(directory)?;
    let rotated = !files.is_empty();
    let current = directory.join(FILE);
    if current.exists() {
        files.push(current);
    }
    let mut verified = Verified {
        files: Vec::new(),
        lines: 0,
        last: BEGINNING.to_owned(),
        is_shortened: false,
        problem: None,
    };
    for path in files {
        let text = fs::read(&path)?;
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() || verified.problem.is_some() {
                continue;
            }
            let place = format!("{}:{}", path.display(), index + 1);
            match serde_json::from_slice::<Link>(line) {
                Ok(link) if link.previous == verified.last => {}
                // Once files were removed, the first line that is left follows one that is gone.
                Ok(_) if verified.lines == 0 && rotated => verified.is_shortened = true,
                Ok(_) => {
                    verified.problem = Some(format!(
                        "{place} does not follow the line before it: one of them was changed, or lines between them are gone"
                    ));
                    continue;
                }
                Err(_) => {
                    verified.problem = Some(format!("{place} is no line of the audit trail"));
                    continue;
                }
            }
            verified.lines += 1;
            verified.last = hash(line);
        }
        verified.files.push(path);
    }
    Ok(verified)
}
