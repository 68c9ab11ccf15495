# $1: the word before the answer. The request comes on standard input.
if command -v curl >/dev/null 2>&1; then
  echo "$1: asked"
  # Without the user's own configuration, whose redirections and proxies are not meant.
  curl --disable --config - 2>&1
else
  echo "$1: absent"
fi
exit 0
