# type JOB TOKEN NUMBER: types the input at the terminal of a job, unless the text of this NUMBER was typed before, and
# tells how many bytes the job had printed by then.
last=0 at=0
if [ -s "$place/typed" ]; then read -r last at <"$place/typed"; fi
if [ "$last" -ge "$3" ]; then
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
kill $guard 2>/dev/null
echo "$2: $answer"
