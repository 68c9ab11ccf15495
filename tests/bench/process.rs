//! Processor time and memory of processes, from `/proc` (proc(5)): nothing where there is none.

use std::time::Duration;

/// The unit of processor time in `stat`: Linux shows hundredths of a second.
pub const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process so far.
pub fn cpu(id: u32) -> Duration {
    // `utime` and `stime`.
    ticks(&id.to_string(), 14)
}

/// The processor time of this process's children that have ended.
pub fn cpu_of_children() -> Duration {
    // `cutime` and `cstime`.
    ticks("self", 16)
}

/// The sum of two fields of `stat`, the first of which has this number.
fn ticks(process: &str, number: usize) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field is a name in parentheses, in which may be spaces.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(number - 3).take(2);
    let ticks: u32 = fields.filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// A process's memory in MiB.
#[derive(Clone, Copy)]
pub struct ProcessMemory {
    /// All that is in memory now, with pages of its program, which the system has for all that run it.
    pub resident: f64,
    /// The part that is its own.
    pub own: f64,
    /// The most that it has had.
    pub most: f64,
}

/// The memory of a process.
pub fn memory(id: u32) -> Option<ProcessMemory> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let figure = |field: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, figure) = lines.find(|(name, _)| *name == field)?;
        let kib: f64 = figure.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    };
    Some(ProcessMemory {
        resident: figure("VmRSS")?,
        own: figure("RssAnon")?,
        most: figure("VmHWM")?,
    })
}
