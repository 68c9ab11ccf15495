# What files are asked and told where there is no SFTP, for a POSIX shell.
LC_ALL=C
export LC_ALL
if stat -c %s / >/dev/null 2>&1; then
    facts() { stat $1 -c '%f %s %u %g %X %Y' -- "$2"; }
elif stat -f %z / >/dev/null 2>&1; then
    facts() { stat $1 -f '%Xp %z %u %g %a %m' -- "$2"; }
else
    facts() { ls -ldn $1 -- "$2"; }
fi
# list DIRECTORY: of each entry what it is, and its name, which ends with a NUL.
list() (
    cd -- "$1" || exit
    for name in * .[!.]* ..?*; do
        if [ -e "$name" ] || [ -L "$name" ]; then
            facts '' "./$name" && printf '%s\000\n' "$name"
        fi
    done
    true
)
# part FILE OFFSET LENGTH: a part of a file.
part() {
    if [ $(($2 % $3)) -eq 0 ]; then
        dd if="$1" bs="$3" skip=$(($2 / $3)) count=1 2>/dev/null
    else
        tail -c +$(($2 + 1)) -- "$1" | head -c "$3"
    fi
}
# put FILE OFFSET: writes what it reads to a place in a file.
put() {
    if [ $(($(wc -c <"$1"))) -eq "$2" ]; then
        cat >>"$1"
    else
        dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
    fi
}
# make FILE HOW: opens a file to be written.
make() {
    case $2 in
    new) (set -C && : >"$1") ;;
    empty) : >"$1" ;;
    *) : >>"$1" ;;
    esac
}
# resolve PATH: where it leads in the end.
resolve() {
    readlink -f -- "$1" 2>/dev/null || (cd -- "$1" && pwd -P)
}
