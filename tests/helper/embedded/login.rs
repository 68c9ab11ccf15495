//! The embedded server's login, with questions as PAM behind sshd asks them.

use std::borrow::Cow;

use russh::MethodKind;
use russh::server::Auth;

/// A prompt, and which answers are right.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The text of the question.
    pub prompt: &'static str,
    /// True if the answer is shown while it is typed.
    pub echo: bool,
    /// Returns true for the right answers.
    pub is_right: fn(&str) -> bool,
}

/// When the questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing else is taken.
    Alone,
    /// The key or the password comes after them.
    First,
    /// The key or the password comes before them.
    Second,
}

/// The questions of keyboard-interactive (RFC 4256), asked one by one.
#[derive(Clone, Debug)]
pub struct Dialogue {
    /// When.
    pub turn: Turn,
    /// The questions.
    pub questions: Vec<Question>,
}

/// The server's texts besides its questions.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoginTexts {
    /// Before anything else (RFC 4252, section 5.4).
    pub banner: &'static str,
    /// The purpose of the questions.
    pub name: &'static str,
    /// The instructions for the answers.
    pub instructions: &'static str,
}

/// The state of a login.
pub struct LoginState {
    words: LoginTexts,
    dialogue: Option<Dialogue>,
    is_halfway: bool,
    /// The question that is to be answered.
    asked: Option<usize>,
}

impl LoginState {
    pub fn new(dialogue: Option<Dialogue>, words: LoginTexts) -> Self {
        Self {
            words,
            dialogue,
            is_halfway: false,
            asked: None,
        }
    }

    /// The text before anything else.
    pub fn banner(&self) -> Option<String> {
        let banner = self.words.banner;
        (!banner.is_empty()).then(|| banner.to_owned())
    }

    fn asks_now(&self) -> bool {
        match self.dialogue.as_ref().map(|dialogue| dialogue.turn) {
            None => false,
            Some(Turn::Alone) => true,
            Some(Turn::First) => !self.is_halfway,
            Some(Turn::Second) => self.is_halfway,
        }
    }

    /// A key or password was shown, which may be right.
    pub fn shown(&mut self, is_right: bool) -> Auth {
        if is_right && !self.asks_now() {
            return self.passed(Turn::Second);
        }
        self.refused(false)
    }

    /// Ends a step of the login: it is the first half if the questions have that turn.
    fn passed(&mut self, turn: Turn) -> Auth {
        let wanted = self.dialogue.as_ref().map(|dialogue| dialogue.turn);
        if wanted != Some(turn) {
            return Auth::Accept;
        }
        self.is_halfway = true;
        self.refused(true)
    }

    /// The dialogue is begun, or its last question answered.
    pub fn answered(&mut self, is_user: bool, answer: Option<&str>) -> Auth {
        let asked = self.asked.take();
        let asks = is_user && self.asks_now();
        let Some(dialogue) = self.dialogue.as_ref().filter(|_| asks) else {
            return self.refused(false);
        };
        let next = match (asked, answer) {
            (None, _) => 0,
            // After the last question PAM says how it went, and asks nothing.
            (Some(asked), None) if asked == dialogue.questions.len() => {
                return self.passed(Turn::First);
            }
            (Some(asked), Some(answer))
                if dialogue
                    .questions
                    .get(asked)
                    .is_some_and(|question| (question.is_right)(answer)) =>
            {
                asked + 1
            }
            _ => return self.refused(false),
        };
        let question = dialogue.questions.get(next);
        let prompts = question.map(|question| (Cow::Borrowed(question.prompt), question.echo));
        self.asked = Some(next);
        Auth::Partial {
            name: self.words.name.into(),
            instructions: self.words.instructions.into(),
            prompts: prompts.into_iter().collect(),
        }
    }

    /// It says what it takes now, as sshd does: the same as before, or what is to come after.
    fn refused(&self, partial_success: bool) -> Auth {
        let methods: &[_] = if self.asks_now() {
            &[MethodKind::KeyboardInteractive]
        } else {
            &[MethodKind::PublicKey, MethodKind::Password]
        };
        Auth::Reject {
            proceed_with_methods: Some(methods.into()),
            partial_success,
        }
    }
}
