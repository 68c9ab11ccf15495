//! Commands that leave a process in the background.

use super::line::{Line, Separator};

/// Programs that keep a process from ending with its terminal.
const KEEPERS: &[&str] = &[
    "nohup",
    "setsid",
    "systemd-run",
    "daemonize",
    "screen",
    "tmux",
];

/// Whether a command line leaves a process in the background that ends with its terminal.
pub(crate) fn leaves_behind(line: &str) -> bool {
    let mut is_left = false;
    for (command, separator) in Line::new(line) {
        let program = command
            .words
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        if program == "wait" {
            is_left = false;
        }
        is_left |= separator == Separator::Background && !KEEPERS.contains(&program);
    }
    is_left || ends_with_compound(line)
}

/// Whether a line ends with a compound command in the background, such as `(a; b) &`.
fn ends_with_compound(line: &str) -> bool {
    let Some(before) = line.trim_end().strip_suffix('&') else {
        return false;
    };
    let before = before.trim_end();
    [")", "}", "done", "fi", "esac"]
        .iter()
        .any(|end| before.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_left_behind() {
        for line in [
            "sleep 60 &",
            "sleep 60 & echo started",
            "cd /srv && ./serve >log 2>&1 &",
            "(sleep 60; touch x) &",
            "while true; do date; done &",
            "sleep 1 & wait; sleep 60 &",
        ] {
            assert!(leaves_behind(line), "{line}");
        }
        for line in [
            "sleep 1",
            "a && b",
            "a 2>&1",
            "sleep 1 & wait",
            "nohup ./serve &",
            "setsid ./serve >log &",
            "echo 'a &'",
            "echo \\&",
        ] {
            assert!(!leaves_behind(line), "{line}");
        }
    }
}
