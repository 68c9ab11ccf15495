# The place of detached job $1.
base=${HOME:?is not set}/.mcp-sftp-orchestrator
place=$base/${1:?}

# identity PROCESS: tells it from a later process of the same number; nothing if there is none.
identity() {
    if [ -r /proc/self/stat ]; then
        { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
        set -- ${line##*) }
        case $1 in Z | X) return 0 ;; esac
        shift 19
        read -r boot </proc/sys/kernel/random/boot_id
        echo "$1-$boot"
    else
        ps -o lstart= -p "$1" | tr -d ' :'
    fi
}

# leave NAME TEXT: leaves a file that is whole as soon as it is there.
leave() {
    echo "$2" >"$place/$1.new" && mv "$place/$1.new" "$place/$1"
}

# Whether the process that looks after the job lives.
attended() {
    { read -r process session born <"$place/process"; } 2>/dev/null && [ "$(identity "$process")" = "$born" ]
}
