//! Checking that the trail is what was written.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::anchor::{Adopted, Anchor};
use super::lines::{Line, Link};
use super::trail::lines_of;
use super::{BEGINNING, KEPT, NAME};
use crate::store::{DataDirectory, Log, LogPart, ProcessLock};

/// Calls without an end that are listed one by one.
const LISTED: usize = 20;

/// What was found.
#[derive(Debug, Default)]
pub struct Verified {
    /// The number of files.
    pub files: usize,
    /// Name of the anchor.
    anchor_name: String,
    /// How many lines there are, up to the first that is not in order.
    pub lines: u64,
    /// The last line's hash: whoever keeps it elsewhere can tell whether the whole was made anew.
    pub last: String,
    /// Whether older files were removed, as they are when there are many.
    pub is_shortened: bool,
    /// The lines that are older than their anchor: that none were missing by then cannot be told.
    pub adopted: Option<Adopted>,
    /// The calls that have begun, and whose process is gone without having ended them.
    pub open: Vec<OpenCall>,
    /// How many calls are under way.
    pub running: usize,
    /// The first place that is not in order, and what is wrong with it.
    pub problem: Option<String>,
}

/// A call that has begun and not ended: what it did is not known.
#[derive(Debug)]
pub struct OpenCall {
    /// When it began.
    pub time: String,
    /// The tool.
    pub tool: String,
    /// The server.
    pub alias: Option<String>,
    process: String,
    place: usize,
}

impl Verified {
    /// What there is to say of it, to be added to a sentence.
    pub fn remarks(&self) -> String {
        let shortened = self
            .is_shortened
            .then(|| "older files were removed".to_owned());
        let adopted = self.adopted.as_ref().map(|Adopted { time, lines }| {
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

    /// The calls without an end, a line each.
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

/// Follows the chain through every file of a data directory, from end to end. Waits a little for whoever
/// adds to it.
pub fn verify(directory: &Path) -> io::Result<Verified> {
    let data = DataDirectory::existing(directory);
    let log = data.log(NAME);
    let _lock = log.lock_for_reading()?;
    let anchor = log.anchor()?;
    let mut walk = Walk::new(&log, anchor.as_ref());
    for part in log.parts()? {
        walk.part(&part)?;
    }
    Ok(walk.end(&data))
}

/// The way along the chain.
struct Walk<'a> {
    log: &'a Log,
    anchor: Option<&'a Anchor>,
    found: Verified,
    begun: HashMap<String, OpenCall>,
    /// Files that have lines.
    begun_files: usize,
    /// The very first line's place, where it follows another than it should.
    headless: Option<String>,
    /// Whether the line was met that the anchor's removed ones end with, or the one that it names last.
    has_removed: bool,
    has_last: bool,
    /// Lines of this version, which always have an anchor, since before there was one.
    unanchored: u64,
}

impl<'a> Walk<'a> {
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

    fn line(&mut self, line: Line, part: &LogPart) {
        let place = format!("{}:{}", part.location(), line.number);
        // The process was ended in it. The next one takes it out.
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

    /// Takes note of a call's beginning, or of its end.
    fn note(&mut self, said: Link) {
        let (Some(event), Some(call)) = (said.event, said.call) else {
            return;
        };
        let adopted = self.anchor.map(|anchor| anchor.adopted.as_ref());
        if adopted.is_none_or(|adopted| adopted.is_some_and(|old| self.found.lines <= old.lines)) {
            self.unanchored += 1;
        }
        if event == "ended" {
            self.begun.remove(&call);
        } else {
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

    /// What is wrong with the first line.
    fn beginning(&mut self) -> Option<String> {
        let place = self.headless.take()?;
        let is_known = if let Some(anchor) = self.anchor {
            // Files that were to be removed may still be there.
            anchor.removed.last != BEGINNING && self.has_removed
        } else {
            // Of an earlier version's many files, the oldest were removed.
            self.found.is_shortened = self.begun_files >= KEPT;
            self.found.is_shortened
        };
        (!is_known).then(|| {
            format!("{place} is not the first line that was written: lines before it are gone")
        })
    }

    /// What is wrong as a whole.
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
