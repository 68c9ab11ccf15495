# stop JOB TOKEN: ends a detached job's processes.
if [ -s "$place/status" ] || ! attended || end_family "$session"; then
    [ -s "$place/status" ] || leave status cancelled
    echo "$2: gone"
else
    echo "$2: left"
fi
