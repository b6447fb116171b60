# The kernel was told to do without memory control: a limit cannot be had, so nothing runs.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mini run -m 64m -- touch /ran 2>/tmp/err
check "unmounted" "125 1" "$? $(grep -c 'limit memory: the kernel has no such controller' /tmp/err)"
mkdir -p /proc /sys
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mini run -m 64m -- touch /ran 2>/tmp/err
check "mounted" "125 1" "$? $(grep -c 'limit memory: the kernel has no such controller' /tmp/err)"
check "the command did not run" "" "$(ls /ran 2>/dev/null)"
mini run --pids-limit 9 -- true
check "another controller is there" 0 $?
