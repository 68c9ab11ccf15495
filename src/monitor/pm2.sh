# pm2_lives: whether PM2's daemon runs. Where none does, whatever PM2 is asked starts one.
pm2_lives() {
    daemon=$(cat "${PM2_PID_FILE_PATH:-${PM2_HOME:-$HOME/.pm2}/pm2.pid}" 2>/dev/null)
    case $daemon in '' | *[!0-9]*) return 1 ;; esac
    # Its number may have been given to another process since.
    if [ -r "/proc/$daemon/cmdline" ]; then
        title=$(tr '\0' ' ' <"/proc/$daemon/cmdline")
    else
        title=$(ps -o args= -p "$daemon" 2>/dev/null)
    fi
    case $title in *[Pp][Mm]2*) ;; *) return 1 ;; esac
}
