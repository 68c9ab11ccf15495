# fail2ban JAIL: the state of one jail, or of all.
export LC_ALL=C
if ! command -v fail2ban-client >/dev/null 2>&1; then
    # It is often in a directory that only root's PATH has.
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin
fi
if ! command -v fail2ban-client >/dev/null 2>&1; then
    echo '`fail2ban-client` was not found on the PATH, nor in /usr/local/sbin, /usr/sbin or /sbin' >&2
    exit 127
fi
# Its socket is root's: as itself first, then by sudo if that asks for no password.
if [ "$(id -u)" = 0 ] || fail2ban-client ping >/dev/null 2>&1; then as=; else as='sudo -n'; fi
status() {
    $as fail2ban-client status "$@" </dev/null
}
if [ -n "$1" ]; then
    echo "@@ jail $1"
    status "$1"
    exit
fi
echo '@@ all'
all=$(status) || { echo "$all" >&2; exit 1; }
echo "$all"
echo "$all" | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ' ' | tr ',' '\n' | while read -r jail; do
    [ -n "$jail" ] || continue
    echo "@@ jail $jail"
    status "$jail"
done
