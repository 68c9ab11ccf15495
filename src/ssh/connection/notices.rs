//! Notices for a person while a login is under way: some servers, keys and agents wait for one.

use std::time::Duration;

use tokio::sync::watch;

use crate::text::whole_characters;

/// Time that a person has to act on a notice.
pub(in crate::ssh) const PERSON_TIME: Duration = Duration::from_secs(60);

/// Time after which an agent that has not signed is taken to wait for a person.
pub(in crate::ssh) const NOTICED: Duration = Duration::from_secs(2);

/// Texts that are kept, and bytes of each.
const MOST_TEXTS: usize = 8;
const LONGEST_TEXT: usize = 1000;

/// The texts that the server sent before the login's end, and what the login waits for.
pub(in crate::ssh) struct LoginNotices(watch::Sender<LoginState>);

#[derive(Default)]
struct LoginState {
    said: Vec<String>,
    waits_for: Option<String>,
    is_costly: bool,
    is_attended: bool,
}

impl Default for LoginNotices {
    fn default() -> Self {
        Self(watch::Sender::new(LoginState::default()))
    }
}

impl LoginNotices {
    /// Adds a text of the server: a banner, or the instructions of its prompts.
    pub(in crate::ssh) fn add(&self, text: &str) {
        let text = plain(text);
        if text.is_empty() {
            return;
        }
        self.0.send_modify(|known| {
            if !known.said.contains(&text) && known.said.len() < MOST_TEXTS {
                known.said.push(text);
            }
        });
    }

    /// Sets what the login waits for from now on.
    pub(in crate::ssh) fn wait_for(&self, what: impl Into<String>) {
        let what = Some(what.into());
        self.0.send_modify(|known| {
            known.waits_for = what;
            known.is_costly = true;
        });
    }

    /// Notes that such a login takes a person, or a one-time code, of which there is one in half a minute.
    pub(in crate::ssh) fn mark_costly(&self) {
        self.0.send_if_modified(|known| {
            known.is_costly = true;
            false
        });
    }

    /// Notes that a person may have had a hand in it.
    pub(in crate::ssh) fn mark_attended(&self) {
        self.0.send_if_modified(|known| {
            known.is_attended = true;
            false
        });
    }

    /// Returns whether a person may have had a hand in it, so that a further login may ask one.
    pub(in crate::ssh) fn is_attended(&self) -> bool {
        let known = self.0.borrow();
        known.is_costly || known.is_attended
    }

    /// Returns whether a further login would take a person or a one-time code.
    pub(in crate::ssh) fn is_costly(&self) -> bool {
        self.0.borrow().is_costly
    }

    /// Returns whether the server has sent a text.
    pub(in crate::ssh) fn has_texts(&self) -> bool {
        !self.0.borrow().said.is_empty()
    }

    /// Notes that the wait is over.
    pub(in crate::ssh) fn go_on(&self) {
        self.0.send_if_modified(|known| {
            known.waits_for = None;
            false
        });
    }

    /// The texts that the server has sent.
    pub(in crate::ssh) fn texts(&self) -> Vec<String> {
        self.0.borrow().said.clone()
    }

    /// All notices as one text.
    pub(in crate::ssh) fn shown(&self) -> Option<String> {
        let known = self.0.borrow();
        let said = known.said.iter();
        let said = said.map(|text| format!("the server says: {text}"));
        let all: Vec<_> = known.waits_for.iter().cloned().chain(said).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Subscribes to further notices.
    pub(in crate::ssh) fn changes(&self) -> NoticeChanges {
        NoticeChanges(self.0.subscribe())
    }
}

/// A subscription to notices.
pub(in crate::ssh) struct NoticeChanges(watch::Receiver<LoginState>);

impl NoticeChanges {
    /// Waits for the next one.
    pub(in crate::ssh) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A server's text, shortened, without control characters.
pub(in crate::ssh) fn plain(text: &str) -> String {
    let is_shown = |character: &char| *character == '\n' || !character.is_control();
    let mut plain: String = text.replace('\t', " ").chars().filter(is_shown).collect();
    if plain.len() > LONGEST_TEXT {
        plain.truncate(whole_characters(&plain.as_bytes()[..LONGEST_TEXT]));
        plain.push('…');
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_plain_and_bounded() {
        let notices = LoginNotices::default();
        assert_eq!(notices.shown(), None);
        for text in [
            "\u{1b}]0;title\u{7}Visit\thttps://a.example\r\n",
            "",
            " \n",
            "Visit",
        ] {
            notices.add(text);
            notices.add(text);
        }
        assert_eq!(
            notices.texts(),
            ["]0;titleVisit https://a.example", "Visit"]
        );
        notices.add(&"ä".repeat(1000));
        let last = notices.texts().pop().unwrap();
        assert!(last.len() < LONGEST_TEXT + 4 && last.ends_with("ä…"));
        (0..20).for_each(|number| notices.add(&number.to_string()));
        assert_eq!(notices.texts().len(), MOST_TEXTS);
    }

    #[test]
    fn what_is_waited_for_stands_first() {
        let notices = LoginNotices::default();
        notices.add("Hello");
        notices.wait_for("a touch is wanted");
        assert_eq!(
            notices.shown().unwrap(),
            "a touch is wanted; the server says: Hello"
        );
        notices.go_on();
        assert_eq!(notices.shown().unwrap(), "the server says: Hello");
    }
}
