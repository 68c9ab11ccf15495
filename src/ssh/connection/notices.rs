//! What a person has to know while a login is under way: some servers, keys and agents wait for them.

use std::time::Duration;

use tokio::sync::watch;

use crate::text::whole_characters;

/// Once there is something to do, a person has so long to do it.
pub(in crate::ssh) const PERSON_TIME: Duration = Duration::from_secs(60);

/// An agent that takes longer than this to sign waits for a person.
pub(in crate::ssh) const NOTICED: Duration = Duration::from_secs(2);

/// Texts that are kept, and bytes of each.
const MOST_TEXTS: usize = 8;
const LONGEST_TEXT: usize = 1000;

/// What the server has said before somebody was in, and what the login waits for.
pub(in crate::ssh) struct Notices(watch::Sender<Known>);

#[derive(Default)]
struct Known {
    said: Vec<String>,
    waits_for: Option<String>,
    is_dear: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self(watch::Sender::new(Known::default()))
    }
}

impl Notices {
    /// Keeps what the server has said: a banner, or what goes with its questions.
    pub(in crate::ssh) fn hear(&self, text: &str) {
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

    /// Notes what the login waits for from now on.
    pub(in crate::ssh) fn wait_for(&self, what: impl Into<String>) {
        let what = Some(what.into());
        self.0.send_modify(|known| {
            known.waits_for = what;
            known.is_dear = true;
        });
    }

    /// Notes that such a login takes a person, or a code that there is one of in half a minute.
    pub(in crate::ssh) fn cost(&self) {
        self.0.send_if_modified(|known| {
            known.is_dear = true;
            false
        });
    }

    /// Whether a further login is not to be had for nothing.
    pub(in crate::ssh) fn is_dear(&self) -> bool {
        self.0.borrow().is_dear
    }

    /// Whether the server has said something.
    pub(in crate::ssh) fn has_said(&self) -> bool {
        !self.0.borrow().said.is_empty()
    }

    /// Notes that the wait is over.
    pub(in crate::ssh) fn go_on(&self) {
        self.0.send_if_modified(|known| {
            known.waits_for = None;
            false
        });
    }

    /// What the server has said.
    pub(in crate::ssh) fn said(&self) -> Vec<String> {
        self.0.borrow().said.clone()
    }

    /// All of it, for whoever waits.
    pub(in crate::ssh) fn shown(&self) -> Option<String> {
        let known = self.0.borrow();
        let said = known.said.iter();
        let said = said.map(|text| format!("the server says: {text}"));
        let all: Vec<_> = known.waits_for.iter().cloned().chain(said).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Tells of each further notice.
    pub(in crate::ssh) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// Notices that come from now on.
pub(in crate::ssh) struct Changes(watch::Receiver<Known>);

impl Changes {
    /// Waits for the next one.
    pub(in crate::ssh) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A server's text without what a terminal would act on, and not too long.
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
        let notices = Notices::default();
        assert_eq!(notices.shown(), None);
        for text in [
            "\u{1b}]0;title\u{7}Visit\thttps://a.example\r\n",
            "",
            " \n",
            "Visit",
        ] {
            notices.hear(text);
            notices.hear(text);
        }
        assert_eq!(notices.said(), ["]0;titleVisit https://a.example", "Visit"]);
        notices.hear(&"ä".repeat(1000));
        let last = notices.said().pop().unwrap();
        assert!(last.len() < LONGEST_TEXT + 4 && last.ends_with("ä…"));
        (0..20).for_each(|number| notices.hear(&number.to_string()));
        assert_eq!(notices.said().len(), MOST_TEXTS);
    }

    #[test]
    fn what_is_waited_for_stands_first() {
        let notices = Notices::default();
        notices.hear("Hello");
        notices.wait_for("a touch is wanted");
        assert_eq!(
            notices.shown().unwrap(),
            "a touch is wanted; the server says: Hello"
        );
        notices.go_on();
        assert_eq!(notices.shown().unwrap(), "the server says: Hello");
    }
}
