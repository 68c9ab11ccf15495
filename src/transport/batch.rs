//! Batches: several messages in one array, whose answers come as one array too (JSON-RPC 2.0, section 6).
//! MCP has them in version 2025-03-26 alone.

use std::collections::HashMap;

use rmcp::model::RequestId;

/// The most messages in a batch.
pub(super) const MOST_MESSAGES: usize = 1000;
/// The most bytes of answers that wait for others of their batch. Beyond it, they are written in an array of
/// their own: they would fill memory, and make a line that no client reads.
const MOST_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The batches that still lack answers.
#[derive(Debug, Default)]
pub(super) struct Batches {
    open: HashMap<u64, Batch>,
    /// The batch of each request without an answer.
    requests: HashMap<RequestId, u64>,
    answer_bytes: usize,
    begun: u64,
}

#[derive(Debug)]
struct Batch {
    /// The number of its requests without an answer, and one more while its messages are being read.
    pending: usize,
    /// An unclosed JSON array of answers; empty without any.
    answers: Vec<u8>,
}

impl Batches {
    /// Begins a batch, and returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        let batch = Batch {
            pending: 1,
            answers: Vec::new(),
        };
        self.open.insert(self.begun, batch);
        self.begun
    }

    /// Adds a request to a batch that is being read.
    pub(super) fn add(&mut self, batch: u64, id: RequestId) {
        if let Some(open) = self.open.get_mut(&batch) {
            open.pending += 1;
            self.requests.insert(id, batch);
        }
    }

    /// Adds the answer to a malformed message. Returns the text to write now.
    pub(super) fn add_answer(&mut self, batch: u64, answer: &[u8]) -> Option<Vec<u8>> {
        let open = self.open.get_mut(&batch)?;
        open.answers
            .push(if open.answers.is_empty() { b'[' } else { b',' });
        open.answers.extend_from_slice(answer);
        self.answer_bytes += 1 + answer.len();
        if self.answer_bytes > MOST_ANSWER_BYTES {
            return self.array(batch);
        }
        None
    }

    /// Ends the reading of a batch. Returns the text to write now.
    pub(super) fn end(&mut self, batch: u64) -> Option<Vec<u8>> {
        let open = self.open.get_mut(&batch)?;
        open.pending -= 1;
        if open.pending > 0 {
            return None;
        }
        let array = self.array(batch);
        self.open.remove(&batch);
        array
    }

    /// Takes the answer to a request; `None` for a cancelled one, which gets none. Returns the text to write
    /// now: the answer itself if the request came in no batch.
    pub(super) fn settle(&mut self, id: &RequestId, answer: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let Some(batch) = self.requests.remove(id) else {
            return answer;
        };
        let early = answer.and_then(|answer| self.add_answer(batch, &answer));
        let last = self.end(batch);
        early.or(last)
    }

    /// Ends all batches. Returns the arrays of their answers; later answers are written alone.
    pub(super) fn give_up(&mut self) -> Vec<Vec<u8>> {
        self.requests.clear();
        let open: Vec<_> = self.open.keys().copied().collect();
        let arrays = open.iter().filter_map(|batch| self.array(*batch)).collect();
        self.open.clear();
        arrays
    }

    /// Takes the answers of a batch, as a closed array; `None` if there are none.
    fn array(&mut self, batch: u64) -> Option<Vec<u8>> {
        let mut answers = std::mem::take(&mut self.open.get_mut(&batch)?.answers);
        if answers.is_empty() {
            return None;
        }
        self.answer_bytes -= answers.len();
        answers.push(b']');
        Some(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> RequestId {
        RequestId::Number(number)
    }

    fn text(array: Option<Vec<u8>>) -> Option<String> {
        array.map(|array| String::from_utf8(array).unwrap())
    }

    #[test]
    fn answers_come_together_once_the_last_is_there() {
        let mut batches = Batches::default();
        let batch = batches.begin();
        batches.add(batch, id(1));
        assert_eq!(batches.settle(&id(1), Some(b"1".to_vec())), None);
        assert_eq!(batches.add_answer(batch, b"2"), None);
        batches.add(batch, id(3));
        assert_eq!(batches.end(batch), None);
        assert_eq!(
            text(batches.settle(&id(9), Some(b"9".to_vec()))).as_deref(),
            Some("9")
        );
        assert_eq!(
            text(batches.settle(&id(3), Some(b"3".to_vec()))).as_deref(),
            Some("[1,2,3]")
        );
        assert!(batches.open.is_empty() && batches.requests.is_empty());
        assert_eq!(batches.answer_bytes, 0);
    }

    #[test]
    fn a_batch_without_answers_gets_none() {
        let mut batches = Batches::default();
        let batch = batches.begin();
        batches.add(batch, id(1));
        assert_eq!(batches.end(batch), None);
        assert_eq!(batches.settle(&id(1), None), None);
        assert!(batches.open.is_empty());
    }

    #[test]
    fn too_many_bytes_do_not_wait_for_the_last_answer() {
        let mut batches = Batches::default();
        let batch = batches.begin();
        (0..3).for_each(|number| batches.add(batch, id(number)));
        assert_eq!(batches.end(batch), None);
        let half = vec![b'0'; MOST_ANSWER_BYTES / 2];
        assert_eq!(batches.settle(&id(0), Some(half.clone())), None);
        let early = batches.settle(&id(1), Some(half.clone())).unwrap();
        assert_eq!(early.len(), 2 * half.len() + 3);
        assert_eq!(
            text(batches.settle(&id(2), Some(b"2".to_vec()))).as_deref(),
            Some("[2]")
        );
        // Also where it is the last that is too much.
        let batch = batches.begin();
        (0..2).for_each(|number| batches.add(batch, id(number)));
        assert_eq!(batches.end(batch), None);
        assert_eq!(batches.settle(&id(0), Some(half.clone())), None);
        assert!(batches.settle(&id(1), Some(half)).is_some());
        assert!(batches.open.is_empty() && batches.answer_bytes == 0);
    }

    #[test]
    fn what_is_answered_goes_out_when_a_batch_is_given_up() {
        let mut batches = Batches::default();
        let batch = batches.begin();
        (0..2).for_each(|number| batches.add(batch, id(number)));
        assert_eq!(batches.end(batch), None);
        assert_eq!(batches.settle(&id(0), Some(b"0".to_vec())), None);
        assert_eq!(batches.give_up(), [b"[0]".to_vec()]);
        assert_eq!(
            text(batches.settle(&id(1), Some(b"1".to_vec()))).as_deref(),
            Some("1")
        );
    }
}
