//! The working directory, and directories that are seen in several places.

use std::rc::Rc;

use super::super::mount::Mount;
use super::super::path;
use super::{Environment, MOST_VALUES};
use crate::shell::argument::{Argument, HOME, SOMETHING, bounded, is_unknown};

/// Most directories on the stack of `pushd`, and most mounts.
const MOST_PLACES: usize = 16;

impl Environment {
    /// Changes the working directory, as `cd` does.
    pub(in crate::policy) fn change_directory(&mut self, target: Option<&Argument>) {
        let before = self.directories.clone();
        let Some(target) = target else {
            self.directories = vec![HOME.into()];
            self.before = before;
            return;
        };
        let text = target.text.as_str();
        if text == "-" {
            self.directories = std::mem::take(&mut self.before);
        } else if text.starts_with(SOMETHING) || target.is_unknown() {
            self.directories = Vec::new();
        } else if path::is_absolute(text) || text.starts_with(is_unknown) {
            self.directories = vec![bounded(text.to_owned())];
        } else {
            let mut directories = std::mem::take(&mut self.directories);
            // `cd` looks for a relative name there first.
            if !text.starts_with('.') {
                let places = self.variables.get("CDPATH").into_iter().flatten();
                let places = places.flat_map(|place| place.split(':'));
                directories.extend(
                    places
                        .filter(|place| path::is_absolute(place))
                        .map(str::to_owned),
                );
            }
            directories.truncate(MOST_VALUES);
            self.directories = directories
                .iter()
                .map(|directory| bounded(format!("{directory}/{text}")))
                .collect();
        }
        for directory in &mut self.directories {
            if !directory.contains(is_unknown) {
                *directory = path::normal(directory);
            }
        }
        self.before = before;
    }

    /// Changes the working directory, as `pushd` does.
    pub(in crate::policy) fn push_directory(&mut self, target: Option<&Argument>) {
        let from = self.directories.clone();
        match target {
            Some(target) if target.text.starts_with('+') => self.directories = Vec::new(),
            Some(target) => self.change_directory(Some(target)),
            None => self.directories = Rc::make_mut(&mut self.stack).pop().unwrap_or_default(),
        }
        let stack = Rc::make_mut(&mut self.stack);
        stack.push(from);
        if stack.len() > MOST_PLACES {
            stack.remove(0);
        }
    }

    pub(in crate::policy) fn pop_directory(&mut self) {
        self.directories = Rc::make_mut(&mut self.stack).pop().unwrap_or_default();
    }

    /// Notes that a directory is seen in a second place.
    pub(in crate::policy) fn mount(&mut self, mount: Mount) {
        let mounts = Rc::make_mut(&mut self.mounts);
        if mount.at != mount.of && mounts.len() < MOST_PLACES {
            mounts.push(mount);
        }
    }
}
