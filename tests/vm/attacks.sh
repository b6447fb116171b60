# What would hurt the machine if a wall were missing, tried from inside by root, on a kernel that has
# nothing else to do. Prints a line for each promise.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}

mkdir -p /r/bin /r/etc /proc /sys
mount -t proc proc /proc
mount -t sysfs sysfs /sys
cp /bin/busybox /r/bin/
for applet in sh ls kill date mknod reboot insmod hostname cat dd echo sync swapoff chroot unshare; do
    ln -s busybox /r/bin/$applet
done
inside() { mini run --rootfs /r -- sh -c "$1" 2>/dev/null; }
open() { mini run --privileged --cap-drop SYS_ADMIN --rootfs /r -- sh -c "$1" 2>/dev/null; }

sleep 1000 &
outside=$!
inside 'kill -9 -1; exit 5'
check "kill -9 -1 ends only what is inside" "5 alive" "$? $(kill -0 $outside && echo alive)"
mini run --pid host --rootfs /r -u 1234 -- sh -c 'kill -9 -1; exit 6' 2>/dev/null
check "also among the host's processes, as nobody" "6 alive" "$? $(kill -0 $outside && echo alive)"

check "sysrq cannot be pressed" "denied" "$(inside 'echo b > /proc/sysrq-trigger || echo denied')"
check "nor the machine be rebooted" "denied" "$(inside 'reboot -f || echo denied')"
check "the kernel runs no program for a core" "core denied" \
    "$(cat /proc/sys/kernel/core_pattern) $(inside 'echo "|/evil" > /proc/sys/kernel/core_pattern || echo denied')"
check "nor for a module" "denied" "$(inside 'echo /evil > /proc/sys/kernel/modprobe || echo denied')"
check "no module can be loaded" "denied" "$(inside 'insmod /bin/busybox || echo denied')"
check "the kernel's log cannot be written" "denied" \
    "$(inside 'mknod /dev/kmsg c 1 11 && echo x > /dev/kmsg || echo denied')"
check "nor its memory be read" "denied" \
    "$(inside 'mknod /dev/mem c 1 1 && dd if=/dev/mem of=/dev/null count=1 || echo denied')"
check "the clock cannot be set" "$(date +%Y)" "$(inside 'date -s 2001-01-01 >/dev/null; date +%Y')"
check "the host keeps its name" "denied" "$(inside 'hostname evil || echo denied')"
check "no namespace of one's own" "denied" "$(inside 'unshare -Ur true || echo denied')"

# Each of these is real: with the wall away it works.
pattern=$(open 'echo core2 > /proc/sys/kernel/core_pattern'; cat /proc/sys/kernel/core_pattern)
check "without the walls core_pattern can be written" core2 "$pattern"
check "and the log" "done" \
    "$(open 'mknod /dev/kmsg c 1 11 && echo x > /dev/kmsg && echo done')"
mini run --cap-add SYS_TIME --rootfs /r -- date -s 2031-01-01 >/dev/null 2>&1
check "and with SYS_TIME the clock" 2031 "$(date +%Y)"
mini run --cap-add SYS_MODULE --rootfs /r -- insmod /bin/busybox 2>&1 | grep -q 'nvalid' &&
    check "and with SYS_MODULE the kernel looks at the module" 1 1

# On an initramfs the right to unmount would lead out.
for words in "--privileged" "--cap-add SYS_ADMIN" "--cap-add ALL"; do
    # shellcheck disable=SC2086 # several words
    mini run $words --rootfs /r -- true 2>/tmp/error
    check "$words is refused on an initramfs" "125 1" "$? $(grep -c 'cap-drop SYS_ADMIN' /tmp/error)"
done
mini run --privileged --cap-drop SYS_ADMIN --rootfs /r -- sh -c 'exit 7'
check "unless SYS_ADMIN is dropped" 7 $?
