# Runs in the shell of a sequence. $1: the sequence's directory. $2: the step to begin with. $3: the directory to begin
# in; empty for the one that it is in. Each step tells its end, and ends the shell where the sequence ends with it.
mcp_place=$1 mcp_first=$2
[ -z "$3" ] || cd "$3" || exit
set --
# mcp_end STATUS STEP MAY_FAIL LIMITED
mcp_end() {
    # Who makes it decides whether the step has ended in time. What is being stopped begins nothing.
    if [ -n "$4" ] && ! command mkdir "$mcp_place/over.$2" || [ -e "$mcp_place/ending" ]; then command sleep 60; fi
    printf '%s\n' "$PWD" >|"$mcp_place/directory"
    mcp_tell ended "$2" "$1"
    [ "$1" -eq 0 ] || [ "$3" = on ] || exit "$1"
}
