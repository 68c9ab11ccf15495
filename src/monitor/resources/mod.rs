//! CPU, memory, disks, load and uptime, on Linux, macOS and FreeBSD.

mod disks;
mod memory;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sections;
use crate::time::brief;
use disks::Disk;
use memory::{Memory, Swap};

/// The script, which prints each system's own figures.
const SCRIPT: &str = include_str!("../resources.sh");

/// The percentage from which much of the memory is in use.
const MUCH_MEMORY: u64 = 95;
/// The percentage from which much of the swap is in use.
const MUCH_SWAP: u64 = 25;

/// A server's resources, each figure once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Resources {
    load_average: Vec<String>,
    memory: Memory,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap>,
    /// The file system of the root directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_disks: Vec<Disk>,
    cpu: Cpu,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_seconds: Option<u64>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Cpu {
    #[serde(skip_serializing_if = "Option::is_none")]
    cores: Option<u64>,
    /// Measured over half a second or a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_percent: Option<f64>,
}

/// The figures that are followed over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The load average of the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// The memory in use, in percent.
    pub memory: u64,
    /// The space in use in the file system of the root directory, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

/// The command of the probe.
pub fn command() -> &'static str {
    SCRIPT
}

/// Parses the output of the command; `None` if it is of no known system.
pub fn parse(text: &str) -> Option<Resources> {
    let sections = Sections::of(text);
    let (memory, swap) = memory::memory(&sections)?;
    let mut disks = disks::disks(&sections).into_iter();
    Some(Resources {
        load_average: load(&sections),
        memory,
        swap,
        disk: disks.next(),
        other_disks: disks.collect(),
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

impl Resources {
    /// The figures that are followed over time.
    pub fn figures(&self) -> Figures {
        Figures {
            load: self.load_average.first().and_then(|load| load.parse().ok()),
            cores: self.cpu.cores,
            memory: self.memory.used_percent,
            disk: self.disk.as_ref().and_then(Disk::use_percent),
        }
    }

    /// The resources for people, in a few lines.
    pub fn text(&self) -> String {
        let Cpu {
            cores,
            usage_percent,
        } = &self.cpu;
        let first = [
            Some(format!("load {}", self.load_average.join(" "))),
            cores.map(|cores| format!("{cores} cores")),
            usage_percent.map(|percent| format!("CPU {percent:.0} %")),
            self.uptime_seconds
                .map(|seconds| format!("up {}", brief(Duration::from_secs(seconds)))),
        ];
        let second = [Some(self.memory.text()), self.swap.as_ref().map(Swap::text)];
        let join = |parts: &[Option<String>]| {
            let parts: Vec<_> = parts.iter().flatten().map(String::as_str).collect();
            parts.join(", ")
        };
        let disks = self.disk.iter().chain(&self.other_disks);
        [join(&first), join(&second), disks::text(disks)].join("\n")
    }
}

impl Resources {
    /// The resources in a line, with what is scarce.
    pub fn line(&self) -> String {
        let load = self.load_average.first();
        let percent = self.cpu.usage_percent;
        let parts = [
            load.map(|load| format!("load {load}")),
            percent.map(|percent| format!("CPU {percent:.0}%")),
            Some(format!("memory {}%", self.memory.used_percent)),
            self.disk.as_ref().map(Disk::line),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let concerns = self.concerns();
        let scarce = if concerns.is_empty() {
            ""
        } else {
            "; scarce: "
        };
        format!("{}{scarce}{}", parts.join(", "), concerns.join(", "))
    }
}

impl Resources {
    /// Each resource that is scarce, in a few words.
    pub(super) fn concerns(&self) -> Vec<String> {
        let load = self.load_average.first();
        let load = load
            .zip(self.cpu.cores)
            .filter(|(load, cores)| is_above(load, *cores));
        let load = load.map(|(load, cores)| format!("load {load} on {cores} cores"));
        let memory = Some(self.memory.used_percent).filter(|percent| *percent >= MUCH_MEMORY);
        let memory = memory.map(|percent| format!("memory {percent}% used"));
        let swap = self.swap.as_ref().map(|swap| swap.used_percent);
        let swap = swap.filter(|percent| *percent >= MUCH_SWAP);
        let swap = swap.map(|percent| format!("swap {percent}% used"));
        let disks = self.disk.iter().chain(&self.other_disks);
        let disks = disks.filter_map(Disk::concern);
        disks.chain(load).chain(memory).chain(swap).collect()
    }
}

fn is_above(load: &str, cores: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "no machine has that many cores")]
    let cores = cores as f64;
    load.parse::<f64>().is_ok_and(|load| load > cores)
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
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (serde_json::Value, String) {
        let resources = parse(text).unwrap();
        (serde_json::to_value(&resources).unwrap(), resources.text())
    }

    #[test]
    fn linux() {
        let (facts, text) = read(include_str!("../captured/resources-linux.txt"));
        assert_eq!(
            facts["memory"],
            json!({"total": "23Gi", "used": "1.1Gi", "free": "21Gi", "available": "22Gi"})
        );
        assert_eq!(facts["load_average"], json!(["2.73", "2.04", "1.50"]));
        assert_eq!(facts["disk"]["filesystem"], "/dev/vda");
        assert_eq!(facts["disk"]["inodes_use_percent"], "3%");
        assert_eq!(facts["other_disks"][0]["mounted_on"], "/mnt/my disk");
        assert_eq!(facts["cpu"], json!({"cores": 2, "usage_percent": 25.0}));
        assert_eq!(
            text,
            "load 2.73 2.04 1.50, 2 cores, CPU 25 %, up 3 h\n\
             memory 1.1Gi of 23Gi used (4 %), 22Gi available, no swap\n\
             /mnt/my disk  50% of 100Mi used  50Mi free  inodes 12%  /dev/vdb\n\
             /             17% of 252Gi used  76Gi free  inodes 3%   /dev/vda"
        );
    }

    #[test]
    fn busybox() {
        let (facts, text) = read(include_str!("../captured/resources-busybox.txt"));
        assert_eq!(facts["disk"]["inodes_use_percent"], "34%");
        assert_eq!(facts.get("other_disks"), None, "{facts}");
        assert!(
            text.contains("\n/  61% of 9.7Gi used  3.6Gi free  inodes 34%  overlay"),
            "{text}"
        );
    }

    #[test]
    fn macos() {
        let (facts, text) = read(include_str!("../captured/resources-macos.txt"));
        assert_eq!(facts["load_average"], json!(["1.74", "1.63", "1.58"]));
        assert_eq!(facts["memory"]["total"], "16Gi");
        assert_eq!(facts["memory"]["free"], "781Mi");
        assert_eq!(facts["cpu"]["usage_percent"], 14.3);
        assert_eq!(facts["swap"], json!({"total": "2.0Gi", "used": "1.1Gi"}));
        assert_eq!(facts["uptime_seconds"], 86_400);
        assert_eq!(facts["disk"]["inodes_use_percent"], "1%");
        assert!(text.contains("swap 1.1Gi of 2.0Gi used"), "{text}");
    }

    #[test]
    fn freebsd() {
        let (facts, _) = read(include_str!("../captured/resources-freebsd.txt"));
        assert_eq!(facts["memory"]["total"], "4.0Gi");
        assert_eq!(facts["memory"]["free"], "1.1Gi");
        assert_eq!(facts["swap"], json!({"total": "3.0Gi", "used": "256Mi"}));
        assert_eq!(facts["cpu"], json!({"cores": 4, "usage_percent": 10.0}));
        assert_eq!(facts["disk"]["inodes_use_percent"], "1%");
    }

    #[test]
    fn scarce_resources_are_named() {
        let text = "@@ meminfo\nMemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 30 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n\
            @@ load\n2.50 1.00 0.10 1/90 77\n@@ cores\n2\n@@ df\n/dev/vda 1000 960 40 96% /\n/dev/vdb 1000 100 900 10% /srv\n\
            @@ inodes\n/dev/vdb 100 93 7 93% /srv\n";
        assert_eq!(
            parse(text).unwrap().concerns(),
            [
                "/ 96% used",
                "inodes of /srv 93% used",
                "load 2.50 on 2 cores",
                "memory 97% used",
                "swap 40% used"
            ]
        );
        let calm = parse(include_str!("../captured/resources-linux.txt")).unwrap();
        assert_eq!(calm.concerns(), ["load 2.73 on 2 cores"]);
    }

    #[test]
    fn anything_else_is_not_made_up() {
        assert!(parse("sh: not found").is_none());
    }
}
