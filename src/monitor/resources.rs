//! CPU, memory, disks, load and uptime, on Linux, macOS and FreeBSD.

use serde::Serialize;

use super::{Sections, human};

/// The script, which prints each system's own figures.
const SCRIPT: &str = include_str!("resources.sh");

/// A server's resources. Sizes are strings for people, and beside them numbers of bytes.
#[derive(Debug, Serialize)]
pub struct Resources {
    load_average: Vec<String>,
    memory: Memory,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    disks: Vec<Disk>,
    cpu: Cpu,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Memory {
    total: String,
    used: String,
    free: String,
    available: String,
    total_bytes: u64,
    used_bytes: u64,
    free_bytes: u64,
    available_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Disk {
    filesystem: String,
    total: String,
    used: String,
    available: String,
    use_percent: String,
    mounted_on: String,
    total_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Cpu {
    #[serde(skip_serializing_if = "Option::is_none")]
    cores: Option<u64>,
    /// Measured over half a second or a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_percent: Option<f64>,
}

/// The command of the probe.
pub fn command() -> &'static str {
    SCRIPT
}

/// Parses the output of the command; `None` if it is of no known system.
pub fn parse(text: &str) -> Option<Resources> {
    let sections = Sections::of(text);
    let (memory, swap) = memory(&sections)?;
    let disks: Vec<_> = sections
        .lines("df")
        .iter()
        .filter_map(|line| disk(line))
        .collect();
    let root = disks.iter().find(|disk| disk.mounted_on == "/").cloned();
    Some(Resources {
        load_average: load(&sections),
        memory,
        swap,
        disk: root.or_else(|| disks.first().cloned()),
        disks,
        cpu: Cpu {
            cores: sections
                .lines("cores")
                .iter()
                .find_map(|line| line.trim().parse().ok()),
            usage_percent: usage(&sections),
        },
        uptime_seconds: uptime(&sections),
    })
}

fn load(sections: &Sections<'_>) -> Vec<String> {
    let line = sections.lines("load").first().copied().unwrap_or_default();
    // BSD puts braces around them, and some locales write commas.
    let words = line.split_whitespace().map(|word| word.replace(',', "."));
    words
        .filter(|word| word.parse::<f64>().is_ok())
        .take(3)
        .collect()
}

fn memory(sections: &Sections<'_>) -> Option<(Memory, Option<Memory>)> {
    if sections.has("meminfo") {
        let of = |label: &str| sections.number("meminfo", label).map(|kib| kib * 1024);
        let (total, free) = (of("MemTotal")?, of("MemFree")?);
        let reclaimable = of("Buffers").unwrap_or(0) + of("Cached").unwrap_or(0);
        // Kernels before 3.14 have no MemAvailable.
        let available = of("MemAvailable").unwrap_or(free + reclaimable).min(total);
        let memory = Memory::new(total, free, available);
        let swap = of("SwapTotal").map(|total| {
            let free = of("SwapFree").unwrap_or(0);
            Memory::new(total, free, free)
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
fn swap(lines: &[&str]) -> Option<Memory> {
    let first = lines.first()?;
    if first.contains("total =") {
        let of = |label: &str| mebibytes(first.split_once(label)?.1.split_whitespace().next()?);
        let free = of("free =")?;
        return Some(Memory::new(of("total =")?, free, free));
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
    first
        .starts_with("Device")
        .then(|| Memory::new(total, free, free))
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

impl Memory {
    fn new(total: u64, free: u64, available: u64) -> Self {
        let used = total.saturating_sub(available);
        Self {
            total: human(total),
            used: human(used),
            free: human(free),
            available: human(available),
            total_bytes: total,
            used_bytes: used,
            free_bytes: free,
            available_bytes: available,
        }
    }
}

/// Parses a line of `df -P -k`. Names may hold spaces, so fields are counted from the percentage.
fn disk(line: &str) -> Option<Disk> {
    let words: Vec<_> = line.split_whitespace().collect();
    let percent = words.iter().rposition(|word| {
        word.len() > 1
            && word
                .strip_suffix('%')
                .is_some_and(|number| number.parse::<u64>().is_ok())
    })?;
    let number = |index: usize| words.get(index)?.parse::<u64>().ok().map(|kib| kib * 1024);
    let (total, used, available) = (
        number(percent.checked_sub(3)?)?,
        number(percent - 2)?,
        number(percent - 1)?,
    );
    Some(Disk {
        filesystem: words[..percent - 3].join(" "),
        total: human(total),
        used: human(used),
        available: human(available),
        use_percent: words[percent].to_owned(),
        mounted_on: words[percent + 1..].join(" "),
        total_bytes: total,
        used_bytes: used,
        available_bytes: available,
    })
}

/// The CPU usage, from two readings of the processors' counters or as the system says it.
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn usage(sections: &Sections<'_>) -> Option<f64> {
    if let Some(line) = sections.lines("cpu usage").last() {
        // macOS: `CPU usage: 4.76% user, 9.52% sys, 85.71% idle`
        let idle = line.split(',').find(|part| part.contains("idle"))?;
        let idle: f64 = idle.trim().split('%').next()?.trim().parse().ok()?;
        return Some(rounded(100.0 - idle));
    }
    let readings: Vec<Vec<u64>> = sections
        .lines("cpu")
        .iter()
        .map(|line| {
            line.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect()
        })
        .collect();
    let [first, second] = readings.as_slice() else {
        return None;
    };
    let total = |reading: &[u64]| reading.iter().take(8).sum::<u64>();
    // Linux: user nice system idle iowait …; FreeBSD: user nice system interrupt idle.
    let idle = |reading: &[u64]| match reading.len() {
        5 => reading[4],
        _ => reading.get(3).unwrap_or(&0) + reading.get(4).unwrap_or(&0),
    };
    let passed = total(second)
        .checked_sub(total(first))
        .filter(|passed| *passed > 0)?;
    let idle = idle(second).saturating_sub(idle(first)).min(passed);
    Some(rounded(100.0 * (passed - idle) as f64 / passed as f64))
}

fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

fn uptime(sections: &Sections<'_>) -> Option<u64> {
    if let Some(line) = sections.lines("uptime").first() {
        return line.split(['.', ' ']).next()?.parse().ok();
    }
    // `{ sec = 1700000000, usec = 0 } …` and the present moment.
    let booted = sections.number("boottime", "{ sec")?;
    let now = sections.number("now", "")?;
    now.checked_sub(booted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux() {
        let text = include_str!("captured/resources-linux.txt");
        let resources = serde_json::to_value(parse(text).unwrap()).unwrap();
        assert_eq!(
            resources["load_average"],
            serde_json::json!(["2.73", "2.04", "1.50"])
        );
        assert_eq!(resources["memory"]["total"], "23Gi");
        assert_eq!(resources["memory"]["total_bytes"], 24_656_068_608_u64);
        assert_eq!(resources["disk"]["filesystem"], "/dev/vda");
        assert_eq!(resources["disk"]["use_percent"], "17%");
        assert_eq!(resources["disks"][1]["mounted_on"], "/mnt/my disk");
        assert_eq!(
            resources["cpu"],
            serde_json::json!({"cores": 2, "usage_percent": 25.0})
        );
        assert_eq!(resources["uptime_seconds"], 11_024);
        assert_eq!(resources["swap"]["total_bytes"], 0);
    }

    #[test]
    fn macos() {
        let text = include_str!("captured/resources-macos.txt");
        let resources = serde_json::to_value(parse(text).unwrap()).unwrap();
        assert_eq!(
            resources["load_average"],
            serde_json::json!(["1.74", "1.63", "1.58"])
        );
        assert_eq!(resources["memory"]["total"], "16Gi");
        assert_eq!(resources["memory"]["free_bytes"], 50_000_u64 * 16_384);
        assert_eq!(resources["cpu"]["usage_percent"], 14.3);
        assert_eq!(resources["swap"]["total"], "2.0Gi");
        assert_eq!(resources["swap"]["used_bytes"], 1_233_387_520);
        assert_eq!(resources["uptime_seconds"], 86_400);
    }

    #[test]
    fn freebsd() {
        let text = include_str!("captured/resources-freebsd.txt");
        let resources = serde_json::to_value(parse(text).unwrap()).unwrap();
        assert_eq!(resources["memory"]["total"], "4.0Gi");
        assert_eq!(resources["memory"]["free_bytes"], 300_000_u64 * 4096);
        assert_eq!(resources["swap"]["total_bytes"], 3_145_728_u64 * 1024);
        assert_eq!(resources["swap"]["used_bytes"], 262_144_u64 * 1024);
        assert_eq!(
            resources["cpu"],
            serde_json::json!({"cores": 4, "usage_percent": 10.0})
        );
    }

    #[test]
    fn a_system_without_swap_has_none_of_it() {
        let none = swap(&["Device          1K-blocks     Used    Avail Capacity"]).unwrap();
        assert_eq!((none.total_bytes, none.used_bytes), (0, 0));
        assert!(swap(&["swapinfo: not found"]).is_none() && swap(&[]).is_none());
    }

    #[test]
    fn anything_else_is_not_made_up() {
        assert!(parse("sh: not found").is_none());
    }
}
