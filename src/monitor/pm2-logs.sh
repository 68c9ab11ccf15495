# LINES ERRORS [APP]: the last lines of PM2's logs, without what PM2 says of them.
if ! command -v pm2 >/dev/null 2>&1; then
    not_found pm2 >&2
    exit 127
fi
if ! pm2_lives; then
    echo "PM2's daemon is not running" >&2
    exit 1
fi
if [ $# -gt 2 ] && ! pm2 describe "$3" </dev/null >/dev/null 2>&1; then
    printf 'PM2 has no process `%s`\n' "$3" >&2
    exit 1
fi
pm2 logs --nostream --raw --lines "$1" $2 ${3+"$3"} </dev/null 2>&1 | awk '
    { plain = $0; gsub(/\033\[[0-9;]*m/, "", plain) }
    plain ~ /^\[TAILING\]/ || plain ~ /\/.* last [0-9]+ lines:[ \t]*$/ { next }
    plain == "" { blank = blank "\n"; next }
    { if (begun) printf "%s", blank; blank = ""; begun = 1; print }'
