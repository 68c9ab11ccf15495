//! Memory and swap.

use schemars::JsonSchema;
use serde::Serialize;

use crate::monitor::{Sections, human, percent};

/// Memory. Sizes are as `free -h` writes them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Memory {
    pub(super) total: String,
    used: String,
    free: String,
    pub(super) available: String,
    #[serde(skip)]
    pub(super) used_percent: u64,
}

/// Space on disk for memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Swap {
    pub(super) total: String,
    pub(super) used: String,
    #[serde(skip)]
    total_bytes: u64,
    #[serde(skip)]
    pub(super) used_percent: u64,
}

impl Memory {
    fn new(total: u64, free: u64, available: u64) -> Self {
        let used = total.saturating_sub(available);
        Self {
            total: human(total),
            used: human(used),
            free: human(free),
            available: human(available),
            used_percent: percent(used, total),
        }
    }

    /// The memory for people, in a few words.
    pub(super) fn text(&self) -> String {
        let Self {
            total,
            used,
            available,
            used_percent,
            ..
        } = self;
        format!("memory {used} of {total} used ({used_percent} %), {available} available")
    }
}

impl Swap {
    fn new(total: u64, free: u64) -> Self {
        let used = total.saturating_sub(free);
        Self {
            total: human(total),
            used: human(used),
            total_bytes: total,
            used_percent: percent(used, total),
        }
    }

    /// The swap for people, in a few words.
    pub(super) fn text(&self) -> String {
        if self.total_bytes == 0 {
            return "no swap".to_owned();
        }
        format!("swap {} of {} used", self.used, self.total)
    }
}

/// Reads Linux's figures, or those of macOS and FreeBSD.
pub(super) fn memory(sections: &Sections<'_>) -> Option<(Memory, Option<Swap>)> {
    if sections.has("meminfo") {
        let of = |label: &str| sections.number("meminfo", label).map(|kib| kib * 1024);
        let (total, free) = (of("MemTotal")?, of("MemFree")?);
        let reclaimable = of("Buffers").unwrap_or(0) + of("Cached").unwrap_or(0);
        // Kernels before 3.14 have no MemAvailable.
        let available = of("MemAvailable").unwrap_or(free + reclaimable).min(total);
        let memory = Memory::new(total, free, available);
        let swap = of("SwapTotal").map(|total| {
            let free = of("SwapFree").unwrap_or(0);
            Swap::new(total, free)
        });
        return Some((memory, swap));
    }
    let total = sections.number("memory", "total")?;
    let page = sections.number("memory", "page").unwrap_or(4096);
    let pages = |labels: &[&str]| {
        let pages = labels
            .iter()
            .filter_map(|label| sections.number("pages", label));
        pages.sum::<u64>() * page
    };
    let free = pages(&["Pages free", "vm.stats.vm.v_free_count"]);
    let reclaimable = pages(&[
        "Pages inactive",
        "Pages speculative",
        "Pages purgeable",
        "vm.stats.vm.v_inactive_count",
        "vm.stats.vm.v_laundry_count",
    ]);
    let memory = Memory::new(total, free, (free + reclaimable).min(total));
    Some((memory, swap(sections.lines("swap"))))
}

/// Parses macOS's `total = 2048.00M  used = 1176.25M  free = 871.75M`, or FreeBSD's table of devices in KiB.
fn swap(lines: &[&str]) -> Option<Swap> {
    let first = lines.first()?;
    if first.contains("total =") {
        let of = |label: &str| mebibytes(first.split_once(label)?.1.split_whitespace().next()?);
        let free = of("free =")?;
        return Some(Swap::new(of("total =")?, free));
    }
    let devices = lines
        .iter()
        .filter(|line| !line.starts_with("Device") && !line.starts_with("Total"));
    let (mut total, mut free) = (0, 0);
    for device in devices {
        // The name may hold spaces; the capacity comes last.
        let words: Vec<_> = device.split_whitespace().rev().collect();
        let [_, left, _, size, _, ..] = words.as_slice() else {
            continue;
        };
        total += size.parse::<u64>().ok()? * 1024;
        free += left.parse::<u64>().ok()? * 1024;
    }
    first.starts_with("Device").then(|| Swap::new(total, free))
}

/// The bytes that `2048.00M` stands for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no swap is that large, or negative"
)]
fn mebibytes(text: &str) -> Option<u64> {
    // Some locales write a comma.
    let number: f64 = text.strip_suffix('M')?.replace(',', ".").parse().ok()?;
    Some((number * 1024.0 * 1024.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_swap_has_none_of_it() {
        let none = swap(&["Device          1K-blocks     Used    Avail Capacity"]).unwrap();
        assert_eq!(none.text(), "no swap");
        assert!(swap(&["swapinfo: not found"]).is_none() && swap(&[]).is_none());
    }
}
