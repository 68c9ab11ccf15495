# remove JOB TOKEN: clears away what a job has left.
rm -rf "$place" && echo "$2: done"
