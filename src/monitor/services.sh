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
of_systemd() {
    ask systemd systemctl list-units --type=service --all --no-pager --no-legend --plain
    if command -v systemctl >/dev/null 2>&1; then
        echo '@@ systemd restarts'
        systemctl show --property=Id,NRestarts '*.service' 2>/dev/null </dev/null | awk -F= '
            $1 == "Id" { name = $2 }
            $1 == "NRestarts" { count = $2 }
            $0 == "" { if (count > 0) print name, count; count = 0 }
            END { if (count > 0) print name, count }'
    fi
}
of_docker() {
    if [ -n "$engine" ]; then
        ask docker docker ps --all --format '{{.Names}}	{{.Image}}	{{.State}}	{{.Status}}'
        case $engine in
        *podman)
            echo '@@ docker note'
            echo 'these are of Podman, for Docker was not found'
            ;;
        esac
    fi
}
# pm2_list: PM2's processes. What PM2 prints holds the whole environment of each, secrets included, and
# goes no further than this.
pm2_list() {
    node=$(command -v node) || {
        # PM2 lies among the modules of the node that it was installed with.
        node=$(readlink -f "$(command -v pm2)")
        node=${node%/lib/node_modules/*}/bin/node
    }
    [ -x "$node" ] || {
        echo 'there is no node to read its list with'
        return 1
    }
    pm2 jlist --silent </dev/null | "$node" -e '
        let text = "";
        const read = (line) => { try { return JSON.parse(line); } catch { return null; } };
        process.stdin.on("data", (part) => { text += part; }).on("end", () => {
            const list = text.split("\n").reverse().map(read).find(Array.isArray);
            if (!list) { console.log("it gives no list"); process.exit(1); }
            console.log(JSON.stringify(list.map(({ name, pm_id, pid, monit = {}, pm2_env = {} }) => {
                const { memory, cpu } = monit;
                const { status, restart_time, pm_uptime } = pm2_env;
                return { name, pm_id, pid, monit: { memory, cpu }, pm2_env: { status, restart_time, pm_uptime } };
            })));
        });'
}
of_pm2() {
    if command -v pm2 >/dev/null 2>&1; then
        echo '@@ pm2'
        if pm2_lives; then
            pm2_list 2>&1
            code=$?
        else
            echo '[]'
            code=0
            echo '@@ pm2 note'
            echo 'its daemon is not running'
        fi
        echo
        echo '@@ pm2 status'
        echo "$code"
    fi
}
# At the same time, because some take half a second. Each pipe holds back what comes too early.
of_pm2 | {
    of_docker | {
        of_systemd
        cat
    }
    cat
}
