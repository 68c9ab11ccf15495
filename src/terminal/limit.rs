//! The most that may be typed at a terminal at once.

/// The most bytes of a text that is typed at once.
const LONGEST_INPUT: usize = 256 * 1024;

/// The most bytes of a line: a terminal that a program does not read key by key drops the rest (Linux, `n_tty`).
const LONGEST_LINE: usize = 4000;

/// The reason why a terminal may not take a text whole, for a refusal.
pub fn cannot_be_typed(text: &str) -> Option<String> {
    if text.len() > LONGEST_INPUT {
        return Some(format!(
            "has more than {LONGEST_INPUT} bytes; write a file and have that read"
        ));
    }
    let mut lines = text.split(['\n', '\r']);
    lines.any(|line| line.len() > LONGEST_LINE).then(|| {
        format!(
            "has a line of more than {LONGEST_LINE} bytes, of which a terminal drops the rest; nothing was typed: \
             write a file and have that read"
        )
    })
}
