# stop JOB TOKEN: ends a detached job's processes. What has ended by itself has ended by itself.
[ -s "$place/status" ] || end_job cancelled
if [ -s "$place/left" ]; then echo "$2: left"; else echo "$2: gone"; fi
