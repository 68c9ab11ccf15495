# docker ARGUMENTS: what Docker says, as root where its socket is root's, or Podman where Docker is not.
engine=$(command -v docker || command -v podman)
as=
case $engine in
*/docker)
    if [ "$(id -u)" != 0 ]; then
        case $("$engine" ps -q 2>&1 </dev/null) in
        *[Pp]ermission\ denied*)
            if sudo -n "$engine" ps -q </dev/null >/dev/null 2>&1; then as='sudo -n'; fi
            ;;
        esac
    fi
    ;;
esac
docker() {
    $as "$engine" "$@"
}
