# $1: the word before the answer. $2: a file. $3: another. $4: `list` or `label`.
# Gives the second the access list and the label of the first. Both paths are for printf.
old=$(printf '%b.' "$2")
old=${old%.}
new=$(printf '%b.' "$3")
new=${new%.}
label() { chcon --reference="$old" "$new"; }
case $4 in
list)
    label 2>/dev/null
    getfacl -p "$old" 2>/dev/null | setfacl --set-file=- "$new" 2>/dev/null ||
        cp --attributes-only --preserve=mode "$old" "$new" 2>/dev/null
    ;;
*)
    label 2>/dev/null
    ;;
esac
case $? in
0) printf '%s: kept\n' "$1" ;;
*) printf '%s: refused\n' "$1" ;;
esac
