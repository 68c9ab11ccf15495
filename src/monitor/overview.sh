# A program that is missing, or not allowed, leaves its part empty.
exec 2>/dev/null
echo "@@ kernel"
uname -srm
echo "@@ hostname"
uname -n
echo "@@ os"
if [ -r /etc/os-release ]; then
    sed -n 's/^PRETTY_NAME=//p' /etc/os-release | tr -d "\"'"
elif command -v sw_vers >/dev/null; then
    echo "$(sw_vers -productName) $(sw_vers -productVersion)"
fi
echo "@@ users"
who
if units=$(systemctl list-units --state=failed --no-legend --plain --no-pager </dev/null); then
    echo "@@ failed units"
    echo "$units"
fi
if [ -e /var/run/reboot-required ]; then
    echo "@@ reboot required"
    sort -u /var/run/reboot-required.pkgs
fi
echo "@@ installed kernels"
for image in /boot/vmlinuz-*; do
    if [ -e "$image" ]; then echo "${image#/boot/vmlinuz-}"; fi
done
freebsd-version -k
# The number of updates is counted only where that takes no look at the network, and no time.
for manager in apt-get dnf yum zypper apk pacman pkg brew none; do
    if command -v "$manager" >/dev/null; then break; fi
done
echo "@@ package manager"
echo "$manager"
echo "@@ updates"
case $manager in
apt-get)
    sed -n -e 's/^\([0-9][0-9]*\) updates* can be .*/\1/p' -e 's/^\([0-9][0-9]*\) packages* can be .*/\1/p' \
        /var/lib/update-notifier/updates-available
    ;;
apk) apk version -l '<' </dev/null | grep -c ' < ' ;;
pacman) pacman -Qu </dev/null | grep -v -c ignored ;;
esac
# The processes of other users are root's to see. Sudo is asked only of those who may have it: it reports the others.
root=
if [ "$(id -u)" != 0 ]; then
    case " $(id -G -n) " in
    *' sudo '* | *' wheel '* | *' admin '*)
        if sudo -n true >/dev/null </dev/null; then root='sudo -n'; fi
        ;;
    esac
    if [ -z "$root" ]; then echo "@@ unprivileged"; fi
fi
# sockets PROGRAM ARGUMENTS…: what listens, as this program says it.
sockets() {
    echo "@@ $1"
    listening=$($root "$@" </dev/null)
    echo "$listening"
}
if command -v ss >/dev/null; then
    sockets ss -tulnp
elif [ "$(uname -s)" = Linux ]; then
    sockets netstat -tulnp
    # Not every Busybox tells the processes.
    if [ -z "$listening" ]; then sockets netstat -tuln; fi
elif command -v sockstat >/dev/null; then
    sockets sockstat -46l
else
    sockets lsof -nP -iTCP -sTCP:LISTEN
fi
echo "@@ cgroups"
echo "$listening" | grep -o -e 'pid=[0-9]*' -e '[0-9][0-9]*/' | tr -d -c '0-9\n' | sort -u | while read -r pid; do
    sed -n -E "/\.(service|scope)|docker|libpod|kubepods/s/^[^:]*:[^:]*:/$pid /p" "/proc/$pid/cgroup"
done
# Labels may hold secrets: only the names of Traefik's routes go further than this.
if [ -n "$engine" ]; then
    echo "@@ containers"
    docker ps --no-trunc --format '{{.ID}}	{{.Names}}	{{.Ports}}	{{.Labels}}' </dev/null |
        awk -F '\t' 'NF > 2 {
            names = ""
            rest = $4 ~ /traefik/ ? $4 : ""
            while (match(rest, /Host\([^)]*\)/)) {
                names = names " " substr(rest, RSTART + 5, RLENGTH - 6)
                rest = substr(rest, RSTART + RLENGTH)
            }
            print $1 "\t" $2 "\t" $3 "\t" names
        }'
fi
# statements FILES…: what stands in configuration files of nginx, without comments, a statement in each line.
statements() {
    sed 's/#.*//' "$@" | tr '\n' ' ' | awk '{ gsub(/[;{}]/, " &\n"); print }'
}
# The host and port of a URL, without what may be a secret in it.
address='function address(url) {
    sub(/^[a-z0-9+]*:\/\//, "", url)
    sub(/[\/?;].*/, "", url)
    sub(/^.*@/, "", url)
    return url
}'
# Of the configurations of web servers only sites, their names and addresses, and where they pass requests to.
echo "@@ sites"
echo "program nginx"
for place in /etc/nginx /usr/local/etc/nginx /opt/homebrew/etc/nginx; do
    [ -d "$place" ] || continue
    statements "$place/nginx.conf" "$place"/conf.d/*.conf "$place"/sites-enabled/* "$place"/servers/*
done | awk "$address"'
    $1 == "server" { print ($2 == "{" ? "site" : "member " $2) }
    $1 == "upstream" { print $1, $2 }
    $1 == "listen" { print $1, $2 }
    $1 == "server_name" { sub(/;.*/, ""); $1 = "name"; print }
    $1 ~ /_pass$/ { print "pass", address($2) }'
echo "program caddy"
for file in /etc/caddy/Caddyfile /usr/local/etc/caddy/Caddyfile /opt/homebrew/etc/Caddyfile; do
    [ -r "$file" ] || continue
    awk "$address"'
        { sub(/^[ \t]+/, ""); sub(/[ \t]+#.*/, ""); sub(/[ \t\r]+$/, "") }
        /^#/ || /^$/ { next }
        depth == 0 && /,$/ { heading = heading " " $0; next }
        $1 == "reverse_proxy" { for (word = 2; word <= NF; word++) print "pass", address($word) }
        /[{]$/ {
            if (depth++ == 0) { print "site"; print "name", heading, substr($0, 1, length($0) - 1) }
            heading = ""
            next
        }
        /^}/ { depth-- }' "$file"
done
echo "program apache"
for place in /etc/apache2 /etc/httpd /usr/local/etc/apache24; do
    [ -d "$place" ] || continue
    cat "$place"/conf/httpd.conf "$place"/httpd.conf "$place"/conf.d/*.conf "$place"/sites-enabled/*.conf \
        "$place"/extra/*.conf "$place"/Includes/*.conf
done | awk "$address"'
    { word = tolower($1) }
    word == "<virtualhost" { gsub(/>/, ""); $1 = "listen"; print "site"; print }
    word == "servername" || word == "serveralias" { $1 = "name"; print }
    word == "proxypass" { print "pass", address($3) }'
true
