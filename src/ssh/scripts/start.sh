# start JOB TOKEN LIMIT COMMAND LIBRARY ATTEND WATCH HOW TERMINAL: starts a job that outlives this shell, once and no
# more. LIBRARY is sent once for all three. HOW is data where the input is the job's: what its command reads first; it
# is terminal where the script TERMINAL runs the command at a terminal.
set -e
eval "$5"
mkdir -p -m 700 "$base"
# What was given up before it began has left an empty directory.
find "$base" ! -path "$base" -prune -type d -mtime +1 -exec rmdir {} \; 2>/dev/null || :
mkdir -m 700 "$place"
if command -v setsid >/dev/null 2>&1; then
    apart=setsid session=
else
    # Every command of an SSH server has a session of its own, which serves as well.
    apart='' session=$(ps -o pgid= -p $$ | tr -d ' ')
fi
command=$4
if [ ${#command} -gt 30000 ] || [ "$8" = terminal ]; then
    # Too long to be an argument, or read by another shell.
    printf '%s\n' "$command" >"$place/command"
    command=
fi
if [ "$8" = terminal ]; then
    printf '%s\n' "$9" >"$place/terminal"
    mkfifo -m 600 "$place/input" || {
        rm -rf "$place"
        exit 1
    }
    # A program at a terminal is to hear of its end: it would inherit that a signal is ignored.
    trap : HUP
else
    trap '' HUP
fi
if [ "$8" = data ]; then exec 3<&0; else exec 3</dev/null; fi
newline='
'
# A job started with & would ignore the keys that end a command, for good, because this shell has no terminal. So
# another shell waits for it, and is killed once the job has begun.
begin='place=$1
shift
"$@" >/dev/null 2>"$place/problem" | {
    round=0
    until [ -d "$place/begun" ] || [ -e "$place/unfit" ] || [ $round -eq 100 ]; do
        round=$((round + 1))
        # It mostly begins at once.
        if [ $round -le 10 ]; then pause=0.01; else pause=0.05; fi
        sleep $pause 2>/dev/null || sleep 1
    done
    kill -s KILL $$
}'
{
    sh -c "$begin" begin "$place" $apart sh -c "$5$newline$6" attend "$1" "$command" "$3" "$5$newline$7" "$session" \
        <&3 3<&- || :
} 2>/dev/null
exec 3<&-
if mkdir "$place/begun" 2>/dev/null; then
    # It has not begun, and now it will not.
    cat "$place/problem" >&2
    rm -rf "$place"
    exit 1
fi
echo "$2: started"
