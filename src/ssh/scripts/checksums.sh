# $1: the word before the answer. $2: `plain`, or `coded` where the paths are for printf, and each gets
# one line. $3…: paths.
# Where there is no program for it, the answer is `none`.
if command -v sha256sum >/dev/null 2>&1; then
    sums() { sha256sum "$@"; }
elif command -v shasum >/dev/null 2>&1; then
    sums() { shasum -a 256 "$@"; }
elif command -v sha256 >/dev/null 2>&1; then
    sums() { sha256 -r "$@"; }
elif command -v openssl >/dev/null 2>&1; then
    sums() { openssl dgst -sha256 -r "$@"; }
else
    sums() { false; }
fi
if sums </dev/null >/dev/null 2>&1; then
    printf '%s:\n' "$1"
else
    printf '%s: none\n' "$1"
    set -- "$1" no
fi
form=$2
shift 2
case $form in
plain)
    sums "$@" 2>/dev/null
    ;;
coded)
    for path; do
        path=$(printf '%b.' "$path")
        path=${path%.}
        if [ -r "$path" ]; then sums <"$path"; else echo; fi
    done
    ;;
esac
