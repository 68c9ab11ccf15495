//! The terminal of a device: keys, echo, and pages.

use std::collections::VecDeque;
use std::time::Duration;

use russh::ChannelId;
use russh::server::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

/// The keys that stop what a device does.
const STOP: [u8; 2] = [0x1e, 0x03];

/// The manner in which a device shows what is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// Key by key. From the 79th column on it scrolls sideways, with a `$`.
    Scrolling,
    /// Key by key, broken at the 80th column.
    Wrapping,
    /// The whole line anew, with its prompt.
    Redrawn,
    /// Not at all.
    Hidden,
}

/// The pager of a device: its line, and the text that takes it away.
#[derive(Clone, Copy)]
pub struct Pager {
    pub line: &'static str,
    pub erase: &'static str,
}

/// A terminal's side of the device.
pub struct Console {
    handle: Handle,
    channel: ChannelId,
    keys: UnboundedReceiver<Vec<u8>>,
    waiting: VecDeque<u8>,
    /// The lines of a page; `None` prints without pauses.
    pub page: Option<usize>,
    pub is_over: bool,
}

impl Console {
    pub fn new(handle: Handle, channel: ChannelId, keys: UnboundedReceiver<Vec<u8>>) -> Self {
        Self {
            handle,
            channel,
            keys,
            waiting: VecDeque::new(),
            page: Some(23),
            is_over: false,
        }
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub async fn print(&mut self, text: &str) {
        if self
            .handle
            .data(self.channel, text.as_bytes().to_vec())
            .await
            .is_err()
        {
            self.is_over = true;
        }
    }

    /// The next key; `None` once the client is gone.
    pub async fn key(&mut self) -> Option<u8> {
        loop {
            if let Some(key) = self.waiting.pop_front() {
                return Some(key);
            }
            let Some(keys) = self.keys.recv().await else {
                self.is_over = true;
                return None;
            };
            self.waiting.extend(keys);
        }
    }

    /// Reads a line behind a prompt, which is printed.
    pub async fn line(&mut self, prompt: &str, echo: Echo) -> String {
        self.print(prompt).await;
        let mut line = String::new();
        while let Some(key) = self.key().await {
            match key {
                b'\r' => break,
                b'\n' => {}
                0x1e | 0x03 => line.clear(),
                key => {
                    line.push(char::from(key));
                    self.echo(prompt, &line, echo).await;
                }
            }
        }
        let end = if echo == Echo::Redrawn {
            "\r\n\r"
        } else {
            "\r\n\0"
        };
        self.print(end).await;
        line
    }

    async fn echo(&mut self, prompt: &str, line: &str, echo: Echo) {
        let last = line.chars().last().unwrap_or_default();
        let column = prompt.len() + line.len();
        match echo {
            Echo::Hidden => {}
            Echo::Redrawn => self.print(&format!("\r\x1b[K{prompt}{line}")).await,
            Echo::Wrapping if column.is_multiple_of(80) => {
                self.print(&format!("{last}\r\n")).await;
            }
            Echo::Scrolling if column > 78 => {
                let back = "\u{8}".repeat(78);
                let shown = &line[line.len() - 40..];
                self.print(&format!("{back}{prompt}${shown}")).await;
            }
            Echo::Scrolling | Echo::Wrapping => self.print(&last.to_string()).await,
        }
    }

    /// Prints lines, with a pause after each page.
    pub async fn pages(&mut self, lines: &[String], pager: Pager) {
        let mut left = self.page;
        for line in lines {
            if left == Some(0) {
                self.print(pager.line).await;
                let key = self.key().await;
                self.print(pager.erase).await;
                left = match key {
                    Some(b' ') => self.page,
                    Some(b'\r') => Some(1),
                    Some(b'd' | b'D') if pager.line.contains("dump") => None,
                    _ => return,
                };
            }
            left = left.map(|left| left - 1);
            self.print(&format!("{line}\r\n")).await;
            if self.is_over {
                return;
            }
        }
    }

    /// Prints a text again and again until a key stops it.
    pub async fn for_ever(&mut self, text: &str) {
        while !self.is_over {
            self.print(text).await;
            if let Ok(key) = timeout(Duration::from_millis(50), self.key()).await
                && key.is_none_or(|key| STOP.contains(&key))
            {
                return;
            }
        }
    }

    /// Takes keys for a while: a device's answer to a question that the terminal answers itself.
    pub async fn answer(&mut self, end: u8) -> Option<String> {
        let answer = async {
            let mut answer = String::new();
            loop {
                let key = self.key().await?;
                answer.push(char::from(key));
                if key == end {
                    return Some(answer);
                }
            }
        };
        timeout(Duration::from_secs(1), answer).await.ok().flatten()
    }

    pub async fn pause(&self, time: u64) {
        sleep(Duration::from_millis(time)).await;
    }
}
