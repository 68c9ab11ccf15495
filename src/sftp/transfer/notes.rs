//! Notes for the user on a transfer.

use std::sync::Mutex;

use crate::sync::lock;

/// Most notes reported one by one; further ones are only counted.
const TOLD: usize = 20;

/// Sentences on what a transfer did otherwise than expected, each once.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    told: Vec<String>,
    further: usize,
}

impl Notes {
    /// Adds a sentence, unless it is there already.
    pub(crate) fn add(&self, note: impl Into<String>) {
        let note = note.into();
        let mut noted = lock(&self.0);
        if noted.told.contains(&note) {
            return;
        }
        if noted.told.len() < TOLD {
            noted.told.push(note);
        } else {
            noted.further += 1;
        }
    }

    /// Takes them all, in the order in which they came.
    pub(crate) fn take(&self) -> Vec<String> {
        let Noted { mut told, further } = std::mem::take(&mut *lock(&self.0));
        if further > 0 {
            told.push(format!("and {further} more of the like"));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_many_are_counted() {
        let notes = Notes::default();
        for number in (0..25).chain(0..5) {
            notes.add(format!("note {number}"));
        }
        let told = notes.take();
        assert_eq!((told.len(), told[0].as_str()), (21, "note 0"));
        assert_eq!(told[20], "and 5 more of the like");
        assert!(notes.take().is_empty());
    }
}
