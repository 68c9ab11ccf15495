//! Questions that a client has been told to ask. Its next call brings the answer, and proves by the question's
//! random state that it belongs to this question.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use super::LIFE;
use crate::random;
use crate::sync::lock;

/// The most questions that are remembered. Of more, the oldest are forgotten, and asked again.
const MOST: usize = 256;

/// The questions of this process.
#[derive(Debug, Default)]
pub struct AskedQuestions(Mutex<HashMap<String, AskedQuestion>>);

#[derive(Debug)]
struct AskedQuestion {
    text: String,
    since: Instant,
}

impl AskedQuestions {
    /// Remembers a question, and returns the state that comes back with its answer.
    pub fn add(&self, text: &str) -> String {
        let state = random::hex::<16>();
        let question = AskedQuestion {
            text: text.to_owned(),
            since: Instant::now(),
        };
        let mut questions = lock(&self.0);
        questions.retain(|_, question| question.since.elapsed() < LIFE);
        if questions.len() >= MOST {
            let oldest = questions.iter().min_by_key(|(_, question)| question.since);
            if let Some(oldest) = oldest.map(|(state, _)| state.clone()) {
                questions.remove(&oldest);
            }
        }
        questions.insert(state.clone(), question);
        state
    }

    /// Forgets the question of this state. Returns true if it was this one, and still lives.
    pub fn take(&self, state: &str, text: &str) -> bool {
        self.taken(state).is_some_and(|taken| taken == text)
    }

    /// Forgets the question of this state, and returns its text if it still lives.
    pub fn taken(&self, state: &str) -> Option<String> {
        let question = lock(&self.0).remove(state)?;
        (question.since.elapsed() < LIFE).then_some(question.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_of_one_question_once() {
        let questions = AskedQuestions::default();
        let (first, second) = (questions.add("one"), questions.add("two"));
        assert_ne!(first, second);
        assert!(!questions.take(&first, "two"), "it is of another question");
        assert!(!questions.take(&first, "one"), "it was used up");
        assert!(questions.take(&second, "two") && !questions.take(&second, "two"));
        assert!(!questions.take("", "one"));
    }

    #[test]
    fn old_questions_give_way() {
        let questions = AskedQuestions::default();
        let first = questions.add("first");
        for _ in 0..MOST {
            questions.add("more");
        }
        assert!(!questions.take(&first, "first"));
        assert_eq!(lock(&questions.0).len(), MOST);
    }
}
