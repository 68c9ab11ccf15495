//! The rules that hold unless a configuration says otherwise.

/// Rules of one kind, and what to do instead.
struct Group {
    hint: &'static str,
    rules: &'static [&'static str],
}

const GROUPS: &[Group] = &[
    // The system or the home directory, removed, handed over, opened up or moved away as a whole.
    Group {
        hint: "Name the files or directories within it that are meant. If it has to be all of it, ask whoever runs the server.",
        rules: &[
            "rm -r @system",
            "{chmod,chown,chgrp} -R @system",
            "mv @system ...",
            // Of every file below: `find / -exec shred {} +`.
            "{shred,unlink} -r @system",
            "{setfacl,chattr,chcon} -R @system",
            "rsync --del* ... @system",
        ],
    },
    // The data of databases and containers, without which the rest is worth nothing.
    Group {
        hint: "Dump or copy the data first, then move the directory aside with `mv` instead of removing it; or remove a single database by the database's own means.",
        rules: &["rm -r @data", "rsync --del* ... @data"],
    },
    // New file systems, and disks cleared or written over.
    Group {
        hint: "This destroys what is on the disk. Look with `lsblk -f` which one is meant, and have whoever runs the server do it. `mkfs.ext4 -n` and `wipefs -n` only say what they would do.",
        rules: &[
            "{mkfs*,mke2fs}",
            "wipefs -a",
            "blkdiscard",
            "{shred,mkswap,tee} @disk",
            "dd of=@disk",
            "{cp,mv,install} ... @disk",
            "* >@disk",
            "{parted,sgdisk,nvme,cryptsetup,zpool} {mklabel,mktable,rm,-Z,-z,-o,--zap-all,--zap,--clear,format,luksFormat,luksErase,erase,destroy,labelclear}",
            "sfdisk @disk !{-l,-d,-J,-n,-s,-V,-F,--list,--dump,--json,--no-act,--show-size,--verify,--list-free}",
            "{pvremove,vgremove}",
            "{badblocks,hdparm,mdadm} {-w,--security-erase*,--zero-superblock}",
        ],
    },
    // The files that say who may log in and who may use sudo: a half-written one locks everyone out.
    Group {
        hint: "Use the commands that check what they write: `usermod`, `groupmod`, `passwd`, or `visudo` in the hands of whoever runs the server.",
        rules: &[
            "{tee,rm,truncate,shred} @accounts",
            "{cp,mv,install,ln} ... @accounts",
            "sed -i @accounts",
            "unlink @accounts",
            "* >@accounts",
        ],
    },
    // Files whose content runs by itself later, or lets someone in: what outlives a session unseen.
    Group {
        hint: "What stands in such a file runs or lets someone in by itself later. Write it elsewhere, such as in /tmp, and have whoever runs the server look at it and put it in place. Enabling and restarting what is there already is allowed; a key of one's own is added with `ssh-copy-id`.",
        rules: &["* >@footholds"],
    },
    // One letter beside `crontab -e`, and nothing asks back; an empty pipe empties the table.
    Group {
        hint: "Save the table with `crontab -l > FILE`, change the file, look at it, and install it with `crontab FILE`. `crontab -l | grep -v … | crontab -` passes, too.",
        rules: &["crontab -r", "crontab {-,/dev/stdin,/dev/fd/**}"],
    },
    Group {
        hint: "Call the function no more than once in itself.",
        // A function that starts itself twice, whatever its name.
        rules: &[":(){ :|:& };:"],
    },
    // The server goes down.
    Group {
        hint: "Restart the service that is meant, with `systemctl restart NAME`. If the whole server has to go down or start again, ask whoever runs it.",
        rules: &[
            "shutdown !-c",
            "{reboot,halt,poweroff}",
            "systemctl {poweroff,reboot,halt,kexec}",
            "systemctl {start,isolate} {poweroff,reboot,halt}.target",
            "{init,telinit} {0,1,6}",
            "tee /proc/sysrq-trigger",
            "* >/proc/sysrq-trigger",
            "systemctl {rescue,emergency,suspend,hibernate,hybrid-sleep,suspend-then-hibernate,soft-reboot}",
            "systemctl {start,isolate} {rescue,emergency,kexec,suspend,hibernate,ctrl-alt-del,runlevel[016]}.target",
            "systemctl start systemd-{poweroff,reboot,halt,kexec,suspend}{,.service}",
            "loginctl {poweroff,reboot,halt,suspend,hibernate}",
            "{dbus-send,busctl,gdbus} {,*.}{Reboot,PowerOff,Halt,KExec,Suspend}",
            "{init,telinit} {s,S}",
            "kexec -e",
        ],
    },
    // The way in is closed: SSH, the network, the firewall.
    Group {
        hint: "It may cut off this very connection, and nobody could log in to undo it. Use `systemctl restart` or `reload` for SSH and the network; otherwise ask someone with another way in.",
        rules: &[
            "systemctl {stop,disable,mask,kill} @access",
            "{service,rc-service} @access stop",
            "/etc/init.d/{ssh,sshd,networking} stop",
            "{pkill,killall} sshd !{-HUP,-SIGHUP,-1,HUP}",
            "ifdown {eth*,en*}",
            "ip link set {eth*,en*} down",
            "{apt,apt-get,dnf,yum} {remove,purge,autoremove,erase} openssh*",
            "rm -r {~,/root}/.ssh",
            "{rm,unlink,shred} {~,/root}/.ssh/authorized_keys",
            "{dpkg,rpm,zypper,apk,aptitude,pacman} {-r,-P,--remove,--purge,-e,--erase,rm,remove,purge,del,-R*} openssh*",
            "{rc-update,update-rc.d,chkconfig,initctl,sv} {ssh,sshd} {del,delete,remove,disable,off,stop,down}",
            "ifconfig {eth*,en*} down",
            "ip {l,li,lin} {s,se,set} {eth*,en*} down",
            "ip {a,ad,addr,address} {f,flush} {eth*,en*}",
            "{ip,route} {d,del,delete,f,flush} default",
            "ip {r,ro,route} {f,flush} {table,all}",
            "nmcli {n,networking} off",
            "nmcli {d,dev,device} {d,down,disconnect} {eth*,en*}",
            "{usermod,chsh} {/sbin/nologin,/usr/sbin/nologin,/bin/false,/usr/bin/false} root",
            "touch /etc/nologin",
            "* >/etc/nologin",
        ],
    },
    Group {
        hint: "It may close the port of SSH. Change single rules of the firewall instead, after one that lets SSH in; or name the chain or table of your own that is meant.",
        rules: &[
            // Flushing a table without saying which is flushing the one that lets SSH in.
            "{iptables,ip6tables} -F !-t !...",
            "{iptables,ip6tables} -F INPUT !-t",
            "{iptables,ip6tables} -P INPUT DROP",
            "nft flush ruleset",
            "nft {flush,delete,destroy} {table,chain} filter",
            "ufw {deny,reject} {22,22/tcp,ssh,OpenSSH} !delete",
            "ufw delete {allow,limit} {22,22/tcp,ssh,OpenSSH}",
            "{iptables,ip6tables} -P OUTPUT DROP",
            "{iptables,ip6tables} {-A,-I} INPUT --dport {22,ssh} {DROP,REJECT} !-s !{recent,limit,hashlimit,connlimit,set}",
            "{iptables,ip6tables} -D INPUT --dport {22,ssh} ACCEPT",
            "firewall-cmd {--panic-on,--remove-service=ssh}",
        ],
    },
    // Every process at once.
    Group {
        hint: "It ends every process. Name the process that is meant: `pgrep -a NAME` shows its number.",
        rules: &["kill @signal -1"],
    },
    // Accounts without which nobody administers the server, or everybody does.
    Group {
        hint: "Without it nobody, or anybody, administers the server. `passwd -l root` locks the account's password.",
        rules: &["{userdel,deluser} root", "passwd -d root"],
    },
    Group {
        hint: "It removes the home directory with everything in it. Remove the account alone, with `userdel NAME`, or lock it with `usermod -L NAME`.",
        rules: &["userdel -r", "deluser {--remove-home,--remove-all-files}"],
    },
    // Volumes are where containers keep what cannot be built again.
    Group {
        hint: "Volumes hold what cannot be built again. Prune without them, or remove those by name that are meant: `docker volume rm NAME`.",
        rules: &[
            "{docker,podman} system prune --volumes",
            "{docker,podman} volume prune -a",
        ],
    },
];

