# $1: the word before the answer. $2: a path. The rest: what find passes over, as its own words.
# The answer is one word: `tree` (a directory), `file`, `missing`, `denied`, `special` or `unable`. After the first
# two come records, and `end` with what find complains of. A record is a line with a kind (f, l or o) and a count,
# so many names, each ended by a NUL, as many lines of facts, and for files as many checksums, for links as many
# targets, each ended by a NUL.
LC_ALL=C
export LC_ALL
answer() { printf '%s: %s\n' "$word" "$1"; }
word=$1
root=$2
shift 2
if command -v sha256sum >/dev/null 2>&1; then
    SUM=sha256sum
elif command -v shasum >/dev/null 2>&1; then
    SUM='shasum -a 256'
elif command -v sha256 >/dev/null 2>&1; then
    SUM='sha256 -r'
elif command -v openssl >/dev/null 2>&1; then
    SUM='openssl dgst -sha256 -r'
else
    answer unable
    exit
fi
if stat -c %f / >/dev/null 2>&1; then
    FACTS='stat -c %f:%u:%g:%s:%U:%G'
elif stat -f %Xp / >/dev/null 2>&1; then
    FACTS='stat -f %Xp:%u:%g:%z:%Su:%Sg'
else
    answer unable
    exit
fi
export SUM FACTS
# One program takes many files. Where it does not answer with a line for each, each is asked for by itself.
records='
lines() { printf "%s\n" "$1" | wc -l; }
printf "%s %s\n" "$0" "$#"
printf "%s\000" "$@"
facts=$($FACTS "$@" 2>/dev/null)
if [ "$(lines "$facts")" -ne "$#" ]; then
    facts=$(for file do $FACTS "$file" 2>/dev/null || echo -; done)
fi
printf "%s\n" "$facts"
case $0 in
f)
    sums=$($SUM "$@" 2>/dev/null | cut -c 1-65)
    if [ "$(lines "$sums")" -ne "$#" ]; then
        sums=$(for file do
            sum=$({ $SUM <"$file"; } 2>/dev/null | cut -c 1-64)
            printf "%s\n" "${sum:--}"
        done)
    fi
    printf "%s\n" "$sums"
    ;;
l)
    for file do
        target=$(readlink "$file" && echo .)
        printf "%s\000" "$target"
    done
    ;;
esac
'
if [ -d "$root" ]; then
    if ! cd "$root" 2>/dev/null; then
        answer denied
        exit
    fi
    answer tree
    exec 3>&1
    complaints=$({
        find . "$@" -type f -exec sh -c "$records" f {} +
        find . "$@" -type l -exec sh -c "$records" l {} +
        find . "$@" ! -type f ! -type l -exec sh -c "$records" o {} +
    } 2>&1 1>&3 | {
        head -c 2000
        cat >/dev/null
    })
    printf 'end\n%s' "$complaints"
elif [ -f "$root" ]; then
    answer file
    FACTS="$FACTS -L"
    sh -c "$records" f "$root"
    echo end
elif [ -e "$root" ]; then
    answer special
elif [ -L "$root" ]; then
    answer special
else
    answer missing
fi
