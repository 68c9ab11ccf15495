//! Questions that wait in the data directory for whoever answers first: `approvals.json`.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::{PersonAnswer, PersonQuestion};
use crate::actor::Actor;
use crate::error::Error;
use crate::fs::blocking;
use crate::random;
use crate::store::{DataDirectory, Document, Version, VersionWatch};
use crate::time::Timestamp;

/// The interval at which somebody who waits for an answer looks for it.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The standing of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has this answer, which is used up now.
    Answered(PersonAnswer),
    /// It waits under this ID.
    Open(String),
}

type QuestionsById = IndexMap<String, PersonQuestion>;

/// The open questions of a data directory, whichever process has asked them.
#[derive(Clone, Debug)]
pub struct OpenQuestions {
    document: Document,
    changes: Arc<VersionWatch>,
}

impl OpenQuestions {
    /// The open questions of a data directory.
    pub fn of(data: &DataDirectory) -> Self {
        let document = data.document("approvals.json");
        Self {
            changes: Arc::new(VersionWatch::new(document.clone(), LOOK_INTERVAL)),
            document,
        }
    }

    /// Takes the answer to a question of this text, or opens the question. Blocks.
    pub fn ask(&self, question: PersonQuestion) -> Result<Standing, Error> {
        self.document.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            let mut found = questions.iter();
            let found = found.find(|(_, one)| one.text == question.text && !one.is_of_task);
            let found = found.map(|(id, one)| (id.clone(), one.answer));
            match found {
                Some((id, Some(answer))) => {
                    questions.shift_remove(&id);
                    Standing::Answered(answer)
                }
                Some((id, None)) => Standing::Open(id),
                None => {
                    let id = random::hex::<4>();
                    questions.insert(id.clone(), question);
                    Standing::Open(id)
                }
            }
        })
    }

    /// Opens the question of a task, under the task's ID. Blocks.
    pub fn open(&self, id: &str, question: PersonQuestion) -> Result<(), Error> {
        self.document.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            questions.insert(id.to_owned(), question);
        })
    }

    /// Answers the open question of this ID; the first answer counts. Returns the question, or `None` if no such one
    /// is open. Blocks.
    pub fn answer(
        &self,
        id: &str,
        answer: PersonAnswer,
        by: Actor,
    ) -> Result<Option<PersonQuestion>, Error> {
        self.document.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            let open = questions.get_mut(id).filter(|one| one.is_open())?;
            open.answer = Some(answer);
            open.answered_by = Some(by);
            open.answered_at = Some(Timestamp::now());
            Some(open.clone())
        })
    }

    /// Removes a question that nobody waits for any more. Blocks.
    pub fn withdraw(&self, id: &str) -> Result<(), Error> {
        self.document.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            questions.shift_remove(id);
        })
    }

    /// The question of this ID with its answer, if it has one; `None` once it has expired or was withdrawn. Blocks.
    pub fn get(&self, id: &str) -> Result<Option<PersonQuestion>, Error> {
        let mut questions = self.read()?;
        Ok(questions.shift_remove(id))
    }

    /// The questions without an answer, by their IDs, the oldest first. Blocks.
    pub fn list(&self) -> Result<Vec<(String, PersonQuestion)>, Error> {
        let open = self.read()?.into_iter();
        Ok(open.filter(|(_, one)| one.is_open()).collect())
    }

    /// The version of the document, which changes whenever a question is opened, answered or withdrawn; a question
    /// that expires changes nothing. It costs a look at the file.
    pub fn version(&self) -> Option<Version> {
        self.document.version()
    }

    /// Waits until the question of this ID has an answer, and returns it as it stands then; `None` once it has expired
    /// or was withdrawn.
    pub async fn answered(&self, id: &str) -> Result<Option<PersonQuestion>, Error> {
        let mut changes = self.changes.changes();
        loop {
            let (questions, id) = (self.clone(), id.to_owned());
            let left = match blocking(move || questions.get_or_settle(&id)).await? {
                Some(question) if question.answer.is_none() => question.time_left(),
                settled => return Ok(settled),
            };
            // An expiry changes no version.
            let _ = tokio::time::timeout(left, changes.changed()).await;
        }
    }

    /// The question of this ID, as [`Self::get`] gives it. That there is none is settled under the lock: an answer that
    /// came at the last moment may just be written.
    fn get_or_settle(&self, id: &str) -> Result<Option<PersonQuestion>, Error> {
        if let Some(question) = self.get(id)? {
            return Ok(Some(question));
        }
        self.document.update(|questions: &mut QuestionsById| {
            drop_old(questions);
            questions.get(id).cloned()
        })
    }

    fn read(&self) -> Result<QuestionsById, Error> {
        let mut questions = self.document.read()?;
        drop_old(&mut questions);
        Ok(questions)
    }
}

