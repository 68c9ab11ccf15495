//! Verifies that the trail is unchanged.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::anchor::{AdoptedLines, Anchor};
use super::lines::{Link, TrailLine};
use super::trail::lines_of;
use super::{BEGINNING, KEPT, NAME};
use crate::store::{DataDirectory, Log, LogPart, ProcessLock};

/// The most calls without an end that are listed.
const LISTED: usize = 20;

/// The result of a verification.
#[derive(Debug, Default)]
pub struct Verified {
    /// The number of files.
    pub files: usize,
    /// The name of the anchor's file.
    anchor_name: String,
    /// The number of lines up to the first that is wrong.
    pub lines: u64,
    /// The last line's hash. Kept elsewhere, it shows if the whole trail was made anew.
    pub last: String,
    /// True if the oldest files were removed, as rotation does.
    pub is_shortened: bool,
    /// The lines that are older than the anchor. Nothing shows if some were missing by then.
    pub adopted: Option<AdoptedLines>,
    /// The calls that have no end and whose process is gone.
    pub open: Vec<OpenCall>,
    /// The number of calls that are running.
    pub running: usize,
    /// The first problem, with its location.
    pub problem: Option<String>,
}

/// A call that has begun and not ended. It is unknown what it has done.
#[derive(Debug)]
pub struct OpenCall {
    /// The time at which it began.
    pub time: String,
    /// The tool.
    pub tool: String,
    /// The server.
    pub alias: Option<String>,
    process: String,
    place: usize,
}

impl Verified {
    /// Remarks to append to a sentence, each after a semicolon.
    pub fn remarks(&self) -> String {
        let shortened = self
            .is_shortened
            .then(|| "older files were removed".to_owned());
        let adopted = self.adopted.as_ref().map(|AdoptedLines { time, lines }| {
            format!(
                "the first {lines} are older than `{}`, which was made at {time}",
                self.anchor_name
            )
        });
        let running = match self.running {
            0 => None,
            1 => Some("1 call is under way".to_owned()),
            more => Some(format!("{more} calls are under way")),
        };
        let open = match self.open.len() {
            0 => None,
            1 => Some("1 call has no end, for its process ended in it".to_owned()),
            more => Some(format!(
                "{more} calls have no end, for their processes ended in them"
            )),
        };
        let remarks = [shortened, adopted, running, open].into_iter().flatten();
        remarks.fold(String::new(), |text, remark| text + "; " + &remark)
    }

    /// The calls without an end, one to a line.
    pub fn open_calls(&self) -> String {
        let mut text = String::new();
        for call in self.open.iter().take(LISTED) {
            let on = call.alias.as_ref().map(|alias| format!(" on `{alias}`"));
            let _ = writeln!(
                text,
                "no end: {} {}{}",
                call.time,
                call.tool,
                on.unwrap_or_default()
            );
        }
        if self.open.len() > LISTED {
            let _ = writeln!(text, "and {} more", self.open.len() - LISTED);
        }
        text
    }
}

/// Verifies the trail of a data directory. Waits a little for a process that is adding a line.
pub fn verify(directory: &Path) -> io::Result<Verified> {
    let data = DataDirectory::existing(directory);
    let log = data.log(NAME);
    let _lock = log.lock_for_reading()?;
    let anchor = log.anchor()?;
    let mut walk = ChainCheck::new(&log, anchor.as_ref());
    for part in log.parts()? {
        walk.part(&part)?;
    }
    Ok(walk.end(&data))
}

/// A check of the chain of hashes, line by line.
struct ChainCheck<'a> {
    log: &'a Log,
    anchor: Option<&'a Anchor>,
    found: Verified,
    begun: HashMap<String, OpenCall>,
    /// The number of files that have lines.
    begun_files: usize,
    /// The location of the first line, if it does not follow the line that it should follow.
    headless: Option<String>,
    /// True after the last of the lines that the anchor calls removed.
    has_removed: bool,
    /// True after the line that the anchor calls the last.
    has_last: bool,
    /// The number of lines that this version wrote, which always makes an anchor, and that are older than
    /// the anchor.
    unanchored: u64,
}

impl<'a> ChainCheck<'a> {
    fn new(log: &'a Log, anchor: Option<&'a Anchor>) -> Self {
        Self {
            log,
            anchor,
            found: Verified {
                last: BEGINNING.to_owned(),
                anchor_name: log.anchor_name(),
                ..Verified::default()
            },
            begun: HashMap::new(),
            begun_files: 0,
            headless: None,
            has_removed: false,
            has_last: anchor.is_none_or(|anchor| anchor.lines == 0),
            unanchored: 0,
        }
    }

