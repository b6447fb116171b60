# Limits on cgroup v1, as far as the kernel still has it (6.12 has no memory and no cpuset there).
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
hog="dd if=/dev/zero of=/dev/null bs=200M count=1"
small="dd if=/dev/zero of=/dev/null bs=20M count=1"

mkdir -p /proc /sys
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs cgroup /sys/fs/cgroup
for controller in memory pids cpu cpuset; do
    mkdir -p /sys/fs/cgroup/$controller
    mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller 2>/dev/null ||
        rmdir /sys/fs/cgroup/$controller
done
echo "v1 has: $(ls /sys/fs/cgroup | tr '\n' ' ')"
check "v1: processes" "20" "$(mini run --pids-limit 20 --cgroupns host -- sh -c '
    cat /sys/fs/cgroup/pids$(grep :pids: /proc/self/cgroup | cut -d: -f3)/pids.max')"
check "v1: shares" "512" "$(mini run --cpu-shares 512 --cgroupns host -- sh -c '
    cat /sys/fs/cgroup/cpu$(grep :cpu: /proc/self/cgroup | cut -d: -f3)/cpu.shares')"
# Where v1 has no memory controller, v2 does, and nobody has mounted it.
mini run -m 64m -- $hog 2>/dev/null
check "v1: too much memory" 137 $?
mini run -m 64m -- $small 2>/dev/null
check "v1: enough memory" 0 $?
check "v1: a processor" 0 "$(mini run --cpuset-cpus 0 -- sh -c 'grep Cpus_allowed_list /proc/self/status' | tr -dc 0-9)"
check "nothing is left on v1" "" "$(find /sys/fs/cgroup -name 'mini-*')"
mini run --privileged -m 200m -- mini run -m 64m -- $hog 2>/dev/null
check "v1: limits inside limits" 137 $?
mini run --privileged -m 200m -- mini run -m 64m -- $small 2>/dev/null
check "v1: and what fits them" 0 $?
# Without /proc, what is mounted in the usual place counts.
umount /proc
check "v1: without /proc" "20" "$(mini run --pids-limit 20 --cgroupns host -- sh -c '
    cat /sys/fs/cgroup/pids$(grep :pids: /proc/self/cgroup | cut -d: -f3)/pids.max')"
mount -t proc proc /proc
check "nothing is left in the end" "" "$(find /sys/fs/cgroup -name 'mini-*')"
