# watch JOB LIMIT: ends the job once it has run for LIMIT seconds.
left=$2
while [ "$left" -gt 0 ]; do
    if [ "$left" -gt 60 ]; then step=5; else step=1; fi
    sleep $step
    left=$((left - step))
    { read -r process session born <"$place/process"; } 2>/dev/null || exit
    if [ -s "$place/status" ] || [ "$(identity "$process")" != "$born" ]; then exit; fi
done
end_job late
