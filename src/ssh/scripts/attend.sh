# attend JOB COMMAND [SESSION]: runs the command, and leaves its exit status however long that takes.
leave process "$$ ${3:-$$} $(identity $$)" || exit
"${SHELL:-/bin/sh}" -c "$2" >"$place/stdout" 2>"$place/stderr"
code=$?
until leave status $code || ! [ -d "$place" ]; do sleep 5; done
