# Hosts that lack the most ordinary things: no /dev/null and no terminal, nothing that can be written to, a
# clock that was never set, hardly any memory. mini works, or says in one line why not.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /r/bin /t /sys/fs/cgroup
cp /bin/busybox /r/bin/
for applet in sh cat ls; do ln -s busybox /r/bin/$applet; done
rm /dev/null /dev/zero
# As a machine without a clock has it; some kernels take an emulated one of 1970 for one of 2070. The
# kernel refuses a time before its own start.
date -s "1970-01-01 00:05" >/t/date

check "the clock was never set" 1970 "$(date +%Y)"
check "a command runs" 1 "$(mini run -- sh -c 'echo $$')"
check "a root of its own" "1970 /dev/null" "$(mini run --rootfs /r -- /bin/sh -c 'echo "$(busybox date +%Y) $(ls /dev/null)"')"
mini run --timeout 0.3 -- sleep 100
check "times are kept" 124 $?
mini run --report /t/report -m 16m -- true
check "and measured" 1 "$(grep -c '"status":0,.*"wall_usec":[0-9]' /t/report)"
check "groups of the dead are told from others" "" "$(ls -d /sys/fs/cgroup/mini-* 2>/dev/null)"

mini run -t -- true 2>/t/error
check "no terminal to be had" "125 1" "$? $(grep -c '^mini: ' /t/error)"
check "standard descriptors that are closed" "0" "$(mini run -- true <&- >&- 2>&-; echo $?)"

mount -t proc proc /proc
mount -o remount,ro /
check "nothing can be written" 1 "$(touch /x 2>&- || echo 1)"
check "a command runs" 1 "$(mini run -- sh -c 'echo $$')"
check "a root of its own" "yes" "$(mini run --rootfs /r -- /bin/sh -c 'echo yes')"
check "a new volume has no place, and it is said" "125 mini: mount tmpfs /new: Read-only file system" \
    "$(mini run --rootfs /r --tmpfs /new -- /bin/sh -c 'echo yes' 2>&1 | head -n 1 | sed 's/ (.*//; s/^/125 /')"
mount -o remount,rw /

# A group with too little memory for mini itself: the kernel kills somebody, and nothing stays.
mount -t cgroup2 cgroup /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/small
tries=0
gone=0
for limit in 16384 65536 131072 262144 393216 524288 1048576; do
    echo $limit >/sys/fs/cgroup/small/memory.max
    sh -c 'echo $$ >/sys/fs/cgroup/small/cgroup.procs; exec mini run -- true' 2>>/t/error
    case $? in 0 | 125 | 137) tries=$((tries + 1)) ;; esac
    # Where mini itself was killed, the kernel is still ending what was inside.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        left=$(cat /sys/fs/cgroup/small/cgroup.procs)
        [ -z "$left" ] || sleep 0.5
    done
    [ -z "$left" ] && gone=$((gone + 1))
done 2>/dev/null
check "with hardly any memory it works, tells, or is killed" "7 7" "$tries $gone"
check "and leaves no mount" 3 "$(grep -c . /proc/mounts)"
