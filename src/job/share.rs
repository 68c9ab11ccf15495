//! A sequence's steps in an answer: they share what an answer shows of one output.

use super::record::Job;
use crate::ssh::{HEAD, TAIL, abridge};

/// Bytes of all steps' outputs together.
const BUDGET: usize = HEAD + TAIL;

impl Job {
    /// The record as an answer carries it.
    #[must_use]
    pub fn for_answer(&self) -> Self {
        let mut job = self.clone();
        let mut texts: Vec<_> = job
            .results
            .iter_mut()
            .flatten()
            .flat_map(|step| [&mut step.output, &mut step.stderr])
            .collect();
        let lengths: Vec<_> = texts.iter().map(|text| text.len()).collect();
        let share = share(&lengths, BUDGET);
        for text in &mut texts {
            if text.len() > share {
                **text = abridge(text, share);
            }
        }
        job
    }
}

/// The most that each may have so that all keep within the budget: what short ones leave is for the long.
fn share(lengths: &[usize], budget: usize) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let (mut left, mut others) = (budget, sorted.len());
    for length in sorted {
        if length > left / others {
            return left / others;
        }
        left -= length;
        others -= 1;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_stay_whole_and_leave_room_for_the_long() {
        assert_eq!(share(&[10, 20, 30], 60), usize::MAX);
        assert_eq!(share(&[10, 90, 90], 100), 45);
        assert_eq!(share(&[100; 4], 100), 25);
        assert_eq!(share(&[], 100), usize::MAX);
    }
}