fn drop_old(questions: &mut QuestionsById) {
    questions.retain(|_, one| !one.is_expired());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::LIFE;

    fn questions(directory: &tempfile::TempDir) -> OpenQuestions {
        OpenQuestions::of(&DataDirectory::open(directory.path()).unwrap())
    }

    fn open(questions: &OpenQuestions, text: &str) -> String {
        match questions.ask(PersonQuestion::of(text)).unwrap() {
            Standing::Open(id) => id,
            answered @ Standing::Answered(_) => panic!("{answered:?}"),
        }
    }

    fn answer(questions: &OpenQuestions, id: &str, answer: PersonAnswer) -> Option<String> {
        let answered = questions.answer(id, answer, Actor::default()).unwrap();
        answered.map(|question| question.text)
    }

    #[test]
    fn an_answer_is_given_once_and_used_once() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let (one, two) = (open(&questions, "one"), open(&questions, "two"));
        assert_eq!(open(&questions, "one"), one, "it is asked once");
        let one_text = Some("one".to_owned());
        assert_eq!(answer(&questions, &one, PersonAnswer::Yes), one_text);
        assert_eq!(answer(&questions, &one, PersonAnswer::No), None);
        let listed: Vec<_> = questions.list().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].0, &*listed[0].1.text), (&two, "two"));
        let again = |text: &str| questions.ask(PersonQuestion::of(text)).unwrap();
        assert_eq!(again("one"), Standing::Answered(PersonAnswer::Yes));
        assert_ne!(open(&questions, "one"), one, "it is a new question");
        answer(&questions, &two, PersonAnswer::No);
        assert_eq!(again("two"), Standing::Answered(PersonAnswer::No));
    }

    #[test]
    fn nothing_counts_after_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let text = r#"{"a1": {"question": "one", "askedAt": "2026-01-01T00:00:00.000Z", "answer": "yes"},
            "a2": {"question": "two", "askedAt": "2026-01-01T00:00:00.000Z"}}"#;
        std::fs::write(directory.path().join("approvals.json"), text).unwrap();
        assert_eq!(answer(&questions, "a2", PersonAnswer::Yes), None);
        assert_eq!(questions.list().unwrap(), []);
        assert_eq!(questions.get("a1").unwrap(), None);
        open(&questions, "one");
    }

    #[test]
    fn an_answer_in_time_is_found_though_it_is_looked_for_late() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let asked = Timestamp::now().before(LIFE + Duration::from_secs(1));
        let in_time = Timestamp::now().before(Duration::from_secs(2));
        let text = format!(
            r#"{{"a1": {{"question": "one", "askedAt": "{asked}", "answer": "yes", "answeredAt": "{in_time}"}},
            "a2": {{"question": "two", "askedAt": "{asked}"}}}}"#
        );
        std::fs::write(directory.path().join("approvals.json"), text).unwrap();
        let found = questions.get("a1").unwrap().unwrap();
        assert_eq!(found.answer, Some(PersonAnswer::Yes));
        assert_eq!(answer(&questions, "a2", PersonAnswer::Yes), None);
        assert_eq!(questions.get("a2").unwrap(), None);
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        let now = Timestamp::now();
        let text = format!(r#"{{"a1": {{"question": "one", "askedAt": "{now}"}}}}"#);
        std::fs::write(directory.path().join("approvals.json"), text).unwrap();
        assert_eq!(open(&questions, "one"), "a1");
    }

    #[tokio::test]
    async fn the_first_of_two_answers_counts() {
        let directory = tempfile::tempdir().unwrap();
        let questions = questions(&directory);
        for round in 0..200 {
            let id = format!("{round:08}");
            let question = PersonQuestion {
                is_of_task: true,
                ..PersonQuestion::of("one")
            };
            questions.open(&id, question).unwrap();
            let [yes, no] = [PersonAnswer::Yes, PersonAnswer::No].map(|answer| {
                let (questions, id) = (questions.clone(), id.clone());
                std::thread::spawn(move || questions.answer(&id, answer, Actor::default()).unwrap())
            });
            let (yes, no) = (yes.join().unwrap(), no.join().unwrap());
            assert!(yes.is_some() != no.is_some(), "{yes:?} {no:?}");
            let counts = yes.or(no).and_then(|question| question.answer);
            let answered = questions.answered(&id).await.unwrap().unwrap();
            assert_eq!(answered.answer, counts);
            questions.withdraw(&id).unwrap();
            assert_eq!(questions.answered(&id).await.unwrap(), None);
        }
    }
}
