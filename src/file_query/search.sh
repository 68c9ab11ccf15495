# $1: a pattern. $2: lines of context. $3: `-i`, or nothing. $4: what find selects files by, or nothing. $5: the
# same for rg. $6: the pattern of names for find. The answer ends where its reader has enough.
if [ -p "$real" ]; then refuse pipe; fi
if [ -S "$real" ]; then refuse socket; fi
if [ ! -f "$real" ] && [ ! -d "$real" ]; then refuse device; fi
if [ ! -r "$real" ]; then refuse denied; fi
part kind
if [ -d "$real" ]; then printf directory; fi
if command -v rg >/dev/null 2>&1; then
    said=$(echo | rg --no-config -e "$1" 2>&1 >/dev/null)
    if [ $? -gt 1 ]; then refuse pattern "$said"; fi
    part lines rg
    rg --no-config --color never --no-heading --hidden --no-ignore --max-columns 1000 --max-columns-preview \
        -nH0 -C "$2" $3 ${5:+-g "$5"} -e "$1" -- "$real"
else
    said=$(echo | grep -E -e "$1" 2>&1 >/dev/null)
    if [ $? -gt 1 ]; then refuse pattern "$said"; fi
    # Bytes are characters there, so that any encoding is text.
    export LC_ALL=C
    options=
    for option in -I --null --line-buffered; do
        if echo x | grep -q $option x 2>/dev/null; then options="$options $option"; fi
    done
    if sed -u p </dev/null >/dev/null 2>&1; then
        shorten() { sed -u 's/^\(.\{1000\}\).*/\1/'; }
    else
        shorten() { cat; }
    fi
    case $real in
    /) set -- "$1" "$2" "$3" "$4" "$6" -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o ;;
    *) set -- "$1" "$2" "$3" "$4" "$6" ;;
    esac
    pattern=$1 context=$2 case=$3 by=$4 name=$5
    shift 5
    part lines grep
    find "$real" "$@" -type f ${by:+"$by" "$name"} -exec grep -nHE $options $case -C "$context" -e "$pattern" -- {} + | shorten
fi
part end
