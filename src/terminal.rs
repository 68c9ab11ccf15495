//! What a terminal makes of a program's output.

use std::sync::LazyLock;

use regex::Regex;

/// Control sequences (ECMA-48): those with parameters, operating system commands, and short ones.
static SEQUENCES: LazyLock<Regex> = LazyLock::new(|| {
    let sequences =
        "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[ -/]*[0-Z\\\\^-~]";
    Regex::new(sequences).expect("the expression is correct")
});

/// `text` without control sequences.
pub fn plain(text: &str) -> String {
    SEQUENCES.replace_all(text, "").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_modes_go_and_text_stays() {
        assert_eq!(
            plain("\x1b[1m\x1b[90mTAIL\x1b[39m é [1] \x1b]0;title\x07ok\x1b(B\x1b[?2004h"),
            "TAIL é [1] ok"
        );
        assert_eq!(plain("no escape [0m"), "no escape [0m");
    }
}
