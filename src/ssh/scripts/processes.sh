# The living processes, one a line: process, parent, group, session.
processes() {
    if [ -r /proc/self/stat ]; then
        for stat in /proc/[0-9]*/stat; do
            { read -r line <"$stat"; } 2>/dev/null || continue
            # A process may be named anything, a newline included: what does not add up is left out.
            case $line in *') '[A-Za-z]' '[0-9]*) ;; *) continue ;; esac
            set -f
            set -- ${line##*) }
            set +f
            case $1 in Z | X) continue ;; esac
            case "${line%% *}-$2-$3-$4" in *[!0-9-]* | *--* | *-) continue ;; esac
            echo "${line%% *} $2 $3 $4"
        done
    else
        # There is no portable way to ask for the session.
        ps -A -o pid= -o ppid= -o pgid= -o stat= | while read -r process parent group state; do
            case $state in Z*) continue ;; esac
            echo "$process $parent $group $group"
        done
    fi
}

# family LEADER FOUND: the living processes of LEADER's session and group, those FOUND before, and
# whatever descends from any of them; never this shell and what descends from it.
family() {
    leader=$1 found=" $2 " members=' ' own=" $$ " grown=yes
    table=$(processes)
    for generation in 1 2 3; do
        set -- $table
        while [ $# -ge 4 ]; do
            case "$own" in *" $2 "*) own="$own$1 " ;; esac
            shift 4
        done
    done
    while [ -n "$grown" ]; do
        grown=
        set -- $table
        while [ $# -ge 4 ]; do
            process=$1 parent=$2 group=$3 session=$4
            shift 4
            case "$own$members" in *" $process "*) continue ;; esac
            case "$found$members" in
            *" $process "* | *" $parent "*) ;;
            *)
                case " $process $group $session " in *" $leader "*) ;; *) continue ;; esac
                ;;
            esac
            members="$members$process "
            grown=yes
        done
    done
    echo $members
}

# end_family LEADER ORDER: ends the family, with TERM and after 2 s with KILL; true once none of it is left.
# With the ORDER shell-first, LEADER itself has ended before the others get a signal.
end_family() {
    members=$(family "$1" '')
    if [ "$2" = shell-first ] && kill -s TERM "$1" 2>/dev/null; then
        # With TERM it leaves as it is made to. A trap of its own would run only after its children's end.
        sleep 0.1 2>/dev/null || sleep 1
        kill -s KILL "$1" 2>/dev/null
    fi
    [ -z "$members" ] || kill -s TERM $members 2>/dev/null
    round=0
    while members=$(family "$1" "$members") && [ -n "$members" ]; do
        [ $round -lt 30 ] || return 1
        [ $round -lt 20 ] || kill -s KILL $members 2>/dev/null
        round=$((round + 1))
        sleep 0.1 2>/dev/null || sleep 1
    done
}

# session PROCESS: the session that it belongs to; nothing if there is no such process, or no way to tell.
session() {
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    set -- ${line##*) }
    echo "$4"
}

# started PROCESS: when it started, in hundredths of a second since some fixed moment; nothing if
# there is no such process, or no way to tell.
started() {
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    set -- ${line##*) }
    case $1 in Z | X) return 0 ;; esac
    shift 19
    echo "$1"
}
