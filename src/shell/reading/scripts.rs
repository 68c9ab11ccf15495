//! Scripts of `sed` and `awk` that only print.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::GivenArguments;

/// Commands of `sed` that print, delete from the output, or replace in it. A list in brackets has no delimiter in it,
/// nor another bracket, so that the end of a pattern is where `sed` sees it.
static SED_COMMANDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let pattern = |delimiter: &str| {
        format!(r"(?:[^{delimiter}\\\[\]\n]|\\[^\n]|\[\^?[^\[\]{delimiter}\n\\]+\])*")
    };
    let address = format!(r"(?:\d+|\$|/{}/)", pattern("/"));
    let commands = ["/", "|", ",", "#", ":"].map(|delimiter| {
        let part = pattern(delimiter);
        let replace = format!(r"s[{delimiter}]{part}[{delimiter}]{part}[{delimiter}][gpiI0-9]*");
        let whole = format!(r"^(?:{address}(?:,{address})?)?\s*!?\s*(?:[pdq=l]|{replace})$");
        Regex::new(&whole).expect("the expression is correct")
    });
    commands.into()
});

/// Texts in a script of `awk` that write, run something, or may.
const AWK_ACTIONS: &[&str] = &[">", "|", "@", "system", "getline"];

/// Returns whether every script of a `sed` only prints.
pub(super) fn sed_reads(given: &GivenArguments<'_>) -> bool {
    let mut scripts = given.values(&["e", "expression"]);
    if scripts.is_empty() {
        scripts.extend(given.operands.first());
    }
    !scripts.is_empty() && scripts.iter().all(|script| sed_script_reads(script))
}

fn sed_script_reads(script: &str) -> bool {
    script.split(';').map(str::trim).all(|command| {
        let mut known = SED_COMMANDS.iter();
        known.any(|expression| expression.is_match(command))
    })
}

/// Returns whether an `awk` with these arguments only prints.
pub(super) fn awk_reads(arguments: &[&str]) -> bool {
    let mut rest = arguments;
    loop {
        rest = match rest {
            ["-F" | "-v", _, others @ ..] => others,
            [option, others @ ..] if option.starts_with("-F") => others,
            [program, ..] => {
                let is_action = |action: &&str| program.contains(*action);
                return !program.starts_with('-') && !AWK_ACTIONS.iter().any(is_action);
            }
            [] => return false,
        };
    }
}
