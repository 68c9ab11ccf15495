# $1: the word before the answer. $2…: directories. Each gets a line: the KiB that its tree takes, or `-`.
printf '%s:\n' "$1"
shift
bounded=
if command -v timeout >/dev/null 2>&1; then bounded='timeout 10'; fi
begun=$(date +%s)
for directory; do
    size=-
    if [ $(($(date +%s) - begun)) -lt 15 ]; then
        case $directory in -*) directory=./$directory ;; esac
        size=$($bounded du -sk "$directory" 2>/dev/null)
    fi
    size=${size%%[!0-9]*}
    echo "${size:--}"
done
