//! The rules that hold unless a configuration says otherwise.

/// The default block list: what makes a server unusable or unreachable at one stroke.
///
/// What is dangerous only in some places (`rm -rf` in general, `ufw enable`, `passwd -l root`) is not on it.
pub const DEFAULT_BLOCKLIST: &[&str] = &[
    // The system or the home directory, removed, handed over, opened up or moved away as a whole.
    "rm -r @system",
    "{chmod,chown,chgrp} -R @system",
    "mv @system ...",
    // New file systems, and disks cleared or written over.
    "{mkfs*,mke2fs}",
    "wipefs -a",
    "blkdiscard",
    "{shred,mkswap,tee} @disk",
    "dd of=@disk",
    "{cp,mv,install} ... @disk",
    "* >@disk",
    // The files that say who may log in and who may use sudo: a half-written one locks everyone out.
    "* >@accounts",
    "{tee,rm,truncate,shred} @accounts",
    "{cp,mv,install,ln} ... @accounts",
    "sed -i @accounts",
    // A function that starts itself twice, whatever its name.
    ":(){ :|:& };:",
    // The server goes down.
    "shutdown !-c",
    "{reboot,halt,poweroff}",
    "systemctl {poweroff,reboot,halt,kexec}",
    "systemctl {start,isolate} {poweroff,reboot,halt}.target",
    "{init,telinit} {0,1,6}",
    "* >/proc/sysrq-trigger",
    "tee /proc/sysrq-trigger",
    // The way in is closed: SSH, the network, the firewall.
    "systemctl {stop,disable,mask,kill} @access",
    "{service,rc-service} @access stop",
    "/etc/init.d/{ssh,sshd,networking} stop",
    "{pkill,killall} sshd !{-HUP,-SIGHUP,-1,HUP}",
    "ifdown {eth*,en*}",
    "ip link set {eth*,en*} down",
    "{apt,apt-get,dnf,yum} {remove,purge,autoremove,erase} openssh*",
    // Flushing a table without saying which is flushing the one that lets SSH in.
    "{iptables,ip6tables} -F !-t !...",
    "{iptables,ip6tables} -F INPUT !-t",
    "{iptables,ip6tables} -P INPUT DROP",
    "nft flush ruleset",
    "ufw {deny,reject} {22,22/tcp,ssh,OpenSSH}",
    // Every process at once.
    "kill @signal -1",
    // Accounts without which nobody administers the server, or everybody does.
    "{userdel,deluser} root",
    "passwd -d root",
    // One letter beside `crontab -e`, and nothing asks back.
    "crontab -r",
    // Volumes are where containers keep what cannot be built again.
    "{docker,podman} system prune --volumes",
    "{docker,podman} volume prune -a",
];

/// Names that stand for several words in a rule.
pub(super) const SETS: &[(&str, &str)] = &[
    (
        "@system",
        "{/,~,/bin,/boot,/dev,/etc,/home,/lib*,/proc,/root,/sbin,/sys,/usr,/usr/bin,/usr/lib*,/usr/sbin,/var,/var/lib}",
    ),
    (
        "@disk",
        "/dev/{sd*,hd*,vd*,xvd*,nvme*,mmcblk*,md*,dm-*,disk*,rdisk*,disk/**,mapper/*}",
    ),
    ("@accounts", "/etc/{passwd,shadow,group,gshadow,sudoers}"),
    (
        "@access",
        "{ssh,sshd,network,networking,NetworkManager,systemd-networkd}{,.service,.socket}",
    ),
    ("@signal", "{--,-s,-n,-9,-15,-KILL,-TERM,-SIGKILL,-SIGTERM}"),
];

/// Options with a short and a long name, and the programs for which both mean the same; empty for all.
pub(super) const LONG_OPTIONS: &[(char, &str, &[&str])] = &[
    ('r', "--recursive", &[]),
    ('R', "--recursive", &[]),
    ('f', "--force", &[]),
    ('a', "--all", &[]),
    ('i', "--in-place", &["sed"]),
    ('d', "--delete", &["passwd"]),
    ('F', "--flush", &["iptables", "ip6tables"]),
    ('P', "--policy", &["iptables", "ip6tables"]),
    ('t', "--table", &["iptables", "ip6tables"]),
];
