# end TOKEN LEADER AGE ORDER: ends a command that began AGE seconds ago, and its children.
leader=$(started "$2") now=$(started $$)
if [ -n "$leader" ] && [ -n "$now" ]; then
    age=$(((now - leader) / 100))
    if [ $((age - $3)) -gt 10 ] || [ $(($3 - age)) -gt 10 ]; then
        # Another process has the number: this is another machine, or the command is long gone.
        echo "$1: other"
        exit
    fi
fi
if end_family "$2" "$4"; then echo "$1: gone"; else echo "$1: left"; fi
