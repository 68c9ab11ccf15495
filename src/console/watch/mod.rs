//! `watch`: a live screen of servers, tasks with what they print, and questions, with keys to answer and to stop.
//!
//! | module | what it is |
//! |---|---|
//! | `scene` | the facts on the screen, and the place where the person is |
//! | `draw` | the screen, made of the scene |
//! | `keys` | the keys, and what they do |

mod draw;
mod keys;
mod scene;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::runtime::Handle;

use super::ConsoleError;
use crate::config::Config;
use crate::observer::Observer;
use crate::samples::{SAMPLE_INTERVAL, sample_while};
use keys::KeyOutcome;
use scene::WatchScene;

/// The interval at which the facts are looked at again.
const REFRESH: Duration = Duration::from_millis(250);

/// The options of `watch`.
#[derive(Debug, Args)]
pub struct WatchCommand {}

impl WatchCommand {
    /// Shows the screen until the person leaves it.
    pub async fn run(self, config: Config) -> Result<(), ConsoleError> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other("`watch` is for a person at a terminal").into());
        }
        let observer = Arc::new(Observer::open(config.clone()).await?);
        let (watched, is_over) = (Arc::clone(&observer), Arc::new(AtomicBool::new(false)));
        let (handle, over) = (Handle::current(), Arc::clone(&is_over));
        // Keys are waited for on a thread of their own.
        let shown = tokio::task::spawn_blocking(move || {
            let mut terminal = ratatui::try_init()?;
            let scene = WatchScene::new(watched, config);
            let shown = show(&mut terminal, scene, &handle, &over);
            ratatui::try_restore()?;
            shown
        });
        let result = tokio::select! {
            shown = shown => shown.map_err(crate::error::Error::from)?,
            () = sample_while(observer.offline(), SAMPLE_INTERVAL, || true) => Ok(()),
        };
        is_over.store(true, Ordering::Relaxed);
        observer.offline().pool.close().await;
        result
    }
}

fn show(
    terminal: &mut DefaultTerminal,
    mut scene: WatchScene,
    handle: &Handle,
    is_over: &AtomicBool,
) -> Result<(), ConsoleError> {
    while !is_over.load(Ordering::Relaxed) {
        scene.refresh();
        terminal.draw(|frame| draw::screen(frame, &scene))?;
        let until = Instant::now() + REFRESH;
        while event::poll(until.saturating_duration_since(Instant::now()))? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && keys::press(&mut scene, key, handle) == KeyOutcome::Leave
            {
                return Ok(());
            }
            terminal.draw(|frame| draw::screen(frame, &scene))?;
        }
    }
    Ok(())
}
