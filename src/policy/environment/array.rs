//! Arrays and positional parameters, which are the array `@`.

use std::rc::Rc;

use super::Environment;
use crate::shell::argument::Argument;

/// Most alternatives that are kept of one array.
const MOST_ALTERNATIVES: usize = 8;
/// Most elements that are kept of one array.
const MOST_ELEMENTS: usize = 256;

/// An array's elements, each with its key. A text's arguments are the array `@`, counted from 1.
pub(in crate::policy) type Elements = Rc<[(String, Argument)]>;

impl Environment {
    /// The alternatives of what an array holds; a plain variable is an array of one.
    pub(in crate::policy) fn elements(&self, name: &str) -> Vec<Elements> {
        let name = self.resolved_name(name);
        if let Some(alternatives) = self.arrays.get(name) {
            return alternatives.clone();
        }
        let alone = |value| Rc::new([("0".to_owned(), Argument::of(value))]) as Elements;
        self.values(name).into_iter().map(alone).collect()
    }

    pub(in crate::policy) fn is_array(&self, name: &str) -> bool {
        self.arrays.contains_key(self.resolved_name(name))
    }

    /// The alternatives of an array to which something is added: an empty one if it is no array yet.
    pub(in crate::policy) fn known_elements(&self, name: &str) -> Vec<Elements> {
        let is_known = self.arrays.contains_key(self.resolved_name(name))
            || self.variables.contains_key(self.resolved_name(name));
        if is_known {
            self.elements(name)
        } else {
            vec![Rc::new([])]
        }
    }

    /// The text's arguments, where they are known.
    pub(in crate::policy) fn positional(&self) -> Option<Vec<Elements>> {
        self.arrays.get("@").cloned()
    }

    /// Sets the arguments that [`Self::positional`] gives.
    pub(in crate::policy) fn restore_positional(&mut self, alternatives: Option<Vec<Elements>>) {
        match alternatives {
            Some(alternatives) => {
                Rc::make_mut(&mut self.arrays).insert("@".into(), alternatives);
            }
            None if self.arrays.contains_key("@") => {
                Rc::make_mut(&mut self.arrays).remove("@");
            }
            None => {}
        }
    }

    pub(in crate::policy) fn set_positional(&mut self, arguments: Option<&[Argument]>) {
        self.restore_positional(arguments.map(|arguments| vec![numbered(arguments, 1)]));
    }

    /// Removes so many of the first arguments. In a loop it may happen several times.
    pub(in crate::policy) fn shift(&mut self, count: usize) {
        let Some(alternatives) = self.positional() else {
            return;
        };
        let times = if self.loops { MOST_ALTERNATIVES } else { 1 };
        let mut shifted: Vec<Elements> = Vec::new();
        for elements in alternatives {
            for time in 1..=times {
                let rest = elements.iter().skip(count.saturating_mul(time));
                let rest: Vec<_> = rest.map(|(_, one)| one.clone()).collect();
                let rest = numbered(&rest, 1);
                if !shifted.contains(&rest) && shifted.len() < 2 * MOST_ALTERNATIVES {
                    shifted.push(rest);
                }
            }
        }
        self.restore_positional(Some(shifted));
    }

    /// Sets an array to one of these.
    pub(in crate::policy) fn set_array(&mut self, name: &str, mut alternatives: Vec<Elements>) {
        let name = self.resolved_name(name).to_owned();
        alternatives.truncate(MOST_ALTERNATIVES);
        for elements in &mut alternatives {
            if elements.len() > MOST_ELEMENTS {
                *elements = elements[..MOST_ELEMENTS].into();
            }
        }
        if self.variables.contains_key(&name) {
            Rc::make_mut(&mut self.variables).remove(&name);
        }
        Rc::make_mut(&mut self.arrays).insert(name, alternatives);
    }

    pub(super) fn merge_arrays(&mut self, other: &Self) {
        if Rc::ptr_eq(&self.arrays, &other.arrays) {
            return;
        }
        for (name, alternatives) in other.arrays.iter() {
            let own = self.arrays.get(name);
            if own == Some(alternatives) {
                continue;
            }
            let mut all = match own {
                Some(own) => own.clone(),
                None => self.elements(name),
            };
            for elements in alternatives {
                if !all.contains(elements) {
                    all.push(Rc::clone(elements));
                }
            }
            self.set_array(name, all);
        }
    }
}

/// The arguments as elements, counted from `first`.
pub(in crate::policy) fn numbered(arguments: &[Argument], first: usize) -> Elements {
    arguments
        .iter()
        .take(MOST_ELEMENTS)
        .enumerate()
        .map(|(at, argument)| ((first + at).to_string(), argument.clone()))
        .collect()
}

/// The text of the element that has this key.
pub(super) fn element(elements: &[(String, Argument)], key: &str) -> Option<String> {
    let mut elements = elements.iter();
    elements
        .find(|(own, _)| own == key)
        .map(|(_, one)| one.text.clone())
}

pub(super) fn joined_elements(elements: &[(String, Argument)]) -> String {
    let texts: Vec<_> = elements.iter().map(|(_, one)| one.text.as_str()).collect();
    texts.join(" ")
}
