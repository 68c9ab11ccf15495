# end TOKEN LEADER AGE ORDER ELEVATED: ends a command that began AGE seconds ago, and its children. With ELEVATED,
# LEADER is a child of sudo and need not lead: all of its session is ended.
leader=$(started "$2") now=$(started $$)
if [ -n "$leader" ] && [ -n "$now" ]; then
    age=$(((now - leader) / 100))
    if [ $((age - $3)) -gt 10 ] || [ $(($3 - age)) -gt 10 ]; then
        # Another process has the number: this is another machine, or the command is long gone.
        echo "$1: other"
        exit
    fi
fi
order=$4 family=$2
if [ "$5" = elevated ]; then
    session=$(session "$2")
    if [ "$order" = shell-first ]; then kill -s KILL "$2" 2>/dev/null; order=; fi
    family=${session:-$2}
fi
if end_family "$family" "$order"; then echo "$1: gone"; else echo "$1: left"; fi
