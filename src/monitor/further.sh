# Looks for programs also where a login that a person sits at would: a command's PATH is often shorter.
further() {
    for place; do
        case ":$PATH:" in *":$place:"*) continue ;; esac
        if [ -d "$place" ]; then PATH=$PATH:$place; fi
    done
}
# node_versions DIRECTORY: those that are installed there, the default first, then the newest.
node_versions() {
    [ -d "$1" ] || return 0
    default=$(cat "$2" 2>/dev/null)
    default=v${default#v}
    for version in "$1/$default" "$1/$default".*; do further "$version/bin"; done
    for version in $(cd "$1" && ls -d v* 2>/dev/null | sort -t. -k 1.2,1nr -k 2,2nr -k 3,3nr); do
        further "$1/$version/bin"
    done
}
nvm=${NVM_DIR:-$HOME/.nvm}
node_versions "$nvm/versions/node" "$nvm/alias/default"
node_versions "$HOME/.config/nvm/versions/node" "$HOME/.config/nvm/alias/default"
# Where npm was told to put what is installed for all directories.
prefix=$(sed -n 's/^[[:space:]]*prefix[[:space:]]*=[[:space:]]*//p' "$HOME/.npmrc" 2>/dev/null | tr -d '"' | head -n 1)
case $prefix in
'~/'*) prefix=$HOME/${prefix#'~/'} ;;
'${HOME}/'*) prefix=$HOME/${prefix#'${HOME}/'} ;;
esac
if [ -n "$prefix" ]; then further "$prefix/bin"; fi
further "$HOME/.volta/bin" "$HOME/.npm-global/bin" "$HOME/.npm-packages/bin" "$HOME/.npm/bin" \
    "$HOME/.local/bin" "$HOME/bin" "$HOME/.yarn/bin" "$HOME/.config/yarn/global/node_modules/.bin" \
    "$HOME/.local/share/pnpm" "$HOME/Library/pnpm" "$HOME/.bun/bin" "$HOME/.asdf/shims" \
    "$HOME/.local/share/mise/shims" "$HOME/.nodenv/shims" "$HOME/n/bin" \
    "$HOME/.local/share/fnm/aliases/default/bin" "$HOME/.fnm/aliases/default/bin" \
    /usr/local/bin /opt/homebrew/bin /home/linuxbrew/.linuxbrew/bin /snap/bin \
    "$HOME/.docker/bin" "$HOME/.rd/bin" "$HOME/.orbstack/bin" \
    /Applications/Docker.app/Contents/Resources/bin /usr/local/sbin /usr/sbin /sbin
# not_found NAME: what is said of a program that is nowhere.
not_found() {
    echo "\`$1\` was not found on the PATH, nor where nvm, volta, npm, Homebrew and the like put programs"
}
