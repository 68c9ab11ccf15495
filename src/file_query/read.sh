# $1: `always` to hash a file of any length. $2: most bytes. $3: lines, around or tail. $4: the first line,
# or the lines of the tail. $5: lines. $6: a pattern. $7: lines of context.
if [ -d "$real" ]; then refuse directory; fi
if [ -p "$real" ]; then refuse pipe; fi
if [ -S "$real" ]; then refuse socket; fi
if [ ! -f "$real" ]; then refuse device; fi
if [ ! -r "$real" ]; then refuse denied; fi
facts=$(stat -L -c %s:%a:%Y:%U:%G "$real" 2>/dev/null ||
    stat -L -f %z:%Mp%Lp:%m:%Su:%Sg "$real" 2>/dev/null || echo "$(($(wc -c <"$real"))):-:-:-:-")
wide=
case $(head -c 2 "$real" | od -An -tx1 | tr -d ' \n') in
fffe | feff) if command -v iconv >/dev/null 2>&1; then wide=utf-16; fi ;;
esac
# from N: the lines from the Nth on, or the last ones.
from() {
    if [ "$wide" ]; then iconv -f UTF-16 -t UTF-8 <"$real" | tail -n "$1"; else tail -n "$1" <"$real"; fi
}
hash=- lines=- size=${facts%%:*}
if [ "$size" -gt 0 ] && { [ "$1" = always ] || [ "$size" -le 67108864 ]; }; then
    hash=$(sum <"$real")
    hash=${hash%% *}
    lines=$(($(from +1 | wc -l)))
    if [ "$(from -1 | tail -c 1 | wc -l)" -eq 0 ]; then lines=$lines+; fi
fi
part file "$facts" "${hash:--}" "$lines" "${wide:--}"
if [ -L "$file" ]; then part link; fi
part sample
head -c 4096 "$real"
case $3 in
around)
    said=$(echo | grep -E -e "$6" 2>&1 >/dev/null)
    if [ $? -gt 1 ]; then refuse pattern "$said"; fi
    if echo x | grep -qa x 2>/dev/null; then a=a; else a=; fi
    part text
    from "+$4" | grep -n${a}E -C "$7" -e "$6" | head -n "$5" | head -c "$2"
    ;;
tail)
    part text
    from "-$4" | tail -c "$2"
    ;;
*)
    part text
    from "+$4" | head -n "$5" | head -c "$2"
    ;;
esac
# What is gone by now was read in part.
if [ ! -e "$real" ]; then refuse absent; fi
part end
