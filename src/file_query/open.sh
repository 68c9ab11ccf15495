# $token begins each part of the answer. $file is the path that is meant.
part() { printf '\n%s: %s\n' "$token" "$*"; }
refuse() { part no "$@"; exit 0; }
nl='
'
case $file in -*) file=./$file ;; esac
if [ ! -e "$file" ]; then
    if [ -L "$file" ]; then refuse dangling; fi
    said=$(LC_ALL=C ls -d "$file" 2>&1)
    case $said in *denied*) refuse denied ;; *) refuse absent ;; esac
fi
# A name may end with newlines, which a substitution would cut off.
real=$({ realpath "$file" || readlink -f "$file"; } 2>/dev/null && echo .)
real=${real%"$nl."}
if [ -z "$real" ]; then
    if [ -L "$file" ]; then refuse unresolved; fi
    real=$(cd "$(dirname "$file")" && pwd -P)/${file##*/}
fi
part path
printf '%s' "$real"
part home
printf '%s' "$(cd 2>/dev/null && pwd -P)"
