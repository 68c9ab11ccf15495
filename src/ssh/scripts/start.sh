# start JOB TOKEN LIMIT COMMAND LIBRARY ATTEND WATCH DATA: starts a job that outlives this shell, once and no more.
# LIBRARY is sent once for all three. With DATA, the input is the job's: what its command reads first.
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
if [ ${#command} -gt 30000 ]; then
    # Too long to be an argument.
    printf '%s\n' "$command" >"$place/command"
    command=
fi
trap '' HUP
if [ "$8" = data ]; then exec 3<&0; else exec 3</dev/null; fi
newline='
'
$apart sh -c "$5$newline$6" attend "$1" "$command" "$3" "$5$newline$7" "$session" <&3 3<&- >/dev/null 2>"$place/problem" &
exec 3<&-
round=0
until [ -d "$place/begun" ] || [ $round -eq 100 ]; do
    round=$((round + 1))
    # It mostly begins at once.
    if [ $round -le 10 ]; then pause=0.01; else pause=0.05; fi
    sleep $pause 2>/dev/null || sleep 1
done
if mkdir "$place/begun" 2>/dev/null; then
    # It has not begun, and now it will not.
    cat "$place/problem" >&2
    rm -rf "$place"
    exit 1
fi
echo "$2: started"
