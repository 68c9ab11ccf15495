# start JOB TOKEN LIMIT COMMAND ATTEND WATCH: starts a job that outlives this shell, once and no more.
set -e
mkdir -p -m 700 "$base"
# What was given up before it began has left an empty directory.
find "$base" ! -path "$base" -prune -type d -mtime +1 -exec rmdir {} \; 2>/dev/null || :
mkdir -m 700 "$place"
: >"$place/stdout"
: >"$place/stderr"
# Every command of an SSH server has a session of its own, which serves where there is no setsid.
if command -v setsid >/dev/null 2>&1; then apart=setsid session=; else apart='' session=$$; fi
trap '' HUP
$apart sh -c "$5" attend "$1" "$4" $session </dev/null >/dev/null 2>"$place/problem" &
round=0
until [ -s "$place/process" ] || [ $round -eq 100 ]; do
    round=$((round + 1))
    sleep 0.05 2>/dev/null || sleep 1
done
if ! [ -s "$place/process" ]; then
    cat "$place/problem" >&2
    exit 1
fi
if [ "$3" -gt 0 ]; then
    $apart sh -c "$6" watch "$1" "$3" </dev/null >/dev/null 2>&1 &
fi
echo "$2: started"
