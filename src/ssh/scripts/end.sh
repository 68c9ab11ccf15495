# end TOKEN LEADER: ends a command and its children.
if end_family "$2"; then echo "$1: gone"; else echo "$1: left"; fi