const COUNT: usize = {
    let (mut count, mut at) = (0, 0);
    while at < GROUPS.len() {
        count += GROUPS[at].rules.len();
        at += 1;
    }
    count
};

const ALL: [&str; COUNT] = {
    let mut all = [""; COUNT];
    let (mut next, mut at) = (0, 0);
    while at < GROUPS.len() {
        let mut rule = 0;
        while rule < GROUPS[at].rules.len() {
            all[next] = GROUPS[at].rules[rule];
            next += 1;
            rule += 1;
        }
        at += 1;
    }
    all
};

/// The default block list: what makes a server unusable or unreachable at one stroke, or opens it for good.
///
/// Commands that are dangerous only in some places (`rm -rf` in general, `ufw enable`, `passwd -l root`)
/// are not on it.
pub const DEFAULT_BLOCKLIST: &[&str] = &ALL;

/// The suggestion that goes with a default rule.
pub(super) fn hint(rule: &str) -> &'static str {
    let mut groups = GROUPS.iter();
    let group = groups.find(|group| group.rules.contains(&rule));
    group.map_or(
        "It is a rule of whoever runs this orchestrator. Do it in another way, or ask them.",
        |group| group.hint,
    )
}

/// Names that stand for several words in a rule.
pub(super) const SETS: &[(&str, &str)] = &[
    (
        "@system",
        "{/,~,/bin,/boot,/dev,/etc,/home,/lib*,/proc,/root,/sbin,/sys,/usr,/usr/bin,/usr/lib*,/usr/sbin,/var,/var/lib}",
    ),
    (
        "@disk",
        "/dev/{sd*,hd*,vd*,xvd*,nvme*,mmcblk*,md*,dm-*,disk*,rdisk*,disk/**,mapper/*,vg*/*,*-vg/*}",
    ),
    ("@accounts", "/etc/{passwd,shadow,group,gshadow,sudoers}"),
    (
        "@shadows",
        "{/etc/{shadow,gshadow}{,-,.lock},/etc/security/opasswd,/etc/{master.passwd,spwd.db},/var/db/dslocal/nodes/*/users/*}",
    ),
    (
        "@keys",
        "{{~,/**}/.ssh/{id_*,identity,*.pem,*.key,*_rsa,*_dsa,*_ecdsa,*_ed25519},/etc/ssh/ssh_host_*_key,/etc/ssl/private/**,/etc/pki/tls/private/**,/etc/letsencrypt/{live,archive}/*/privkey*.pem,/etc/letsencrypt/{keys,accounts}/**,/etc/wireguard/**,{~,/**}/.gnupg/{private-keys-v1.d/**,secring.gpg}}",
    ),
    (
        "@data",
        "/var/lib/{mysql,mariadb,percona,postgresql,postgresql/*,postgresql/*/*,pgsql,pgsql/*,pgsql/*/data,mongo,mongodb,redis,valkey,elasticsearch,opensearch,cassandra,clickhouse,couchdb,influxdb,neo4j,etcd,ldap,rabbitmq,docker,docker/volumes,containers,containers/storage,containerd}",
    ),
    (
        "@footholds",
        "{/etc/{sudoers.d,cron.*,systemd/{system,user,system-generators},init.d,init,rc.d,rc?.d,rc[0-9S].d,profile.d,pam.d,update-motd.d,udev/rules.d,polkit-1/rules.d,network/if-*.d,NetworkManager/dispatcher.d,ssh/{sshd_config.d,authorized_keys*}}{,/**},/etc/{crontab,anacrontab,rc.local,inittab,ld.so.preload,profile,bash.bashrc,bashrc,doas.conf,pam.conf,ssh/sshrc,zsh/{zshenv,zprofile,zshrc,zlogin}},/var/spool/{cron,at}{,/**},{,/usr}/lib/systemd/{system,user}{,/**},/run/systemd/system{,/**},/usr/local/lib/systemd/system{,/**},~/.config/systemd/user{,/**},/home/*/.config/systemd/user{,/**},{~,/**}/.ssh/{authorized_keys,authorized_keys2,rc}}",
    ),
    (
        "@access",
        "{ssh,sshd,network,networking,NetworkManager,systemd-networkd}{,.service,.socket,.target}",
    ),
    ("@signal", "{--,-s,-n,-[02-9],-[1-9][0-9],-[A-Z]*}"),
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
    ('r', "--remove", &["userdel"]),
];
