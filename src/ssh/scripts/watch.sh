# watch JOB LIMIT: ends the job once it has run for LIMIT seconds.
left=$2
while [ "$left" -gt 0 ]; do
    if [ "$left" -gt 60 ]; then step=5; else step=1; fi
    sleep $step
    left=$((left - step))
    if [ -s "$place/status" ] || ! attended; then exit; fi
done
end_family "$session"
[ -s "$place/status" ] || leave status late
