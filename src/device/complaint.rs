//! The words by which a device refuses a command.

use std::sync::LazyLock;

use regex::Regex;

/// The most lines of an answer in which a complaint is looked for: a longer one is output, such as a log.
const LONGEST_ANSWER: usize = 8;

/// The beginnings of such lines. Log messages of Cisco begin with `%` as well, and a word in capitals.
static COMPLAINTS: LazyLock<Regex> = LazyLock::new(|| {
    let expressions = [
        // Cisco, Comware: `% Invalid input detected at '^' marker.`
        r"^% ?(?:error\b|invalid|incomplete|ambiguous|unknown|unrecogni[sz]ed|wrong|too many|bad\b|access denied|permission denied|authorization failed|command (?:authorization|rejected)|[^:]*\bnot (?:allowed|permitted|found|supported|authorized)\b)",
        // Huawei: `Error: Unrecognized command found at '^' position.`
        r"^error: ?\S",
        // RouterOS: `bad command name sho (line 1 column 1)`, `failure: already have such address`.
        r"\(line \d+ column \d+\)$",
        r"^(?:failure: |no such (?:item|command)\b|input does not match\b|invalid value\b|ambiguous value\b|bad command name\b|syntax error\b|expected end of command\b)",
        // Zyxel, ProCurve, Junos and others.
        r"^(?:\^ ?)?(?:invalid|unknown|unrecogni[sz]ed|incomplete|ambiguous) (?:command|input|parameter|argument|option)\b",
        r"^command not found\b",
    ];
    Regex::new(&format!("(?i){}", expressions.join("|"))).expect("the expression is correct")
});

/// The line by which a device refuses the command to which this is the answer.
pub(crate) fn complaint(answer: &str) -> Option<String> {
    let lines = answer
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.take(LONGEST_ANSWER + 1).collect();
    if lines.len() > LONGEST_ANSWER {
        return None;
    }
    let mut found = lines.into_iter().filter(|line| COMPLAINTS.is_match(line));
    found.next().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_commands_are_known_by_the_device_s_words() {
        for answer in [
            "          ^\n% Invalid input detected at '^' marker.\n",
            "% Incomplete command.",
            "% Ambiguous command:  \"s\"",
            "% Unrecognized command found at '^' position.",
            "            ^\nError: Unrecognized command found at '^' position.",
            "Error: The VLAN does not exist.",
            "bad command name sho (line 1 column 1)",
            "expected end of command (line 1 column 20)",
            "failure: already have such address",
            "Invalid input: shwo",
            "Unknown command",
            "% Access denied",
            "% Bad secrets",
        ] {
            assert!(complaint(answer).is_some(), "{answer}");
        }
        for answer in [
            "%SYS-5-CONFIG_I: Configured from console by vty0",
            "% Generating 2048 bit RSA keys, keys will be non-exportable...",
            "0 input errors, 0 CRC",
            "Building configuration...\n[OK]",
            "Info: The max number of VTY users is 5.",
            &"% Invalid input detected at '^' marker.\n".repeat(9),
            "",
        ] {
            assert_eq!(complaint(answer), None, "{answer}");
        }
    }
}
