# mcp_tell WORD STEP VALUE: leaves a mark: how long both outputs are by now, and the time in hundredths of a second.
mcp_tell() {
    if { IFS=' ' read -r mcp_up mcp_rest </proc/uptime; } 2>/dev/null; then
        mcp_at=${mcp_up%.*}${mcp_up#*.}
    else
        mcp_at=$(command date +%s)00
    fi
    mcp_out=$(command wc -c <"$mcp_place/stdout") mcp_err=$(command wc -c <"$mcp_place/stderr")
    printf '%s\n' "$1 $2 $3 $((mcp_out)) $((mcp_err)) $mcp_at" >>"$mcp_place/steps"
}
