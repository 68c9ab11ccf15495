# Ends each step that runs past its time. $1: the sequence's directory. $2: the numbers of steps with a time, each with
# its seconds after a colon. It is a shell of its own: what descends from one is not ended by it.
while sleep 1; do
    [ -d "$1" ] || exit
    read -r word step process out err at <<END
$(tail -n 1 "$1/steps" 2>/dev/null)
END
    [ "$word" = begun ] || continue
    seconds=
    for limit in $2; do
        case $limit in "$step":*) seconds=${limit#*:} ;; esac
    done
    [ -n "$seconds" ] || continue
    if { read -r up rest </proc/uptime; } 2>/dev/null; then now=${up%.*}${up#*.}; else now=$(date +%s)00; fi
    # Who makes it decides whether the step has ended in time.
    if [ $((now - at)) -ge "${seconds}00" ] && mkdir "$1/over.$step" 2>/dev/null; then
        : >"$1/late.$step"
        end_family "$process"
    fi
done
