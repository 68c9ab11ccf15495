export LC_ALL=C
if [ -r /proc/meminfo ]; then
    echo '@@ meminfo'
    cat /proc/meminfo
    echo '@@ load'
    cat /proc/loadavg
    echo '@@ uptime'
    cat /proc/uptime
    echo '@@ cores'
    grep -c '^processor' /proc/cpuinfo || nproc
    echo '@@ cpu'
    grep '^cpu ' /proc/stat
    sleep 0.5 2>/dev/null || sleep 1
    grep '^cpu ' /proc/stat
else
    echo '@@ memory'
    echo "total: $(sysctl -n hw.memsize 2>/dev/null || sysctl -n hw.physmem)"
    echo "page: $(sysctl -n hw.pagesize)"
    echo '@@ pages'
    vm_stat 2>/dev/null || sysctl vm.stats.vm.v_free_count vm.stats.vm.v_inactive_count vm.stats.vm.v_laundry_count
    echo '@@ load'
    sysctl -n vm.loadavg
    echo '@@ boottime'
    sysctl -n kern.boottime
    echo '@@ now'
    date +%s
    echo '@@ cores'
    sysctl -n hw.ncpu
    echo '@@ swap'
    sysctl -n vm.swapusage 2>/dev/null || swapinfo -k
    if [ "$(uname -s)" = Darwin ]; then
        echo '@@ cpu usage'
        top -l 2 -n 0 -s 1 | grep 'CPU usage'
    else
        echo '@@ cpu'
        sysctl -n kern.cp_time
        sleep 1
        sysctl -n kern.cp_time
    fi
fi
# disks OPTIONS: the file systems that hold data. Images of packages are always full, and a container has
# single files mounted.
disks() {
    df "$@" 2>/dev/null | grep -v -e '^tmpfs' -e '^devtmpfs' -e '^udev' -e '^shm ' -e '^efivarfs' -e '^overlay.*/docker/' \
        -e '^/dev/loop.*/snap/' -e '^devfs' -e '^map ' \
        -e ' /etc/hosts$' -e ' /etc/hostname$' -e ' /etc/resolv.conf$'
}
echo '@@ df'
disks -P -k
echo '@@ inodes'
if [ -r /proc/meminfo ]; then disks -P -i; else disks -k -i; fi
true
