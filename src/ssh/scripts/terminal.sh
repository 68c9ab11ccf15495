# Runs the command of the job in $mcp_place at the terminal that this shell is at, in the login shell $mcp_shell, and
# leaves its exit status. The terminal is a $TERM of $columns and $rows. Its keys must not end this.
trap : HUP INT QUIT TERM USR1 USR2 PIPE ALRM
place=$mcp_place SHELL=$mcp_shell
export SHELL TERM
unset mcp_place mcp_shell
stty sane rows "$rows" columns "$columns" 2>/dev/null
mkdir "$place/begun" 2>/dev/null || exit
: >"$place/code"
command=$(cat "$place/command")
# This shell says on standard error what has become of the other, and does so where a redirection of the command leads.
exec 9>&2 2>/dev/null
(
    exec 2>&9 9>&-
    if [ ${#command} -gt 30000 ]; then
        exec "$SHELL" "$place/command"
    else
        exec "$SHELL" -c "$command"
    fi
)
echo $? >"$place/code"
