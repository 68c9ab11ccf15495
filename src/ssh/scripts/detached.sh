# The place of detached job $1. What a job leaves in it:
#   begun    directory: whoever makes it decides; the job to begin, or somebody that it will not
#   process  the process that attends the command, its session, and its identity
#   command  the command, where it is too long for an argument or runs at a terminal
#   stdout, stderr, status
#   steps    the marks of a sequence: a line at the beginning and the end of each step
#   terminal the script that runs the command at a terminal
#   input    the pipe of what is typed there
#   typing.N directory: text N is being typed
#   typed    the number of the last text that was typed, and the bytes of stdout before it
#   code     that the command has begun at a terminal; at its end, its exit status
#   tried    complaints of the programs that give a terminal
#   unfit    that none of them does
#   ending   why it is being ended: late or cancelled
#   left     that not all of its processes could be ended
base=${HOME:?is not set}/.mcp-sftp-orchestrator
place=$base/${1:?}

# identity PROCESS: tells it from a later process of the same number; nothing if there is none.
identity() {
    if [ -r /proc/self/stat ]; then
        born=$(started "$1")
        if [ -n "$born" ] && read -r boot </proc/sys/kernel/random/boot_id; then echo "$born-$boot"; fi
    else
        ps -o lstart= -p "$1" | tr -d ' :'
    fi
}

# leave NAME TEXT: leaves a file that is whole as soon as it is there.
leave() {
    echo "$2" >"$place/$1.new" && mv "$place/$1.new" "$place/$1"
}

# remaining: the living processes of the job's session.
remaining() {
    { read -r process session born <"$place/process"; } 2>/dev/null || return 0
    now=$(identity "$session")
    # A number is not given anew while a session has it: then the session is over.
    if [ -n "$now" ] && { [ "$session" != "$process" ] || [ "$now" != "$born" ]; }; then return 0; fi
    family "$session" ''
}

# end_job WHY: ends the job's processes, and leaves how that went.
end_job() {
    leave ending "$1"
    if ! mkdir "$place/begun" 2>/dev/null && [ -n "$(remaining)" ]; then
        read -r process session born <"$place/process"
        end_family "$session" || leave left yes
    fi
}
