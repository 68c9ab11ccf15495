# $1: the word before the answer. $2: `plain`, or `coded` where the paths are for printf, and each gets
# one line, be it empty. $3…: paths.
unset QUOTING_STYLE TIME_STYLE BLOCK_SIZE LS_BLOCK_SIZE BLOCKSIZE
LC_ALL=C
export LC_ALL
printf '%s:\n' "$1"
form=$2
shift 2
z=
if ls -dZ / >/dev/null 2>&1; then z=Z; fi
case $form in
coded)
    for path; do
        path=$(printf '%b.' "$path")
        path=$(ls -ldnL$z "${path%.}" 2>/dev/null | head -n 1)
        printf '%s\n' "$path"
    done
    ;;
*)
    ls -ldnL$z "$@" 2>/dev/null
    ;;
esac
