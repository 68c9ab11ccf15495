# type JOB TOKEN NUMBER: types the input at the terminal of a job, unless the text of this NUMBER was typed before, and
# tells how many bytes the job had printed by then.
# is_typed: true if it was, with at as the bytes before it.
is_typed() {
    last=0 at=0
    if [ -s "$place/typed" ]; then read -r last at <"$place/typed"; fi
    [ "$last" -ge "$3" ]
}
# An earlier attempt, whose connection was lost, may still be at it.
round=0
until is_typed "$@" || mkdir "$place/typing.$3" 2>/dev/null; do
    round=$((round + 1))
    if [ $round -gt 100 ]; then
        echo "$2: full"
        exit
    fi
    sleep 0.1 2>/dev/null || sleep 1
done
if is_typed "$@"; then
    echo "$2: typed $at"
    exit
fi
if [ ! -p "$place/input" ] || [ -e "$place/status" ]; then
    echo "$2: over"
    exit
fi
at=$(($(wc -c <"$place/stdout")))
exec 3<&0
# The text ends where its line does. It waits for ever where nobody reads what was typed before.
LC_ALL=C tr -d '\n' <&3 3<&- 1<>"$place/input" &
writer=$!
(
    sleep 5
    kill $writer
) <&- >/dev/null 2>&1 3<&- &
guard=$!
if wait $writer; then
    leave typed "$3 $at"
    answer="typed $at"
else
    answer=full
fi
rmdir "$place/typing.$3"
kill $guard 2>/dev/null
echo "$2: $answer"
