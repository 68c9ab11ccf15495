# Runs the steps of a sequence, which are $text, in $shell. One that ends its shell, or runs past its time, is followed
# by the next in a new one, in the same directory, if the sequence goes on.
#   $total   the number of steps
#   $may     the numbers of those that may fail, between blanks
#   $limits  the numbers of those with a time, each with its seconds after a colon
#   $watch   the script that ends those in time
# This shell says on standard error what has become of the other.
exec 9>&2 2>/dev/null
watcher=
if [ -n "$limits" ]; then
    sh -c "$watch" watch "$mcp_place" "$limits" >/dev/null 9>&- &
    watcher=$!
fi
first=1 code=0
while [ "$first" -le "$total" ]; do
    there=
    if [ -s "$mcp_place/directory" ]; then there=$(cat "$mcp_place/directory"); fi
    "$shell" -c 'IFS= read -r mcp && eval "$mcp"' sh "$mcp_place" "$first" "$there" 2>&9 9>&- <<END
$text
END
    code=$?
    # A job that is being stopped begins nothing.
    [ ! -e "$mcp_place/ending" ] || sleep 60
    read -r word step value rest <<END
$(tail -n 1 "$mcp_place/steps")
END
    # A shell that has not begun a step cannot enter the directory of the last one.
    [ "${step:-0}" -ge "$first" ] || break
    if [ "$word" = ended ]; then
        code=$value
    else
        if [ -e "$mcp_place/late.$step" ]; then code=late; fi
        mcp_tell ended "$step" $code
    fi
    first=$((step + 1))
    case "$may" in *" $step "*) ;; *) [ $code = 0 ] || break ;; esac
done
[ -z "$watcher" ] || kill "$watcher"
[ $code != late ] || code=124
exit $code