    fn part(&mut self, part: &LogPart) -> io::Result<()> {
        let before = self.found.lines;
        for line in lines_of(part)? {
            if self.found.problem.is_none() {
                self.line(line?, part);
            }
        }
        self.begun_files += usize::from(self.found.lines > before);
        self.found.files += 1;
        Ok(())
    }

    fn line(&mut self, line: TrailLine, part: &LogPart) {
        let place = format!("{}:{}", part.location(), line.number);
        // A process was killed while it wrote. The next one removes the line.
        if line.is_torn() && part.is_current {
            return;
        }
        let follows = line.follows(&self.found.last);
        let Some(said) = line.link else {
            self.found.problem = Some(format!("{place} is no line of the audit trail"));
            return;
        };
        if self.found.lines == 0 {
            let removed = self.anchor.map_or(BEGINNING, |anchor| &anchor.removed.last);
            if said.previous != removed {
                self.headless = Some(place);
            }
        } else if !follows {
            self.found.problem = Some(format!(
                "{place} does not follow the line before it: one of them was changed, or lines between them are gone"
            ));
            return;
        }
        self.found.lines += 1;
        if let Some(anchor) = self.anchor {
            self.has_removed |= line.hash == anchor.removed.last;
            self.has_last |= line.hash == anchor.last;
        }
        self.found.last = line.hash;
        self.note(said);
    }

    /// Notes a call's beginning, or its end.
    fn note(&mut self, said: Link) {
        let (Some(event), Some(call)) = (said.event, said.call) else {
            return;
        };
        let adopted = self.anchor.map(|anchor| anchor.adopted.as_ref());
        if adopted.is_none_or(|adopted| adopted.is_some_and(|old| self.found.lines <= old.lines)) {
            self.unanchored += 1;
        }
        match event.as_str() {
            "ended" => {
                self.begun.remove(&call);
            }
            // Its call has ended before.
            "finished" => {}
            _ => {
                let begun = OpenCall {
                    time: said.time.unwrap_or_default(),
                    tool: said.tool.unwrap_or_default(),
                    alias: said.alias,
                    process: said.process.unwrap_or_default(),
                    place: self.begun.len(),
                };
                self.begun.insert(call, begun);
            }
        }
    }

    fn end(mut self, data: &DataDirectory) -> Verified {
        if self.found.problem.is_none() {
            self.found.problem = self.beginning().or_else(|| self.loss());
        }
        self.found.is_shortened |= self
            .anchor
            .is_some_and(|anchor| anchor.removed.last != BEGINNING);
        self.found.adopted = self.anchor.and_then(|anchor| anchor.adopted.clone());
        let mut open: Vec<_> = self.begun.into_values().collect();
        open.sort_by_key(|call| (call.time.clone(), call.place));
        let begun = open.len();
        open.retain(|call| !ProcessLock::lives(data, &call.process));
        self.found.running = begun - open.len();
        self.found.open = open;
        self.found
    }

    /// The problem with the first line.
    fn beginning(&mut self) -> Option<String> {
        let place = self.headless.take()?;
        let is_known = if let Some(anchor) = self.anchor {
            // Rotation may have been interrupted before it removed all files.
            anchor.removed.last != BEGINNING && self.has_removed
        } else {
            // An earlier version removed the oldest of many files without a note.
            self.found.is_shortened = self.begun_files >= KEPT;
            self.found.is_shortened
        };
        (!is_known).then(|| {
            format!("{place} is not the first line that was written: lines before it are gone")
        })
    }

    /// The problem with the anchor: missing lines at the end, or a missing anchor.
    fn loss(&self) -> Option<String> {
        let anchor_location = self.log.anchor_location();
        match self.anchor {
            Some(anchor) if !self.has_last => Some(format!(
                "{} lines were written, by `{}`, and the last of them is gone: lines were taken off at the end, \
                 or the machine stopped before they were on its disk",
                anchor.lines, anchor_location
            )),
            _ if self.unanchored > 0 => Some(format!(
                "`{anchor_location}` was taken away after these lines were written, so that nothing tells whether others are gone"
            )),
            _ => None,
        }
    }
}
