# attend JOB COMMAND LIMIT WATCH SESSION: runs the command, and leaves its exit status however long that takes.
# What the command does to its own process group must not end this.
trap : HUP INT QUIT TERM USR1 USR2 PIPE ALRM
identity=$(identity $$)
[ -n "$identity" ] || echo 'there is no way to tell processes apart: neither /proc nor ps' >&2
[ -n "$identity" ] && leave process "$$ ${5:-$$} $identity" || exit
: >"$place/stdout" && : >"$place/stderr" || exit
# At a terminal, the shell there decides whether it begins.
[ -p "$place/input" ] || mkdir "$place/begun" || exit
if [ "$3" -gt 0 ]; then
    if command -v setsid >/dev/null 2>&1; then apart=setsid; else apart=; fi
    $apart sh -c "$4" watch "$1" "$3" </dev/null >/dev/null 2>&1 &
fi
if [ -p "$place/input" ]; then
    at_terminal || exit
elif [ -s "$place/command" ]; then
    "${SHELL:-/bin/sh}" "$place/command" >"$place/stdout" 2>"$place/stderr"
    code=$?
else
    "${SHELL:-/bin/sh}" -c "$2" >"$place/stdout" 2>"$place/stderr"
    code=$?
fi
until leave status $code || ! [ -d "$place" ]; do sleep 5; done
