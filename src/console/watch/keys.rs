//! The keys, and what they do.

use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tokio::runtime::Handle;

use super::scene::{PersonAct, WatchScene};
use crate::actor::AT_TERMINAL;
use crate::approval::{self, PersonAnswer};
use crate::console::act::{in_words, text_of};
use crate::console::local::call_locally;
use crate::red_button;
use crate::sync::lock;

/// The keys, as the screen's last line lists them.
pub(super) const HELP: &str =
    "j/k select  s stop it  S stop everything  R go on  Tab question, then y/n  q leave";

/// The effect of a key on the screen itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyOutcome {
    Stay,
    Leave,
}

/// Does what a key says.
pub(super) fn press(scene: &mut WatchScene, key: KeyEvent, handle: &Handle) -> KeyOutcome {
    let is_interrupt =
        key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    if is_interrupt {
        return KeyOutcome::Leave;
    }
    scene.tell(String::new());
    if let Some(act) = scene.unconfirmed.take() {
        if key.code == KeyCode::Char('y') {
            perform(scene, act, handle);
        }
        return KeyOutcome::Stay;
    }
    match key.code {
        KeyCode::Char('q') => return KeyOutcome::Leave,
        KeyCode::Char('j') | KeyCode::Down => scene.step(1),
        KeyCode::Char('k') | KeyCode::Up => scene.step(-1),
        KeyCode::Tab => scene.next_question(),
        KeyCode::Esc => scene.asked = None,
        KeyCode::Char('y') => answer(scene, PersonAnswer::Yes),
        KeyCode::Char('n') => answer(scene, PersonAnswer::No),
        KeyCode::Char('s') => {
            let live = scene.selected_task().filter(|task| task.status.is_live());
            scene.unconfirmed = live.map(|task| PersonAct::Cancel(task.id.to_string()));
        }
        KeyCode::Char('S') if !scene.is_all_held() => scene.unconfirmed = Some(PersonAct::Hold),
        KeyCode::Char('R') if !scene.holds.is_empty() => {
            scene.unconfirmed = Some(PersonAct::Release);
        }
        _ => {}
    }
    KeyOutcome::Stay
}

/// Answers the question that the person has gone to.
fn answer(scene: &mut WatchScene, answer: PersonAnswer) {
    if let Some(id) = scene.asked.take() {
        let recorded = approval::record(&scene.config, AT_TERMINAL, &id, answer);
        scene.tell(recorded.map_or_else(|error| error.to_string(), |()| String::new()));
    }
}

fn perform(scene: &WatchScene, act: PersonAct, handle: &Handle) {
    let config = scene.config.clone();
    let done = match act {
        PersonAct::Hold => red_button::hold_only(&config, AT_TERMINAL, None),
        PersonAct::Release => red_button::release(&config, AT_TERMINAL, None).map(|_| ()),
        PersonAct::Cancel(id) => {
            let told = Arc::clone(&scene.told);
            let arguments = serde_json::Map::from_iter([("id".to_owned(), id.into())]);
            handle.spawn(async move {
                let called = call_locally(config, AT_TERMINAL, "task_cancel", arguments).await;
                let text = called.map(|result| in_words(&text_of(&result)));
                *lock(&told) = text.unwrap_or_else(|error| error.to_string());
            });
            Ok(())
        }
    };
    if let Err(error) = done {
        scene.tell(error.to_string());
    }
}
