//! The text by which a shell runs the commands of a sequence, and tells the end of each.

use std::time::Duration;

use super::step::ASKS;
use crate::random;
use crate::shell::quote;
use crate::ssh::output::bound::Bound;

/// Keeps both streams for the lines that tell of ends: a command may send the shell's own elsewhere. Some
/// shells know no descriptor above 9, and 9 is what locks are mostly held by.
pub(super) const KEEP_STREAMS: &str = "exec 7>&1 8>&2\n";

/// The same where both streams come as one.
pub(super) const KEEP_MERGED_STREAMS: &str = "exec 7>&1 8>/dev/null\n";

/// Seconds before the end of a command's time in which the shell does not begin the next one by itself. The
/// command's end might be on its way to here while its time ends, and its shell be stopped for it.
const CAUTION: u64 = 2;

/// The function that a shell calls after each command. It tells the command's end on both streams, and
/// returns whether the next command begins.
///
/// - `$1`: the exit status
/// - `$2`: `on` if the sequence goes on after a failure
/// - `$3`: seconds after which the shell asks before it goes on, as it does if it knows no time; empty if it
///   never asks
///
/// The time is counted from a moment before the command began.
const STEP_END: &str = "\
mcp_step_end() {
printf '%s%s%s %s\\n' @TOKEN@ \"$1\" \"$PWD\" >&7 && printf '%s%s\\n' @TOKEN@ >&8 || return
[ \"$1\" -eq 0 ] || [ \"$2\" = on ] || return
[ -n \"$3\" ] || return 0
mcp_now=$(command date +%s)
case \"-$mcp_began-$mcp_now-\" in
*--* | *[!0-9-]*) ;;
*) [ \"$mcp_now\" -lt \"$mcp_began\" ] || [ \"$((mcp_now - mcp_began))\" -ge \"$3\" ] || return 0 ;;
esac
mcp_began=$mcp_now
printf '%s%s@ASKS@\\n' @TOKEN@ >&7 && read -r mcp_word
}
mcp_began=$(command date +%s 2>/dev/null)
";

/// One command of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct BoundedCommand<'a> {
    /// The command line.
    pub text: &'a str,
    /// True if nobody else may see it: it stands on no command line.
    pub is_private: bool,
    /// The time that it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// The most that is taken of its output.
    pub bound: Bound,
    /// True if the sequence goes on after it fails.
    pub may_fail: bool,
}

/// A word that nobody else prints, at the beginning of the lines that tell of ends.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> Self {
        Self(format!("{}:", random::hex::<8>()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The word as two words of a shell: one that prints what it reads does not print the token.
    fn parts(&self) -> String {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        format!("{first} '{second}'")
    }
}

/// The text that runs a command in a shell that reads it, and prints a line with the token on both streams
/// at its end. Processes of the command do not hold these two descriptors open. A trace (`set -x`) of the
/// printing is not shown; a restricted shell can only close the stream for that.
pub(super) fn typed(command: &str, token: &Token, is_restricted: bool) -> String {
    let nowhere = if is_restricted { "2>&-" } else { "2>/dev/null" };
    let parts = token.parts();
    format!(
        "{}{{ printf '%s%s%s %s\\n' {parts} \"$?\" \"$PWD\" >&7; printf '%s%s\\n' {parts} >&8; }} {nowhere}\n",
        run(command)
    )
}

/// The command line that keeps the streams, runs `enter` and then all commands, each only if the sequence goes on
/// after the one before.
pub(super) fn of_all(
    keep_streams: &str,
    enter: &str,
    commands: &[BoundedCommand<'_>],
    token: &Token,
) -> String {
    let functions = STEP_END
        .replace("@TOKEN@", &token.parts())
        .replace("@ASKS@", ASKS);
    let mut text = format!("{keep_streams}{functions}{}", run(enter));
    text.push_str(&then("", None));
    for command in commands {
        text.push_str(&run(command.text));
        let may_fail = if command.may_fail { "on" } else { "" };
        text.push_str(&then(may_fail, seconds_alone(command)));
    }
    text.push_str(":\n");
    text.push_str(&"fi\n".repeat(commands.len() + 1));
    format!("exec \"${{SHELL:-/bin/sh}}\" -c {}", quote(&text))
}

fn run(command: &str) -> String {
    format!("eval {} </dev/null 7>&- 8>&-\n", quote(command))
}

/// Goes on after a command.
fn then(may_fail: &str, seconds: Option<u64>) -> String {
    let seconds = seconds.map_or(String::new(), |seconds| seconds.to_string());
    format!("if {{ mcp_step_end \"$?\" '{may_fail}' '{seconds}'; }} 2>/dev/null; then\n")
}

/// The time in which a command may end and the next begin without asking; `None` is any time.
fn seconds_alone(command: &BoundedCommand<'_>) -> Option<u64> {
    if command.bound != Bound::default() {
        return Some(0);
    }
    let limit = command.limit.as_ref().map(Duration::as_secs);
    limit.map(|limit| limit.saturating_sub(CAUTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> BoundedCommand<'_> {
        BoundedCommand {
            text,
            is_private: false,
            limit: None,
            bound: Bound::default(),
            may_fail: false,
        }
    }

    #[test]
    fn the_shell_asks_where_a_command_may_be_stopped_for_its_time_or_its_bound() {
        let limited = |milliseconds| BoundedCommand {
            limit: Some(Duration::from_millis(milliseconds)),
            ..command("true")
        };
        assert_eq!(seconds_alone(&command("true")), None);
        assert_eq!(seconds_alone(&limited(300_000)), Some(298));
        assert_eq!(seconds_alone(&limited(1_900)), Some(0));
        let bounded = BoundedCommand {
            bound: Bound::STREAMING,
            ..command("tail -f log")
        };
        assert_eq!(seconds_alone(&bounded), Some(0));
    }

    #[test]
    fn no_text_contains_the_token() {
        let token = Token::new();
        let text = of_all(
            KEEP_STREAMS,
            ":",
            &[command("true"), command("false")],
            &token,
        );
        assert!(!text.contains(token.text()), "{text}");
        assert!(!typed("true", &token, false).contains(token.text()));
    }
}
