# What a CPU of 32 bits could get wrong: sizes above 2 and 4 GiB, ids above 65535, dates after 2038, and the
# calls for time of kernels before 5.1. The same holds on CPUs of 64 bits.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /sys /r/bin /r/mnt
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs devtmpfs /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
cp /bin/busybox /r/bin/
for applet in sh ls cat stat date; do ln -s busybox /r/bin/$applet; done

# Sizes.
value() { mini run "$1" "$2" --cgroupns host -- sh -c 'cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max'; }
check "a limit of 3 GiB" 3221225472 "$(value -m 3g)"
check "one of 5 GiB" 5368709120 "$(value -m 5g)"
truncate -s 3G /r/large
check "a file of 3 GiB in the root" 3221225472 "$(mini run --rootfs /r -- stat -c %s /large)"
check "as a volume" 3221225472 "$(mini run --rootfs /r -v /r/large:/mnt/large:ro -- stat -c %s /mnt/large)"
truncate -s 8M /image && mke2fs -F /image >/dev/null && mkdir /image.d && mount -o loop /image /image.d
mkdir -p /image.d/proc /image.d/sys /image.d/dev && cp -r /r/bin /image.d && umount /image.d
truncate -s 3G /image
check "an image of 3 GiB" 1 "$(mini run --rootfs /image -- sh -c 'echo $$')"
rm /r/large
touch -d '2050-01-01 00:00' /r/late
tar -C /r -cf /r.tar .
truncate -s 3G /r.tar
check "an archive of 3 GiB" 1 "$(mini run --rootfs /r.tar -- sh -c 'echo $$')"
check "a date after 2038 in it" 2050 "$(mini run --rootfs /r.tar -- date -r /late +%Y)"
# The directory's own time is read, and set again after what is written into it later.
mkdir /r/late.d && echo >/r/late.d/file && touch -d '2050-01-01 00:00' /r/late.d
(cd /r && tar -cf /late.tar late.d bin late.d/file)
check "and of a directory that is written to" 2050 "$(mini run --rootfs /late.tar -- date -r /late.d +%Y)"
check "a file system of 3 GiB" 3145728 "$(mini run --rootfs /r --tmpfs /mnt:size=3g -- stat -f -c '%b %s' /mnt | (read -r b s && echo $((b * (s / 1024)))))"
check "a limit of 3 GB for files" 3000000000 "$(mini run --ulimit fsize=3000000000 -- sed -n 's/^Max file size *\([0-9]*\) .*/\1/p' /proc/self/limits)"
check "ids above 65535" "100000 70000" \
    "$(mini run -u 100000 --group-add 70000 -- sed -n 's/^Uid:[^0-9]*\([0-9]*\).*/\1/p; s/^Groups:.*\(70000\).*/\1/p' /proc/self/status | tr '\n' ' ' | sed 's/ $//')"

# The calls for wide times, 403 to 421 on every CPU of 32 bits, fail as on Linux 5.0.
printf '\40\0\0\0\0\0\0\0\65\0\0\2\223\1\0\0\65\0\1\0\246\1\0\0\6\0\0\0\46\0\5\0\6\0\0\0\0\0\377\177' >/tmp/old-times
old="mini run --privileged --security-opt seccomp=/tmp/old-times -- mini run"
check "older kernels: a command" 1 "$($old -- sh -c 'echo $$')"
$old --timeout 1 -- sleep 100
check "older kernels: a timeout" 124 $?
check "older kernels: a terminal" /dev/pts/0 "$($old -t --rootfs /r -- ls -l /proc/self/fd/0 | sed 's/.*-> //' | tr -d '\r')"
check "older kernels: an archive" 1 "$($old --rootfs /r.tar -- sh -c 'echo $$')"
mini run --report /tmp/report -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done'
check "what was used is told" 1 "$(sed -n 's/.*"user_usec":\([0-9]*\).*"max_rss":\([0-9]*\).*/\1 \2/p' /tmp/report |
    (read -r time memory && echo $((time > 1000 && time < 60000000 && memory > 100000 && memory < 100000000))))"

# The old ABI of ARM: the filter refuses it, where the kernel would end the program (132).
if [ "$(uname -m)" = armv7l ]; then
    printf '\177\105\114\106\1\1\1\0\0\0\0\0\0\0\0\0\2\0\50\0\1\0\0\0\124\0\1\0\64\0\0\0\0\0\0\0\0\4\0\5\64\0\40\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\154\0\0\0\154\0\0\0\5\0\0\0\0\20\0\0' >/oabi
    # getpid as 0x900014, and an exit with its error.
    printf '\14\160\237\345\0\0\0\357\0\0\140\342\1\160\240\343\0\0\0\357\24\0\220\0' >>/oabi
    chmod +x /oabi
    mini run -- /oabi
    status=$?
    mini run --security-opt seccomp=unconfined -- /oabi
    check "the old ABI does not exist" "38 132" "$status $?"
else
    check "the old ABI does not exist" "" ""
fi
