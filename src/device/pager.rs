//! Lines at which a device waits for a key before it prints on.

use std::sync::LazyLock;

use regex::Regex;

/// Such lines, each with the key that has the device print on, best all of the rest.
static PAGERS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
    let line = |expression: &str| Regex::new(expression).expect("the expression is correct");
    [
        // RouterOS: `-- [Q quit|D dump|down]`.
        (line(r"^-- \[Q quit\|D dump"), "d"),
        // Cisco, Huawei, ASA, Junos, ProCurve: `--More--`, `---- More ----`, `<--- More --->`, `---(more 40%)---`.
        (line(r"(?i)^<?-{2,4} ?\(?more\b[^\r\n]*$"), " "),
        // Cisco's small switches: `More: <space>,  Quit: q or CTRL+Z, One line: <return>`.
        (line(r"(?i)^more: ?<space>"), " "),
        (
            line(r"(?i)\b(?:press|hit) (?:any key|<?space(?: ?bar)?>?)\b"),
            " ",
        ),
    ]
});

/// A greeting that waits for the Enter key.
static GREETING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:press|hit) <?(?:enter|return)>? to (?:continue|get started|begin)\b")
        .expect("the expression is correct")
});

/// The key that has a device print on that waits in this line.
pub(crate) fn page_key(line: &str) -> Option<&'static str> {
    let line = line.trim();
    let mut pagers = PAGERS.iter();
    let found = pagers.find(|(pager, _)| pager.is_match(line));
    let key = found.map(|(_, key)| *key);
    key.or_else(|| GREETING.is_match(line).then_some("\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pagers_are_known_by_their_lines() {
        for (line, key) in [
            (" --More-- ", " "),
            ("--More--(15%)", " "),
            ("  ---- More ----", " "),
            ("<--- More --->", " "),
            ("---(more)---", " "),
            (
                "-- MORE --, next page: Space, next line: Enter, quit: Control-C",
                " ",
            ),
            ("-- more --, next page: Space, continue: c, quit: ^C", " "),
            (
                "More: <space>,  Quit: q or CTRL+Z, One line: <return> ",
                " ",
            ),
            ("-- [Q quit|D dump|down]", "d"),
            ("Press any key to continue (Q to quit)", " "),
            ("Press RETURN to get started.", "\r"),
        ] {
            assert_eq!(page_key(line), Some(key), "{line}");
        }
        for line in [
            "There is more to say:",
            "Press Y to reload",
            "Press ENTER to erase the disk",
            "- more",
            "Router#",
        ] {
            assert_eq!(page_key(line), None, "{line}");
        }
    }
}
