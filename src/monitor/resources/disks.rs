//! File systems and their inodes.

use std::cmp::Reverse;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::monitor::{Sections, human};
use crate::text::table;

/// The percentage from which a file system is almost full.
const ALMOST_FULL: u64 = 90;

/// A file system. Sizes are as `df -h` writes them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Disk {
    filesystem: String,
    total: String,
    used: String,
    available: String,
    use_percent: String,
    /// The inodes in use, if the file system counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes_use_percent: Option<String>,
    mounted_on: String,
}

impl Disk {
    /// The space in use, in percent.
    pub(super) fn use_percent(&self) -> Option<u64> {
        self.use_percent.trim_end_matches('%').parse().ok()
    }
}

/// A line of `df`: the words before the percentage, the percentage, and the directory after it.
struct DfLine<'t> {
    words: Vec<&'t str>,
    percent: &'t str,
    mounted_on: String,
}

/// The file systems, each once: the one at the root of the directory tree first.
pub(super) fn disks(sections: &Sections<'_>) -> Vec<Disk> {
    let inodes = sections.lines("inodes").iter();
    let inodes = inodes.filter_map(|line| DfLine::parse(line));
    let inodes: HashMap<_, _> = inodes
        .map(|line| (line.mounted_on, line.percent.to_owned()))
        .collect();
    let lines = sections.lines("df").iter();
    let mut disks: Vec<_> = lines.filter_map(|line| Disk::parse(line)).collect();
    for disk in &mut disks {
        disk.inodes_use_percent = inodes.get(&disk.mounted_on).cloned();
    }
    // A file system that is mounted in several places is told by the shortest of them.
    disks.sort_by_key(|disk| disk.mounted_on.len());
    let mut told: Vec<Disk> = Vec::new();
    for disk in disks {
        if !told.iter().any(|other| other.is_same(&disk)) {
            told.push(disk);
        }
    }
    told
}

impl<'t> DfLine<'t> {
    /// Parses a line. Names may hold spaces, so the words are counted from the last percentage.
    fn parse(line: &'t str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_percentage = |word: &&str| {
            word.strip_suffix('%')
                .is_some_and(|number| number.parse::<u64>().is_ok())
        };
        let at = words.iter().rposition(is_percentage)?;
        Some(Self {
            percent: words[at],
            mounted_on: words[at + 1..].join(" "),
            words: words[..at].to_vec(),
        })
    }
}

impl Disk {
    /// The directory, and how full it is.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.mounted_on, self.use_percent)
    }

    /// Parses a line of `df -P -k`.
    fn parse(line: &str) -> Option<Self> {
        let DfLine {
            words,
            percent,
            mounted_on,
        } = DfLine::parse(line)?;
        let (name, sizes) = words.split_at_checked(words.len().checked_sub(3)?)?;
        let mut sizes = sizes.iter().map(|size| size.parse::<u64>().ok());
        let mut size = || Some(human(sizes.next()?? * 1024));
        Some(Self {
            filesystem: name.join(" "),
            total: size()?,
            used: size()?,
            available: size()?,
            use_percent: percent.to_owned(),
            inodes_use_percent: None,
            mounted_on,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        let facts = |disk: &Self| {
            let sizes = [&disk.total, &disk.used, &disk.available];
            (disk.filesystem.clone(), sizes.map(Clone::clone))
        };
        facts(self) == facts(other)
    }

    /// Says that it is almost full, if so.
    pub(super) fn concern(&self) -> Option<String> {
        let what = if self.inodes() > self.space() {
            "inodes of "
        } else {
            ""
        };
        let Self { mounted_on, .. } = self;
        let fullness = self.fullness();
        (fullness >= ALMOST_FULL).then(|| format!("{what}{mounted_on} {fullness}% used"))
    }

    fn space(&self) -> u64 {
        in_percent(&self.use_percent)
    }

    fn inodes(&self) -> u64 {
        let percent = self.inodes_use_percent.as_deref();
        percent.map_or(0, in_percent)
    }

    /// The percentage in use, of space or of inodes, whichever is higher.
    fn fullness(&self) -> u64 {
        self.space().max(self.inodes())
    }
}

/// The number of `17%`.
fn in_percent(percent: &str) -> u64 {
    percent.trim_end_matches('%').parse().unwrap_or(0)
}

/// The file systems for people, the fullest first.
pub(super) fn text<'d>(disks: impl Iterator<Item = &'d Disk>) -> String {
    let mut disks: Vec<_> = disks.collect();
    disks.sort_by_key(|disk| Reverse(disk.fullness()));
    let rows = disks.into_iter().map(|disk| {
        let inodes = disk.inodes_use_percent.as_ref();
        let inodes = inodes.map(|percent| format!("inodes {percent}"));
        [
            disk.mounted_on.clone(),
            format!("{} of {} used", disk.use_percent, disk.total),
            format!("{} free", disk.available),
            inodes.unwrap_or_default(),
            disk.filesystem.clone(),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_told_once_and_the_fullest_first() {
        let text_of_df = "@@ df\n/dev/vda 1000 100 900 10% /etc/hosts\n/dev/vda 1000 100 900 10% /\n\
            /dev/vdb 1000 950 50 95% /mnt/my disk\n/dev/vdc 1000 20 980 2% /srv\n\
            @@ inodes\n/dev/vda 100 20 80 20% /\n/dev/vdb - - - - /mnt/my disk\n/dev/vdc 100 99 1 99% /srv\n";
        let disks = disks(&Sections::of(text_of_df));
        assert_eq!(
            text(disks.iter()),
            "/srv          2% of 1000Ki used   980Ki free  inodes 99%  /dev/vdc\n\
             /mnt/my disk  95% of 1000Ki used  50Ki free               /dev/vdb\n\
             /             10% of 1000Ki used  900Ki free  inodes 20%  /dev/vda"
        );
    }
}
