# at_terminal: runs the script $place/terminal at a terminal of its own, given by the first program that can, and sets
# code to the exit status of the job's command; false if none can. Trying tells them apart: names and versions do not.
at_terminal() {
    for helper in util-linux plain bsd python; do
        # It holds its input open for writing too, and so never comes to the end of it.
        (
            mcp_place=$place mcp_shell=${SHELL:-/bin/sh} SHELL=/bin/sh
            export mcp_place mcp_shell SHELL
            give_terminal $helper 'exec sh "$mcp_place/terminal"'
        ) <>"$place/input" >>"$place/stdout" 2>>"$place/tried"
        code=$?
        if [ -e "$place/code" ]; then
            # Without one, the shell that would have told it was killed.
            if [ -s "$place/code" ]; then read -r code <"$place/code"; elif [ $code = 0 ]; then code=137; fi
            return 0
        fi
        # Somebody has decided meanwhile that the job does not begin.
        [ ! -d "$place/begun" ] || return 1
    done
    echo 'nothing there gives a command a terminal: install script (package bsdutils or util-linux) or python3' >&2
    if command -v script >/dev/null 2>&1; then head -n 1 "$place/tried" >&2; fi
    : >"$place/unfit"
    return 1
}

# give_terminal HELPER LINE: runs LINE at a terminal whose output is the standard output.
give_terminal() {
    case $1 in
    util-linux) script -qefc "$2" /dev/null ;;
    plain) script -qc "$2" /dev/null ;;
    bsd) script -q /dev/null sh -c "$2" ;;
    python) python3 -c '
import os, pty, select, signal, sys
child, terminal = pty.fork()
if not child:
    for name in signal.SIGPIPE, signal.SIGXFSZ:
        signal.signal(name, signal.SIG_DFL)
    os.execvp("sh", ["sh", "-c", sys.argv[1]])
over = False
while True:
    ready = select.select([terminal] if over else [terminal, 0], [], [], 0 if over else 1)[0]
    if 0 in ready:
        os.write(terminal, os.read(0, 4096))
    if terminal in ready:
        try:
            os.write(1, os.read(terminal, 65536))
        except OSError:
            break
    elif over:
        break
    over = over or os.waitpid(child, os.WNOHANG)[0] != 0
if not over:
    os.waitpid(child, 0)
' "$2" ;;
    esac
}
