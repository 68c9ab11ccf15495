export LC_ALL=C
# ask NAME PROGRAM ARGUMENTS…: what a manager of services says, if it is there.
ask() {
    name=$1
    shift
    if command -v "$1" >/dev/null 2>&1; then
        echo "@@ $name"
        "$@" 2>&1 </dev/null
        code=$?
        echo
        echo "@@ $name status"
        echo "$code"
    fi
}
ask systemd systemctl list-units --type=service --no-pager --no-legend --plain
ask docker docker ps --all --format '{{.Names}}	{{.Image}}	{{.State}}	{{.Status}}'
ask pm2 pm2 jlist --silent
true
