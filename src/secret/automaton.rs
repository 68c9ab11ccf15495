//! Finds many texts at once in linear time (Aho and Corasick, 1975).
//!
//! The `aho-corasick` crate does not tell the longest unfinished match, which a stream needs: those bytes
//! have to be held back until more of them come.

use std::collections::HashMap;

/// The node at which no text has begun.
pub(super) const ROOT: u32 = 0;

/// A search for a fixed set of texts.
#[derive(Debug)]
pub(super) struct Automaton {
    nodes: Vec<Node>,
    /// Children of nodes that have several, save the first.
    branches: HashMap<(u32, u8), u32>,
    /// The root's children.
    starts: Box<[u32; 256]>,
    #[cfg(test)]
    pub(super) steps: std::sync::atomic::AtomicU64,
}

/// A prefix of one or more texts.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The byte that leads to the first child.
    byte: u8,
    has_branches: bool,
    /// The first child; [`ROOT`] without one.
    child: u32,
    /// The longest proper suffix of this prefix that is a prefix too.
    fallback: u32,
    /// The length of this prefix.
    depth: u32,
    /// The length of the longest text that this prefix ends with; 0 without one.
    longest: u32,
}

impl Automaton {
    /// Builds the search. An empty text is never found.
    pub(super) fn of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut automaton = Self {
            nodes: vec![Node::default()],
            branches: HashMap::new(),
            starts: Box::new([ROOT; 256]),
            #[cfg(test)]
            steps: std::sync::atomic::AtomicU64::default(),
        };
        let mut parents = vec![(ROOT, 0)];
        for text in texts {
            automaton.insert(text.as_ref(), &mut parents);
        }
        automaton.link(&parents);
        automaton
    }

    fn insert(&mut self, text: &[u8], parents: &mut Vec<(u32, u8)>) {
        let mut node = ROOT;
        for byte in text {
            node = match self.child(node, *byte) {
                ROOT => self.grow(node, *byte, parents),
                child => child,
            };
        }
        self.nodes[node as usize].longest = self.nodes[node as usize].depth;
    }

    fn grow(&mut self, parent: u32, byte: u8, parents: &mut Vec<(u32, u8)>) -> u32 {
        let new = u32::try_from(self.nodes.len()).expect("secrets take less than 4 GiB");
        let above = &mut self.nodes[parent as usize];
        let depth = above.depth + 1;
        if parent == ROOT {
            self.starts[usize::from(byte)] = new;
        } else if above.child == ROOT {
            (above.byte, above.child) = (byte, new);
        } else {
            above.has_branches = true;
            self.branches.insert((parent, byte), new);
        }
        self.nodes.push(Node {
            depth,
            ..Node::default()
        });
        parents.push((parent, byte));
        new
    }

    /// Sets every node's fallback, the shortest prefixes first.
    fn link(&mut self, parents: &[(u32, u8)]) {
        let mut order: Vec<u32> = (1..).take(parents.len() - 1).collect();
        order.sort_by_key(|node| self.nodes[*node as usize].depth);
        for node in order {
            let (parent, byte) = parents[node as usize];
            let fallback = match parent {
                ROOT => ROOT,
                _ => self.next(self.nodes[parent as usize].fallback, byte),
            };
            let longest = self.nodes[fallback as usize].longest;
            let node = &mut self.nodes[node as usize];
            node.fallback = fallback;
            node.longest = node.longest.max(longest);
        }
    }

    fn child(&self, node: u32, byte: u8) -> u32 {
        if node == ROOT {
            return self.starts[usize::from(byte)];
        }
        let Node {
            byte: first,
            child,
            has_branches,
            ..
        } = self.nodes[node as usize];
        if child != ROOT && first == byte {
            child
        } else if has_branches {
            self.branches.get(&(node, byte)).copied().unwrap_or(ROOT)
        } else {
            ROOT
        }
    }

    /// Returns the node that one more byte leads to.
    pub(super) fn next(&self, mut node: u32, byte: u8) -> u32 {
        loop {
            #[cfg(test)]
            self.steps
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match self.child(node, byte) {
                ROOT if node == ROOT => return ROOT,
                ROOT => node = self.nodes[node as usize].fallback,
                child => return child,
            }
        }
    }

    /// The length of the prefix that a node stands for.
    pub(super) fn depth(&self, node: u32) -> usize {
        self.nodes[node as usize].depth as usize
    }

    /// The length of the longest text that ends at a node; 0 without one.
    pub(super) fn longest(&self, node: u32) -> usize {
        self.nodes[node as usize].longest as usize
    }

    /// Says whether a text begins with this byte.
    pub(super) fn starts_with(&self, byte: u8) -> bool {
        self.starts[usize::from(byte)] != ROOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_that_ends_at_each_byte_is_found() {
        let automaton = Automaton::of(["he", "she", "his", "hers", "ershe"]);
        let mut node = ROOT;
        let found = "ushersheis".bytes().map(|byte| {
            node = automaton.next(node, byte);
            (automaton.longest(node), automaton.depth(node))
        });
        let expected = [
            (0, 0),
            (0, 1),
            (0, 2),
            (3, 3),
            (0, 3),
            (4, 4),
            (0, 4),
            (5, 5),
            (0, 0),
            (0, 1),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
