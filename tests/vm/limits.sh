# Limits on a real kernel: with no cgroup file system mounted at all, on v2, for an ordinary user
# with and without a group of its own.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
# 200 MiB in one buffer.
hog="dd if=/dev/zero of=/dev/null bs=200M count=1"
small="dd if=/dev/zero of=/dev/null bs=20M count=1"
field() { sed "s/.*\"$1\":\([^,}]*\).*/\1/" /tmp/report; }

# Nothing is mounted: mini mounts for itself, where nobody sees it.
mini run -m 64m --report /tmp/report -- $hog 2>/tmp/err
check "unmounted: too much memory" 137 $?
check "unmounted: it is said" 1 "$(grep -c 'out of memory' /tmp/err)"
check "unmounted: and reported" 1 "$(field oom_kills)"
mini run -m 64m -- $small 2>/dev/null
check "unmounted: enough memory" 0 $?
mkdir -p /proc /sys
mount -t proc proc /proc
check "unmounted: nothing is left mounted" 0 "$(grep -c cgroup /proc/mounts)"
mount -t sysfs sys /sys

# v2.
mount -t cgroup2 cgroup /sys/fs/cgroup
mini run -m 64m -- $hog 2>/dev/null
check "v2: too much memory" 137 $?
mini run -m 64m --memory-reservation 32m --pids-limit 9 --cpu-shares 512 --cpus 0.5 \
    --cpuset-cpus 0 --cgroup-conf memory.high=60000000 --cgroupns host -- sh -c '
    cd /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
    cat memory.max memory.low memory.high pids.max cpu.weight cpu.max cpuset.cpus' >/tmp/out
check "v2: the values" "67108864 33554432 59998208 9 59 50000 100000 0" "$(tr '\n' ' ' </tmp/out | sed 's/ $//')"
# busybox's timeout turns into the command, and a process 1 would ignore its signal.
mini run --cpus 0.5 --report /tmp/report -- sh -c "timeout 3 sh -c 'while :; do :; done'; true"
used=$(($(field user_usec) + $(field system_usec)))
check "v2: half a processor ($used)" 1 $((used > 1200000 && used < 1800000))
# A real fork bomb: it cannot take more than it has, and is gone with its first process.
mini run --pids-limit 50 --report /tmp/report -- sh -c 'b() { b | b & }; b; exec sleep 2' 2>/dev/null
check "v2: a fork bomb is held" 0 $?
check "v2: and gone" 0 "$(ps | grep -c '[b] | b')"
mini run --privileged -m 200m -- mini run -m 64m -- $hog 2>/dev/null
check "v2: limits inside limits" 137 $?
mini run --privileged -m 200m -- mini run -m 64m -- $small 2>/dev/null
check "v2: and what fits them" 0 $?
# A kernel before 5.7 has no clone3(2), by which a child is born in its group: then it joins.
printf '\40\0\0\0\0\0\0\0\25\0\0\1\263\1\0\0\6\0\0\0\46\0\5\0\6\0\0\0\0\0\377\177' >/tmp/no-clone3
old="mini run --privileged --security-opt seccomp=/tmp/no-clone3 -- mini run"
$old -m 64m -- $hog 2>/dev/null
check "v2: joined by hand" 137 $?
check "v2: and counted" "50" "$($old --pids-limit 50 --cgroupns host -- sh -c 'cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/pids.max')"
mini run --memory-swappiness 5 -- true 2>/tmp/err
check "v2: what only v1 has" 125 $?

# An ordinary user.
mkdir -p /etc
echo 'u:x:1000:1000::/:/bin/sh' >/etc/passwd
chmod 777 /tmp
su u -c "mini run -m 64m -- true" 2>/tmp/err
check "user without a group" 125 $?
check "is told which file" 1 "$(grep -c '/sys/fs/cgroup/cgroup.procs: Permission denied' /tmp/err)"
mkdir -p /sys/fs/cgroup/u/leaf
echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
chown -R u /sys/fs/cgroup/u
sh -c "echo 0 >/sys/fs/cgroup/u/leaf/cgroup.procs; su u -c \"mini run -m 64m -- $hog\"" 2>/dev/null
check "user with a group: too much memory" 137 $?
sh -c "echo 0 >/sys/fs/cgroup/u/leaf/cgroup.procs; su u -c \"mini run -m 64m -- $small\"" 2>/dev/null
check "user with a group: enough" 0 $?
check "nothing is left of it" leaf "$(cd /sys/fs/cgroup/u; ls -d */ | tr -d /)"
rmdir /sys/fs/cgroup/u/leaf /sys/fs/cgroup/u
check "nothing is left on v2" "" "$(ls -d /sys/fs/cgroup/*/ 2>/dev/null | grep mini-)"
