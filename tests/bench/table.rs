//! Figures, as Markdown.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::comparison::{self, Figures, Peer};
use crate::process::ProcessMemory;

/// The number of rounds from which a 95th percentile says something.
const ENOUGH_FOR_95TH: usize = 20;

const COLUMNS: [&str; 8] = [
    "what",
    "who",
    "time",
    "95th",
    "round trips",
    "CPU",
    "ratio of time",
    "ratio of CPU",
];

/// A table of comparisons.
pub struct Table {
    title: String,
    /// The directory for files that the programs make.
    place: PathBuf,
    /// The round trip of the line, if there is one.
    round_trip: Option<Duration>,
    rows: Vec<[String; COLUMNS.len()]>,
    /// Comparisons in which another program was faster.
    behind: Vec<String>,
}

impl Table {
    pub fn new(title: &str, place: &Path, round_trip: Option<Duration>) -> Self {
        Self {
            title: title.to_owned(),
            place: place.to_owned(),
            round_trip,
            rows: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// Adds a comparison, if the command line asks for it. Ratios are those of the first program to each other one.
    pub fn compare(&mut self, what: &str, rounds: u64, peers: Vec<Peer<'_>>) {
        if !self.has_to_show(what) {
            return;
        }
        let all = comparison::run(&self.place, rounds, peers);
        let Some((first, others)) = all.split_first() else {
            return;
        };
        self.row(what, first, [String::new(), String::new()]);
        for other in others {
            let time = first.percentile(50).div_duration_f64(other.percentile(50));
            if time > 1.0 {
                self.behind.push(format!("{what} ({})", other.name));
            }
            let used = first.cpu().zip(other.cpu());
            let cpu = used.map(|(ours, theirs)| ours.div_duration_f64(theirs));
            self.row("", other, [Some(time), cpu].map(shown_ratio));
        }
    }

    /// Returns whether the command line asks for a row.
    pub fn has_to_show(&self, what: &str) -> bool {
        is_asked_for(&format!("{}: {what}", self.title))
    }

    fn row(&mut self, what: &str, figures: &Figures, [time, cpu]: [String; 2]) {
        let median = figures.percentile(50);
        let has_95th = figures.rounds() >= ENOUGH_FOR_95TH;
        let slow = has_95th.then(|| milliseconds(figures.percentile(95)));
        let trips = self.round_trip.map(|trip| median.div_duration_f64(trip));
        self.rows.push([
            what.to_owned(),
            figures.name.clone(),
            milliseconds(median),
            slow.unwrap_or_default(),
            trips.map(|trips| format!("{trips:.1}")).unwrap_or_default(),
            figures.cpu().map(milliseconds).unwrap_or_default(),
            time,
            cpu,
        ]);
    }

    /// Prints the comparisons in which another program was faster, and the columns that are not empty.
    pub fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        println!("\n{}:", self.title);
        if !self.behind.is_empty() {
            println!("\nBehind: {}.", self.behind.join(", "));
        }
        let has_any = |column: &usize| self.rows.iter().any(|row| !row[*column].is_empty());
        let shown: Vec<usize> = (0..COLUMNS.len()).filter(has_any).collect();
        let line = |cells: Vec<&str>| println!("| {} |", cells.join(" | "));
        println!();
        line(shown.iter().map(|column| COLUMNS[*column]).collect());
        println!("|{}", "---|".repeat(shown.len()));
        for row in &self.rows {
            line(shown.iter().map(|column| row[*column].as_str()).collect());
        }
    }
}

/// Returns true if the command line contains a part of this name, or no names.
fn is_asked_for(what: &str) -> bool {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    words.is_empty() || words.iter().any(|word| what.contains(word))
}

fn shown_ratio(ratio: Option<f64>) -> String {
    ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    let decimals = if milliseconds < 10.0 { 2 } else { 0 };
    format!("{milliseconds:.decimals$} ms")
}

/// Prints the date, the versions and the number of rounds.
pub fn print_circumstances(rounds: u64) {
    let shown = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map_or_else(
            |_| String::new(),
            |output| {
                let text = [output.stdout, output.stderr].concat();
                String::from_utf8_lossy(&text).trim().to_owned()
            },
        )
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "Measured {} with version {}: {cores} cores, {}, aes128-gcm, medians of {rounds} rounds in turns.",
        shown("date", &["-u", "+%Y-%m-%d"]),
        env!("CARGO_PKG_VERSION"),
        shown("ssh", &["-V"]),
    );
}

/// Prints the memory of each server: at rest, after the calls, and in the end, with its maximum.
pub fn print_memory<'a>(servers: impl Iterator<Item = (&'a str, [Option<ProcessMemory>; 3])>) {
    println!("\nIn brackets without the pages of the program itself.\n");
    println!("| memory | at rest | after the calls | most of all this |\n|---|---|---|---|");
    for (name, [rest, after, last]) in servers {
        let now = |memory: Option<ProcessMemory>| {
            memory.map(|memory| format!("{:.0} MiB ({:.0})", memory.resident, memory.own))
        };
        let most = last.map(|memory| format!("{:.0} MiB", memory.most));
        let [rest, after, most] = [now(rest), now(after), most].map(Option::unwrap_or_default);
        println!("| {name} | {rest} | {after} | {most} |");
    }
}
