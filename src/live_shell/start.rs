//! The start of a shell or another program at a terminal.

use std::fmt::Write as _;

use super::dialect::START;
use super::request::ShellRequest;

/// Programs that page print instead, unless the user has chosen a pager; Python's prompt takes lines as they come.
const ENVIRONMENT: &str = "for mcp_name in PAGER GIT_PAGER MANPAGER SYSTEMD_PAGER PSQL_PAGER; do
eval \": \\\"\\${$mcp_name=cat}\\\"\"; export $mcp_name; done
unset mcp_name; export PYTHON_BASIC_REPL=1\n";

/// Starts the login shell as at a login. A zsh without files of its own would ask its user to write some.
const LOGIN_SHELL: &str = "set -- -l
case $SHELL in
*/zsh)
set -- -l -f
for mcp_file in .zshenv .zprofile .zshrc .zlogin; do
[ ! -e \"${ZDOTDIR:-$HOME}/$mcp_file\" ] || set -- -l
done ;;
esac
exec \"${SHELL:-/bin/sh}\" \"$@\"\n";

/// The text for `sh` that starts what is asked for, and tells its process.
pub(super) fn start_script(request: &ShellRequest, token: &str) -> String {
    let mut script = String::from(ENVIRONMENT);
    let told = format!("printf '\\033]%s;{START};%s;%s\\007' {token} \"$$\"");
    match &request.program {
        Some(_) => {
            let _ = write!(script, "{told} ''\n{}\n", request.command());
        }
        None => {
            let _ = write!(
                script,
                "{}{told} \"${{SHELL##*/}}\"\n{LOGIN_SHELL}",
                request.command()
            );
        }
    }
    script
}
