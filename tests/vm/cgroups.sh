# The container's cgroups on a real kernel's v2: whose they are, what becomes of them, and what a limit
# covers.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
until_gone() { # COMMAND that prints as long as there is something; at most ten seconds
    tries=0
    while [ -n "$(eval "$1")" ] && [ $tries -lt 100 ]; do
        usleep 100000
        tries=$((tries + 1))
    done
    eval "$1"
}
groups() { find /sys/fs/cgroup -type d -name 'mini-*'; }

mkdir -p /proc /sys
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
limits="-m 64m --pids-limit 50"

# In process namespaces of their own two loops, and here as many at once as the memory holds.
for name in one two; do
    mini run --privileged --cgroupns host -- sh -c "
        while :; do mini run $limits -- true 2>>/tmp/$name || echo failed >>/tmp/$name; done" &
    eval "$name=$!"
done
touch /tmp/one /tmp/two
n=0
while [ $n -lt 6 ]; do
    for _ in 1 2 3 4 5 6 7 8; do
        { mini run $limits -- true 2>>/tmp/many || echo failed >>/tmp/many; } &
        eval "p$_=$!"
    done
    wait $p1 $p2 $p3 $p4 $p5 $p6 $p7 $p8
    n=$((n + 1))
done
kill -9 $one $two
wait $one $two 2>/dev/null
check "none takes another's cgroup away" "" "$(cat /tmp/one /tmp/two /tmp/many)"

# One that is killed in a process namespace of its own leaves its cgroup; the next launch sweeps it.
mini run --privileged --cgroupns host -- mini run $limits -- sleep 1234 &
outer=$!
until_gone '[ -n "$(ps | grep "[s]leep 1234" | grep -v mini)" ] || echo waits' >/dev/null
kill -9 $outer
wait $outer 2>/dev/null
check "a killed nested one is swept" "" "$(until_gone 'mini run $limits -- true; groups')"

# Names with a dot, and deeper than a path can tell.
mini run $limits --cgroupns host -- sh -c '
    cd /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
    mkdir system.slice system.slice/a.service
    name=$(printf %0200d 0)
    n=0
    while [ $n -lt 25 ]; do mkdir "$name"; cd -P "$name" 2>/dev/null || cd "./$name"; n=$((n + 1)); done
    ' 2>/tmp/err
check "what was made inside is removed" "" "$(cat /tmp/err | grep mini:; groups)"

# The unpacking of an archive is under the limit of the command.
mkdir -p /tmp/root/bin
cp /bin/busybox /tmp/root/bin/true
tr '\0' x </dev/zero | dd of=/tmp/root/big bs=1M count=40 iflag=fullblock 2>/dev/null
tar -C /tmp/root -cf /tmp/root.tar .
rm -r /tmp/root
mini run -m 16m --rootfs /tmp/root.tar -- true 2>/tmp/err
check "an archive is under the limit" "137 1" "$? $(grep -c 'out of memory' /tmp/err)"
mini run -m 100m --rootfs /tmp/root.tar -- true
check "and fits a larger one" 0 $?
rm /tmp/root.tar

# With the host's process namespace.
mini run --pid host -- sh -c 'setsid sleep 1235 & (setsid sleep 1235 &); exit 4'
check "what is left ends with the command" "4 " "$? $(ps | grep '[s]leep 1235')"
mini run --pid host -- sh -c 'setsid sleep 1236 & (setsid sleep 1236 &); exec sleep 1236' &
outer=$!
until_gone '[ "$(ps | grep "[s]leep 1236" | grep -vc "mini\|sh -c")" = 3 ] || echo waits' >/dev/null
kill -9 $outer
wait $outer 2>/dev/null
check "and with mini" "" "$(until_gone 'ps | grep "[s]leep 1236"')"
check "its cgroup, too" "" "$(until_gone groups)"

# A parent that is asked for without a limit.
mkdir /sys/fs/cgroup/jobs
check "a parent alone" "/jobs/mini" "$(mini run --cgroup-parent jobs --cgroupns host -- sh -c 'cut -d: -f3 /proc/self/cgroup' | cut -d- -f1)"
mini run --cgroup-parent nope -- true 2>/tmp/err
check "which is not there" "125 1" "$? $(grep -c 'make the cgroup first' /tmp/err)"
# One that takes no domain is named, and so is what could not be joined.
echo threaded >/sys/fs/cgroup/jobs/cgroup.type
mini run --cgroup-parent jobs -- true 2>/tmp/err
check "a threaded parent is named" "125 1" "$? $(grep -c /sys/fs/cgroup/jobs /tmp/err)"
rmdir /sys/fs/cgroup/jobs
check "nothing is left" "" "$(groups)"
