//! Programs that only read, whatever their arguments.

/// Their names, with spaces between.
const READERS: &str = "arch basename cat cd cksum cmp column comm cut df diff dig dirname du echo egrep expand \
        false fgrep findmnt fold free getconf getent getenforce getfacl grep groups head hexdump \
        host id iostat join last locate ls lsattr lsblk lscpu lsmod lspci lsusb md5sum mpstat namei \
        netstat nl nproc od paste pgrep pidstat printenv ps pwd readlink realpath rev seq sestatus \
        sha1sum sha256sum sha512sum sleep stat strings tac tail tr true tty type uname uptime vmstat \
        w wc whereis which who whoami zcat zgrep";

/// Returns whether a program only reads, whatever its arguments.
pub(super) fn always_reads(name: &str) -> bool {
    is_among(READERS, name)
}

/// Returns whether a list in words has this one.
pub(super) fn is_among(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}
