# One cell of the matrix (see `matrix`): sets the machine up as the kernel's command line says, tries
# what there is to try, and prints a line for each: NAME ok, NAME refused (mini said why), or NAME FAIL.
mkdir -p /proc /sys /tmp /r/bin /r/proc /r/sys /r/dev /etc
mount -t proc proc /proc
for word in $(cat /proc/cmdline); do
    case $word in mini_cgroup=* | mini_user=* | mini_proc=*) eval "$word" ;; esac
done
# On Linux 5.10 that one alone takes 33 MB, which a small machine does not have.
[ "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)" -gt 100000 ] || rmmod erofs 2>/dev/null
for applet in sh ls cat id echo true sleep umount grep; do ln -s busybox /r/bin/$applet 2>/dev/null; done
cp /bin/busybox /r/bin/busybox
tar -C /r -cf /r.tar bin
echo 'root:x:0:0::/:/bin/sh' >/etc/passwd
v1() { mkdir -p /sys/fs/cgroup/"$1" && mount -t cgroup -o "$1" cgroup /sys/fs/cgroup/"$1" 2>/dev/null; }
if [ "$mini_cgroup" != none ]; then
    mount -t sysfs sysfs /sys
    [ "$mini_cgroup" = v2 ] || mount -t tmpfs tmpfs /sys/fs/cgroup
fi
case $mini_cgroup in
v1) for c in memory cpu pids cpuset; do v1 $c; done ;;
hybrid)
    for c in cpu pids; do v1 $c; done
    mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup /sys/fs/cgroup/unified
    ;;
v2) mount -t cgroup2 cgroup /sys/fs/cgroup ;;
bare) # version 2 without a controller: all of them are version 1's, and not mounted
    for c in memory cpu pids cpuset; do v1 $c && umount /sys/fs/cgroup/$c; done
    mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup /sys/fs/cgroup/unified
    ;;
esac
[ "$mini_proc" = no ] || mount -t devtmpfs devtmpfs /dev
if [ "$mini_proc" = no ]; then umount /proc; fi
chmod 1777 /tmp
echo 'u:x:1000:1000::/:/bin/sh' >>/etc/passwd
mini_run() { # OPTIONS..., as the user of this cell
    if [ "$mini_user" = root ]; then mini run "$@"; else su -c 'exec "$0" run "$@"' -- u mini "$@"; fi
}
try() { # NAME EXPECTED OPTIONS...
    name=$1 expected=$2
    shift 2
    got=$(mini_run "$@" 2>/tmp/error </dev/null | tr -d '\r'; :)
    if [ "$got" = "$expected" ]; then
        echo "$name ok"
    elif grep -q '^mini: ' /tmp/error && [ -z "$got" ]; then
        echo "$name refused $(head -n 1 /tmp/error)"
    else
        echo "$name FAIL '$got' $(head -n 1 /tmp/error)"
    fi
}
chmod 755 /r /r/bin
touch /tmp/error && chmod 666 /tmp/error
try run 1 -- sh -c 'echo $$'
try rootfs 1 --rootfs /r -- sh -c 'echo $$'
try archive 1 --rootfs /r.tar -- sh -c 'echo $$'
try limits 1 -m 32m --pids-limit 50 --cpus 0.5 -- sh -c 'echo $$'
try layer x --rootfs /r:O -- sh -c 'echo x > /x; cat /x'
try squashfs 1 --rootfs /r.squashfs -- sh -c 'echo $$'
try erofs 1 --rootfs /r.erofs -- sh -c 'echo $$'
try terminal yes -t --rootfs /r -- sh -c '[ -t 0 ] && echo yes'
try init 2 --init -- sh -c 'echo $$'
try timeout up --timeout 0.5 -- sh -c 'echo up; exec sleep 100'
try report 1 --report /tmp/report.$$ -- sh -c 'echo $$'
escape='umount -l / 2>/dev/null; ls / | grep -c scenario'
try escape 0 --rootfs /r -- sh -c "$escape; true"
# As many runs as that, and how much less memory there is after the last four fifths of them.
available() { # In KB; /proc is there for the question only.
    mkdir -p /tmp/p && mount -t proc proc /tmp/p
    sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /tmp/p/meminfo
    umount /tmp/p
}
n=0
warm=0
while [ $n -lt 500 ]; do
    mini_run -- true 2>/dev/null || break
    n=$((n + 1))
    [ $n != 100 ] || warm=$(available)
done
echo "runs $n"
[ $n -lt 500 ] || echo "grew $((warm - $(available)))"
