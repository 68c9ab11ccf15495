# $1: the word before the answer. $2: a user's name, of letters, digits, dots, dashes and underscores, or nothing
# for who is logged in.
eval "home=~$2"
case $home in
    /*) printf '%s: found\n%s' "$1" "$home" ;;
    *) printf '%s: unknown\n' "$1" ;;
esac
