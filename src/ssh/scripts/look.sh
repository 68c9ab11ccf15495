# look JOB TOKEN STDOUT STDERR MOST CLAIM: where a job stands, and at most MOST bytes of what it has
# printed beyond the first STDOUT and STDERR bytes. With CLAIM, one that has not begun will not any more.
set -e
mkdir -p -m 700 "$base"
if mkdir -m 700 "$place" 2>/dev/null; then
    # It did not begin, and now it cannot.
    echo "$2: absent - 0 0 0 0 0 0 0"
    exit
fi
# Before the status: who is not alive any more has left one by now, or never will.
alive=
if { read -r process session born <"$place/process"; } 2>/dev/null; then
    if [ "$(identity "$process")" = "$born" ]; then alive=yes; else alive=$(remaining); fi
fi
code=-
if [ -s "$place/left" ]; then
    read -r state <"$place/ending"
    code=left
elif [ -s "$place/ending" ] && [ -z "$alive" ]; then
    read -r state <"$place/ending"
    code=gone
elif [ -s "$place/ending" ]; then
    state=running
elif [ -s "$place/status" ]; then
    state=ended
    read -r code <"$place/status"
elif [ -n "$alive" ]; then
    state=running
elif [ -d "$place/begun" ]; then
    state=gone
elif [ "$6" = claim ] && mkdir "$place/begun"; then
    state=absent
else
    state=starting
fi
# length FILE: its bytes.
length() {
    if [ -e "$1" ]; then echo $(($(wc -c <"$1"))); else echo 0; fi
}
# beyond LENGTH KNOWN MOST: bytes to send.
beyond() {
    more=$(($1 - $2))
    if [ $more -lt 0 ]; then more=0; elif [ $more -gt "$3" ]; then more=$3; fi
    echo $more
}
stdout=$(length "$place/stdout") stderr=$(length "$place/stderr")
more_stdout=$(beyond "$stdout" "$3" "$5") more_stderr=$(beyond "$stderr" "$4" "$5")
# As long as it is now: a step may leave its mark meanwhile.
marks=$(length "$place/steps")
typed=0 at=0
if [ -s "$place/typed" ]; then read -r typed at <"$place/typed"; fi
echo "$2: $state $code $stdout $stderr $more_stdout $more_stderr $marks $typed $at"
if [ "$more_stdout" -gt 0 ]; then tail -c +$(($3 + 1)) "$place/stdout" | head -c "$more_stdout"; fi
if [ "$more_stderr" -gt 0 ]; then tail -c +$(($4 + 1)) "$place/stderr" | head -c "$more_stderr"; fi
if [ "$marks" -gt 0 ]; then head -c "$marks" "$place/steps"; fi
