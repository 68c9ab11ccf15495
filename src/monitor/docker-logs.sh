if [ -z "$engine" ]; then
    not_found docker >&2
    exit 127
fi
