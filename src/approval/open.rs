//! Questions that wait in the data directory for a person at a terminal: `approvals.json`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::LIFE;
use crate::error::Error;
use crate::random;
use crate::store::{DataDirectory, Document};
use crate::time::Timestamp;

/// The answer of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersonAnswer {
    /// It may happen.
    Yes,
    /// It must not happen.
    No,
}

/// The standing of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has this answer, which is used up now.
    Answered(PersonAnswer),
    /// It waits under this ID.
    Open(String),
}

/// An entry of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenQuestion {
    question: String,
    asked_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<PersonAnswer>,
}

type QuestionsById = IndexMap<String, OpenQuestion>;

/// The open questions of a data directory, whichever process has asked them.
#[derive(Clone, Debug)]
pub struct OpenQuestions(Document);

impl OpenQuestions {
    /// The open questions of a data directory.
    pub fn of(data: &DataDirectory) -> Self {
        Self(data.document("approvals.json"))
    }

    /// Takes the answer to a question, or opens the question. Blocks.
    pub fn ask(&self, question: &str) -> Result<Standing, Error> {
        self.0.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            let mut found = questions.iter();
            let found = found.find(|(_, one)| one.question == question);
            let found = found.map(|(id, one)| (id.clone(), one.answer));
            match found {
                Some((id, Some(answer))) => {
                    questions.shift_remove(&id);
                    Standing::Answered(answer)
                }
                Some((id, None)) => Standing::Open(id),
                None => {
                    let id = random::hex::<4>();
                    let open = OpenQuestion {
                        question: question.to_owned(),
                        asked_at: Timestamp::now(),
                        answer: None,
                    };
                    questions.insert(id.clone(), open);
                    Standing::Open(id)
                }
            }
        })
    }

    /// Answers the open question of this ID; each is answered once. Returns its text, or `None` if there is
    /// no such question. Blocks.
    pub fn answer(&self, id: &str, answer: PersonAnswer) -> Result<Option<String>, Error> {
        self.0.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            let open = questions.get_mut(id).filter(|one| one.answer.is_none())?;
            open.answer = Some(answer);
            Some(open.question.clone())
        })
    }

    /// The questions without an answer, by their IDs, the oldest first. Blocks.
    pub fn list(&self) -> Result<Vec<(String, String)>, Error> {
        let mut questions: QuestionsById = self.0.read()?;
        drop_old(&mut questions);
        let open = questions
            .into_iter()
            .filter(|(_, one)| one.answer.is_none());
        Ok(open.map(|(id, one)| (id, one.question)).collect())
    }
}

fn drop_old(questions: &mut QuestionsById) {
    questions.retain(|_, one| one.asked_at.elapsed() < LIFE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(directory: &tempfile::TempDir) -> OpenQuestions {
        OpenQuestions::of(&DataDirectory::open(directory.path()).unwrap())
    }

    fn open(questions: &OpenQuestions, text: &str) -> String {
        match questions.ask(text).unwrap() {
            Standing::Open(id) => id,
            answered @ Standing::Answered(_) => panic!("{answered:?}"),
        }
    }

    #[test]
    fn an_answer_is_given_once_and_used_once() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let (one, two) = (open(&questions, "one"), open(&questions, "two"));
        assert_eq!(open(&questions, "one"), one, "it is asked once");
        let one_text = Some("one".to_owned());
        assert_eq!(questions.answer(&one, PersonAnswer::Yes).unwrap(), one_text);
        assert_eq!(questions.answer(&one, PersonAnswer::No).unwrap(), None);
        assert_eq!(questions.list().unwrap(), [(two.clone(), "two".to_owned())]);
        let answered = Standing::Answered(PersonAnswer::Yes);
        assert_eq!(questions.ask("one").unwrap(), answered);
        assert_ne!(open(&questions, "one"), one, "it is a new question");
        questions.answer(&two, PersonAnswer::No).unwrap();
        let answered = Standing::Answered(PersonAnswer::No);
        assert_eq!(questions.ask("two").unwrap(), answered);
    }

    #[test]
    fn nothing_counts_after_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let text = r#"{"a1": {"question": "one", "askedAt": "2026-01-01T00:00:00.000Z", "answer": "yes"},
            "a2": {"question": "two", "askedAt": "2026-01-01T00:00:00.000Z"}}"#;
        std::fs::write(directory.path().join("approvals.json"), text).unwrap();
        assert_eq!(questions.answer("a2", PersonAnswer::Yes).unwrap(), None);
        assert_eq!(questions.list().unwrap(), []);
        open(&questions, "one");
    }
}
